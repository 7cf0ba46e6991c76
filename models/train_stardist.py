"""Train a StarDist network, on generated slices or on pictures that somebody annotated.

The same seed and numbers give the same weights on the same machine with the same number of
threads: sums in another order round otherwise.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Protocol

import numpy as np
import torch
from torch.nn import functional

from .normalise import normalised
from .phantoms.nmc import GENERATOR, nmc_slice
from .rays import closeness, star_distances
from .stardist import SHORTEST, Config, StarDist

EVERY = 25
"""Steps between two points of the curve."""
CLIP = 1.0
"""Largest norm of a gradient."""
RAY_SHARE = 0.06
"""Share of the places in particles whose rays are walked; all others teach probability alone."""
FIRST_DISTANCE = 12.0
"""Pixels that every ray is before training."""
AGAIN = 0.6
"""Highest learning rate of a further cycle relative to the one before."""
STREAMS = {"train": 0, "validate": 1, "test": 2}
"""Seeds of these never meet."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """All that decides what is learned."""

    steps: int = 7200
    cycles: int = 3
    """Times that the learning rate rises and falls."""
    batch: int = 4
    """New fields for each step."""
    size: int = 160
    """Pixels a side of a field."""
    rate: float = 1.5e-3
    """Learning rate at its highest."""
    base: int = 16
    features: int = 64
    rays: int = 32
    grid: int = 2
    seed: int = 1

    def __post_init__(self) -> None:
        """Refuse numbers that train nothing; ValueError says what is allowed."""
        if not 1 <= self.cycles <= max(1, self.steps // 4):
            raise ValueError(f"cycles must be from 1 to steps / 4, not {self.cycles}")
        for name, least in (("steps", 4), ("batch", 1), ("size", 32), ("base", 1)):
            if getattr(self, name) < least:
                raise ValueError(f"{name} must be at least {least}, not {getattr(self, name)}")
        block = self.config.block[0]
        if self.size % block:
            raise ValueError(f"size must be a multiple of {block}, not {self.size}")

    @property
    def config(self) -> Config:
        """Of the network."""
        return Config(self.rays, (self.grid, self.grid), base=self.base, features=self.features)

    def facts(self) -> dict[str, Any]:
        """What decides the weights, in JSON's types."""
        return {"generator": GENERATOR, **asdict(self), "fields": self.steps * self.batch}


@dataclass(frozen=True, slots=True)
class Samples:
    """What one step learns from."""

    images: np.ndarray
    """float32 [n, y, x], normalised"""
    prob: np.ndarray
    """float32 [n, Y, X]; below 0 where nothing is known"""
    place: np.ndarray
    """int64 [point, (n, Y, X)]: where the rays were walked"""
    dist: np.ndarray
    """float32 [point, ray], pixels"""


class Source(Protocol):
    """Where samples come from."""

    def __call__(self, rng: np.random.Generator, many: int, /) -> list[tuple[Any, Any]]:
        """Give `many` pairs of image [y, x] and labels [y, x] (below 0: unknown)."""
        ...


@dataclass(frozen=True, slots=True)
class Generated:
    """New slices from the generator, each time others."""

    size: int

    def __call__(self, rng: np.random.Generator, many: int) -> list[tuple[Any, Any]]:
        """Make `many` slices."""
        made = [nmc_slice(rng, (self.size, self.size)) for _ in range(many)]
        return [(normalised(one.image), one.labels) for one in made]


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


def fresh(config: Config) -> StarDist:
    """Make a network that has learned nothing."""
    net = StarDist(config)
    for module in net.modules():
        if isinstance(module, torch.nn.Conv2d):
            torch.nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
            torch.nn.init.zeros_(module.bias)  # type: ignore[arg-type]
    with torch.no_grad():
        net.prob.weight.mul_(0.1)
        net.dist.weight.mul_(0.1)
        net.dist.bias.fill_(FIRST_DISTANCE)  # type: ignore[union-attr]
    return net.to(memory_format=torch.channels_last)  # type: ignore[no-any-return, call-overload]


def train(
    recipe: Recipe,
    source: Source | None = None,
    progress: Progress | None = None,
    start: StarDist | None = None,
    held: Held | None = None,
) -> Trained:
    """Train a network by `recipe` on `source` (default: the generator).

    It goes on from `start` if there is one. With `held` it ends early, and the weights are those of
    the best point of the curve.
    """
    started = time.process_time()
    torch.manual_seed(recipe.seed)
    source = source or Generated(recipe.size)
    net = fresh(recipe.config) if start is None else _copy(start)
    optimiser, schedule = _cycle(net, recipe, 0)
    curve: list[tuple[float, ...]] = []
    recent: list[float] = []
    keeper = Keeper(held)
    length = -(-recipe.steps // recipe.cycles)
    for step in range(recipe.steps):
        if step and step % length == 0:
            optimiser, schedule = _cycle(net, recipe, step // length)
        loss = learn(net, draw(recipe, source, step))
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(net.parameters(), CLIP)
        optimiser.step()
        schedule.step()
        recent.append(float(loss.detach()))
        if (step + 1) % EVERY == 0 or step + 1 == recipe.steps:
            curve.append((step + 1, float(np.mean(recent)), *keeper.judge(net, step + 1)))
            recent = []
            if progress:
                progress(step + 1, recipe.steps, *curve[-1][1:])
            if keeper.enough:
                break
    best = keeper.restore(net, int(curve[-1][0]))
    return Trained(net.eval(), curve, time.process_time() - started, best)


def _cycle(
    net: StarDist, recipe: Recipe, number: int
) -> tuple[torch.optim.Optimizer, torch.optim.lr_scheduler.LRScheduler]:
    rate, length = recipe.rate * AGAIN**number, -(-recipe.steps // recipe.cycles)
    optimiser = torch.optim.AdamW(net.parameters(), rate, weight_decay=1e-4)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, rate, total_steps=length, pct_start=max(0.05, 2 / length)
    )
    return optimiser, schedule


class Keeper:
    """Keeps the weights of the best point of the curve."""

    def __init__(self, held: Held | None) -> None:
        self.held = held
        self.least = float("inf")
        self.best = self.waited = 0
        self.state: dict[str, torch.Tensor] = {}

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


def draw(recipe: Recipe, source: Source, step: int, stream: str = "train") -> Samples:
    """Make what one step learns from."""
    rng = np.random.default_rng([recipe.seed, STREAMS[stream], step])
    return sampled(rng, source(rng, recipe.batch), recipe.config)


def sampled(
    rng: np.random.Generator, pairs: list[tuple[Any, Any]], config: Config, share: float = RAY_SHARE
) -> Samples:
    """Work out what the network should answer for images with labels."""
    gy, gx = config.grid
    images, probs, places, dists = [], [], [], []
    for number, (image, labels) in enumerate(pairs):
        prob = closeness(np.maximum(labels, 0))
        prob[labels < 0] = -1
        coarse = labels[::gy, ::gx]
        points = np.argwhere(coarse > 0)
        points = points[rng.random(len(points)) < share]
        dists.append(star_distances(labels, points * config.grid, config.rays))
        places.append(np.insert(points, 0, number, axis=1))
        images.append(image)
        probs.append(prob[::gy, ::gx])
    return Samples(np.stack(images), np.stack(probs), np.concatenate(places), np.concatenate(dists))


def learn(net: StarDist, samples: Samples) -> torch.Tensor:
    """Give the loss: crossed entropy of the probability, and how far the outlines are off.

    Outlines twice: mean error of the rays relative to the particle, and one minus the intersection
    over union of the two stars, sum min(r)^2 / sum max(r)^2 (as in PolarMask, CVPR 2020).
    """
    inputs = torch.from_numpy(samples.images)[:, None].contiguous(memory_format=torch.channels_last)
    logits, dist = net(inputs)
    prob = torch.from_numpy(samples.prob)
    known = prob >= 0
    loss: torch.Tensor = functional.binary_cross_entropy_with_logits(logits[known], prob[known])
    if not len(samples.place):
        return loss
    n, y, x = torch.from_numpy(samples.place).T
    said, true = dist[n, :, y, x], torch.from_numpy(samples.dist)
    weight = prob[n, y, x]
    total = weight.sum()
    off = (said - true).abs().mean(dim=1) / (true.mean(dim=1) + 2)
    far = said.clamp_min(SHORTEST)
    union = torch.maximum(far, true).square().sum(dim=1)
    shared = torch.minimum(far, true).square().sum(dim=1)
    outlines: torch.Tensor = (weight * (off + 1 - shared / union)).sum() / total
    return loss + outlines
