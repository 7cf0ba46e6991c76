"""Phantoms that live: the same specimen frame after frame, drifting, flickering, growing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from .grains import Grain, Window, depth, window
from .phantom import Phantom, shoot
from .scene import MARGIN, Scene, render

REACH = 1.3
"""How far beyond its outline a growing grain's fringes are followed, in units of its size."""
SOFT = 0.08
"""Width of the growth front in units of the grain's size."""


def frames(
    phantom: Phantom,
    n: int,
    seed: int,
    *,
    growing: str | None = None,
    drift: float = 0.02,
    flicker: float = 0.02,
) -> Iterator[Phantom]:
    """Take `n` images of a phantom's specimen, each with noise of its own and a truth of its own.

    The stage walks at random, about `drift` nm a frame, and stays within the margin; the dose
    varies by `flicker` (relative standard deviation). The grains of the phase `growing` are absent
    at first, nucleate one after the other and are all full-grown in the last image.
    """
    shape = (phantom.image.shape[0], phantom.image.shape[1])
    rng = np.random.default_rng([seed, 5])
    growth = None if growing is None else _growth(phantom.scene, growing)
    step = drift / phantom.scene.microscope.pixel
    place = np.zeros(2)
    for i in range(n):
        scene = phantom.scene if growth is None else growth.at((i + 1) / n)
        dose = max(0.1, 1 + flicker * rng.standard_normal())
        yield shoot(scene, shape, rng, (round(place[0]), round(place[1])), dose)
        place = np.clip(place + step * rng.standard_normal(2), -MARGIN, MARGIN)


@dataclass(frozen=True, slots=True)
class _Growth:
    """A scene at any time between the absence of one phase and its full growth."""

    full: Scene
    bare: np.ndarray
    """float32[y, x]: relative intensity without the growing grains."""
    grains: tuple[Grain, ...]
    fronts: tuple[tuple[Window, np.ndarray], ...]
    """Of each growing grain: its part of the canvas, and how far out its pixels are (1 = edge)."""

    def at(self, time: float) -> Scene:
        """Give the scene at `time` in 0..1; the last grain is full-grown at 1."""
        there = np.ones(self.bare.shape, np.float32)
        grain_map = self.full.grain_map.copy()
        for part, _ in self.fronts:
            there[part.box] = 0
        for i, (grain, (part, radius)) in enumerate(zip(self.grains, self.fronts, strict=True)):
            start = 0.6 * i / len(self.grains)
            size = (REACH + SOFT) * np.clip((time - start) / (1 - start), 0, 1)
            here = np.clip((size - radius) / SOFT, 0, 1)
            np.maximum(there[part.box], here, out=there[part.box])
            grain_map[part.box][(here < 0.5) & (grain_map[part.box] == grain.number)] = 0
        relative = self.bare + there * (self.full.relative - self.bare)
        return replace(self.full, relative=relative, grain_map=grain_map)


def _growth(full: Scene, phase: str) -> _Growth:
    grains = tuple(grain for grain in full.grains if grain.phase == phase)
    if not grains:
        there = ", ".join(sorted({grain.phase for grain in full.grains})) or "no grains"
        raise ValueError(f"no grain of {phase!r} to grow; there are {there}")
    rest = [grain for grain in full.grains if grain.phase != phase]
    bare, _ = render(full.seed, full.thickness, rest, full.specimen, full.microscope)
    pixels, shape = full.microscope.pixels, full.thickness.shape
    parts = [window(grain, shape, pixels, REACH) for grain in grains]
    radii = [1 - depth(grain, p.y, p.x) for grain, p in zip(grains, parts, strict=True)]
    return _Growth(full, bare, grains, tuple(zip(parts, radii, strict=True)))
