"""Train the spot network, on generated spectra only.

The same seed and numbers give the same weights on the same machine with the same number of
threads: sums in another order round otherwise.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from .phantoms import shown, spectra
from .phantoms.labels import Samples
from .unet import UNet, parameters, predict

FEWEST = 4
"""Steps, for the learning rate to rise and to fall."""
EVERY = 25
"""Steps between two points of the curve."""
VALIDATED = 12
"""Steps' worth of spectra that the metrics are taken from."""
EMPHASIS = 3.0
"""Weight of a spot's pixel beside any other."""
CLIP = 1.0
"""Largest norm of a gradient."""
TASKS = {"spectra": ("tiles", "pictures"), "pictures": ("pictures",)}
"""What each task learns from."""
GENERATORS = {"spectra": spectra.GENERATOR, "pictures": shown.GENERATOR}
STREAMS = {"train": 0, "validate": 1}
"""Seeds of both never meet."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """All that decides what is learned."""

    steps: int = 1300
    fields: int = 5
    """New fields for each step, each cut into tiles."""
    tiles: int = 6
    """Tiles taken of each field."""
    pictures: int = 10
    """New fields for each step, each shown as a picture."""
    rate: float = 2e-3
    """Learning rate at its highest."""
    width: int = 16
    """Channels of the finest level."""
    seed: int = 1
    task: str = "spectra"
    """spectra: what can be told from noise; pictures: what a person would mark in pictures alone,
    where fields and tiles have no meaning."""

    def __post_init__(self) -> None:
        """Refuse numbers that train nothing; ValueError says what is allowed."""
        if self.steps < FEWEST:
            raise ValueError(f"steps must be at least {FEWEST}, not {self.steps}")
        if self.task not in TASKS:
            raise ValueError(f"task is {' or '.join(TASKS)}, not {self.task!r}")
        for name in ("fields", "tiles", "pictures", "width"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, not {getattr(self, name)}")

    @property
    def samples(self) -> int:
        """How many spectra are seen in all; none twice."""
        tiles = self.fields * self.tiles if "tiles" in TASKS[self.task] else 0
        return self.steps * (tiles + self.pictures)


@dataclass(frozen=True, slots=True)
class Trained:
    """A network and how it came about."""

    net: UNet
    curve: list[tuple[int, float]]
    """(step, mean loss since the point before)"""
    metrics: dict[str, Any]
    """On spectra of the same generator that were not learned from."""
    seconds: float
    """CPU time."""


Progress = Callable[[int, int, float], None]
"""Is told (step, of steps, loss)."""


def train(recipe: Recipe, progress: Progress | None = None) -> Trained:
    """Train a network by `recipe`."""
    started = time.process_time()
    torch.manual_seed(recipe.seed)
    net = UNet(recipe.width).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimiser = torch.optim.AdamW(net.parameters(), recipe.rate, weight_decay=1e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser,
        recipe.rate,
        total_steps=recipe.steps,
        pct_start=max(min(0.1, 50 / recipe.steps), 2 / recipe.steps),
    )
    curve, recent = [], []
    for step in range(recipe.steps):
        optimiser.zero_grad()
        loss = sum(_learn(net, part) for part in draw(recipe, step))
        torch.nn.utils.clip_grad_norm_(net.parameters(), CLIP)
        optimiser.step()
        schedule.step()
        recent.append(loss)
        if (step + 1) % EVERY == 0 or step + 1 == recipe.steps:
            curve.append((step + 1, float(np.mean(recent))))
            recent = []
            if progress:
                progress(step + 1, recipe.steps, curve[-1][1])
    metrics = {"parameters": parameters(net), **validate(net, recipe, min(VALIDATED, recipe.steps))}
    return Trained(net, curve, metrics, time.process_time() - started)


def draw(recipe: Recipe, step: int, stream: str = "train") -> tuple[Samples, ...]:
    """Make what one step learns from: what TASKS names."""
    rng = np.random.default_rng([recipe.seed, STREAMS[stream], step])
    if recipe.task == "pictures":
        return (shown.marked(rng, recipe.pictures),)
    return (
        spectra.tiles(rng, recipe.fields, recipe.tiles),
        spectra.displays(rng, recipe.pictures),
    )


def _learn(net: UNet, samples: Samples) -> float:
    """Add the gradient of one batch; give its loss: nats for each thousand pixels."""
    inputs = torch.from_numpy(samples.inputs).contiguous(memory_format=torch.channels_last)
    target, weight = torch.from_numpy(samples.target), torch.from_numpy(samples.weight)
    weight = weight * (1 + (EMPHASIS - 1) * target)
    logits = net(inputs)
    loss = functional.binary_cross_entropy_with_logits(logits, target, weight, reduction="sum")
    loss = 1e3 * loss / weight.sum()
    loss.backward()  # type: ignore[no-untyped-call]
    return float(loss.detach())


def validate(net: UNet, recipe: Recipe, steps: int) -> dict[str, Any]:
    """Average precision over pixels of spectra that were not learned from."""
    parts = [draw(recipe, step, "validate") for step in range(steps)]
    return {
        name: {"average_precision": round(_average_precision(net, [p[n] for p in parts]), 4)}
        for n, name in enumerate(TASKS[recipe.task])
    }


def _average_precision(net: UNet, samples: list[Samples]) -> float:
    logits = np.concatenate([predict(net, s.inputs).ravel() for s in samples])
    asked = np.concatenate([s.weight.ravel() for s in samples]) > 0
    truth = np.concatenate([s.target.ravel() for s in samples])[asked] > 0
    truth = truth[np.argsort(-logits[asked], kind="stable")]
    precision = np.cumsum(truth) / np.arange(1, len(truth) + 1)
    return float(precision[truth].mean()) if truth.any() else float("nan")


def described(recipe: Recipe) -> dict[str, Any]:
    """Put into words what decides the weights."""
    facts = asdict(recipe)
    if recipe.task == "pictures":
        facts = {name: facts[name] for name in facts if name not in ("fields", "tiles")}
    return {"generator": GENERATORS[recipe.task], **facts, "samples": recipe.samples}
