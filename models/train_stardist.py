"""What one step of training a StarDist network learns: samples, and how far an answer is off."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Protocol

import numpy as np
import torch
from torch.nn import functional

from .normalise import normalised
from .phantoms.nmc import GENERATOR, nmc_slice
from .rays import closeness, star_distances
from .stardist import SHORTEST, Config, StarDist

RAY_SHARE = 0.06
"""Share of the places in particles whose rays are walked; all others teach probability alone."""
FIRST_DISTANCE = 12.0
"""Pixels that every ray is before training."""
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
