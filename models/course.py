"""The course of training a StarDist network, on generated slices or on annotated pictures.

The same seed and numbers give the same weights on the same machine with the same number of
threads: sums in another order round otherwise. So does a training that was stopped and went on.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch

from .checkpoint import Checkpoint
from .stardist import StarDist
from .train_stardist import Generated, Recipe, Samples, Source, draw, fresh, learn

EVERY = 25
"""Steps between two points of the curve; a training is kept as often."""
CLIP = 1.0
"""Largest norm of a gradient."""
AGAIN = 0.6
"""Highest learning rate of a further cycle relative to the one before."""
TIMES = ("last_epoch", "_step_count")
"""What a schedule of the learning rate must remember."""


class Progress(Protocol):
    """Is told how far it is."""

    def __call__(self, step: int, steps: int, /, *losses: float) -> None:
        """Take note: the loss of learning, then that on what is held back if anything is."""
        ...


@dataclass(frozen=True, slots=True)
class Trained:
    """A network and how it came about."""

    net: StarDist
    curve: list[tuple[float, ...]]
    """(step, mean loss since the point before), and the loss on what is held back if any is"""
    seconds: float
    """CPU time."""
    best: int
    """The step whose weights these are."""


@dataclass(frozen=True)
class Held:
    """What isn't learned from, and says when to stop."""

    samples: Sequence[Samples]
    patience: int = 8
    """Points of the curve without a better one after which training ends."""


def train(
    recipe: Recipe,
    source: Source | None = None,
    progress: Progress | None = None,
    start: StarDist | None = None,
    held: Held | None = None,
    kept: Checkpoint | None = None,
) -> Trained:
    """Train a network by `recipe` on `source` (default: the generator).

    It goes on from `start` if there is one. With `held` it ends early, and the weights are those of
    the best point of the curve. With `kept` it goes on with the training that is kept there, and
    keeps itself there. WeightsError if that is another training's.
    """
    torch.manual_seed(recipe.seed)
    source = source or Generated(recipe.size)
    course = Course(fresh(recipe.config) if start is None else _copy(start), recipe, held)
    if kept and (there := kept.get()):
        course.restore(*there)
    while course.goes_on:
        course.step_on(draw(recipe, source, course.step))
        if course.step % EVERY == 0 or course.step == recipe.steps:
            course.point()
            if progress:
                progress(course.step, recipe.steps, *course.curve[-1][1:])
            if kept:
                kept.put(*course.state())
    best = course.keeper.restore(course.net, int(course.curve[-1][0]))
    return Trained(course.net.eval(), course.curve, course.seconds, best)


class Course:
    """A training, as far as it is."""

    def __init__(self, net: StarDist, recipe: Recipe, held: Held | None) -> None:
        self.net, self.recipe, self.keeper = net, recipe, Keeper(held)
        self.step = 0
        self.curve: list[tuple[float, ...]] = []
        self.recent: list[float] = []
        self._before, self._began = 0.0, time.process_time()
        self._cycle(0)

    @property
    def seconds(self) -> float:
        """CPU time so far."""
        return self._before + time.process_time() - self._began

    @property
    def goes_on(self) -> bool:
        """Whether there is more to learn."""
        return self.step < self.recipe.steps and not self.keeper.enough

    @property
    def _length(self) -> int:
        return -(-self.recipe.steps // self.recipe.cycles)

    def _cycle(self, number: int) -> None:
        rate, length = self.recipe.rate * AGAIN**number, self._length
        self.optimiser = torch.optim.AdamW(self.net.parameters(), rate, weight_decay=1e-4)
        self.schedule = torch.optim.lr_scheduler.OneCycleLR(
            self.optimiser, rate, total_steps=length, pct_start=max(0.05, 2 / length)
        )

    def step_on(self, samples: Samples) -> None:
        """Learn from `samples`."""
        if self.step and self.step % self._length == 0:
            self._cycle(self.step // self._length)
        loss = learn(self.net, samples)
        self.optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.net.parameters(), CLIP)
        self.optimiser.step()
        self.schedule.step()
        self.recent.append(float(loss.detach()))
        self.step += 1

    def point(self) -> None:
        """Add a point to the curve."""
        judged = self.keeper.judge(self.net, self.step)
        self.curve.append((self.step, float(np.mean(self.recent)), *judged))
        self.recent = []

    def state(self) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
        """Give all that is needed to go on: arrays, and facts in JSON's types."""
        arrays = {f"net.{name}": value for name, value in self.net.state_dict().items()}
        arrays |= {f"best.{name}": value for name, value in self.keeper.state.items()}
        said = self.optimiser.state_dict()
        for number, moments in said["state"].items():
            arrays |= {f"moments.{number}.{name}": value for name, value in moments.items()}
        groups = [{k: v for k, v in g.items() if k != "params"} for g in said["param_groups"]]
        times = {name: self.schedule.state_dict()[name] for name in TIMES}
        keeper = self.keeper
        judged: dict[str, Any] = {"best": keeper.best, "waited": keeper.waited}
        judged |= {"least": keeper.least} if keeper.state else {}
        facts = {"step": self.step, "curve": self.curve, "seconds": self.seconds}
        return arrays, {**facts, "groups": groups, "schedule": times, "judged": judged}

    def restore(self, arrays: dict[str, torch.Tensor], facts: dict[str, Any]) -> None:
        """Take up what `state` gave."""
        self.step, self._before = facts["step"], facts["seconds"]
        self.curve = [tuple(point) for point in facts["curve"]]
        self.net.load_state_dict(_under("net.", arrays))
        self.keeper.take(_under("best.", arrays), facts["judged"])
        self._cycle((self.step - 1) // self._length)
        moments: dict[int, dict[str, torch.Tensor]] = {}
        for name, value in _under("moments.", arrays).items():
            number, _, which = name.partition(".")
            moments.setdefault(int(number), {})[which] = value
        fresh_groups = self.optimiser.state_dict()["param_groups"]
        groups = [
            {**new, **{k: tuple(v) if isinstance(v, list) else v for k, v in old.items()}}
            for new, old in zip(fresh_groups, facts["groups"], strict=True)
        ]
        self.optimiser.load_state_dict({"state": moments, "param_groups": groups})
        self.schedule.load_state_dict(facts["schedule"])


def _under(prefix: str, arrays: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {k.removeprefix(prefix): v for k, v in arrays.items() if k.startswith(prefix)}


class Keeper:
    """Keeps the weights of the best point of the curve."""

    def __init__(self, held: Held | None) -> None:
        self.held = held
        self.least = float("inf")
        self.best = self.waited = 0
        self.state: dict[str, torch.Tensor] = {}

    def take(self, state: dict[str, torch.Tensor], judged: dict[str, Any]) -> None:
        """Take up what was judged before."""
        self.state, self.best, self.waited = state, judged["best"], judged["waited"]
        self.least = judged.get("least", self.least)

    def judge(self, net: StarDist, step: int) -> tuple[float, ...]:
        """Give the loss on what is held back, if anything is."""
        if self.held is None:
            return ()
        with torch.no_grad():
            loss = float(np.mean([float(learn(net, one)) for one in self.held.samples]))
        self.waited += 1
        if loss < self.least:
            self.least, self.best, self.waited = loss, step, 0
            self.state = {name: value.clone() for name, value in net.state_dict().items()}
        return (loss,)

    @property
    def enough(self) -> bool:
        """Whether nothing became better for long."""
        return self.held is not None and self.waited >= self.held.patience

    def restore(self, net: StarDist, last: int) -> int:
        """Put the best weights back; give their step."""
        if not self.state:
            return last
        net.load_state_dict(self.state)
        return self.best


def _copy(net: StarDist) -> StarDist:
    same = StarDist(net.config)
    same.load_state_dict(net.state_dict())
    return same.to(memory_format=torch.channels_last)  # type: ignore[no-any-return, call-overload]
