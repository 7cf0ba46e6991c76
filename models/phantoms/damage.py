"""What happens to a particle: cracks from its middle outwards, pores, a hollow core."""

from __future__ import annotations

import numpy as np

from .packing import Packing

STEP = 0.5
"""Pixels between two points of a crack."""


def damage(rng: np.random.Generator, packing: Packing) -> np.ndarray:
    """How much of the particle is missing at each pixel, float32 [y, x], 0 to 1."""
    missing = np.zeros(packing.labels.shape, np.float32)
    many = len(packing.radii)
    share = rng.choice([0.0, rng.uniform(0, 1)], p=[0.25, 0.75])
    cracked = np.flatnonzero((rng.random(many) < share) & (packing.radii > 5))
    if cracked.size:
        _cracks(rng, packing, missing, np.repeat(cracked, rng.integers(1, 7, len(cracked))))
    holed = np.flatnonzero((rng.random(many) < rng.choice([0.0, 0.5])) & (packing.radii > 5))
    if holed.size:
        _pores(rng, packing, missing, np.repeat(holed, rng.integers(1, 6, len(holed))))
    if rng.random() < 0.15:
        hollow = rng.random(many + 1) < 0.4
        core = packing.depth < rng.uniform(0.1, 0.3)
        missing[core & hollow[packing.labels]] = rng.uniform(0.3, 1.0)
    return missing * (packing.labels > 0)


def _cracks(
    rng: np.random.Generator, packing: Packing, missing: np.ndarray, of: np.ndarray
) -> None:
    """Random walks that keep their direction, some wide, some hair-fine."""
    radius = packing.radii[of]
    steps = int(1.2 * radius.max() / STEP) + 1
    turn = rng.uniform(0, 2 * np.pi, len(of))[:, None] + np.cumsum(
        rng.normal(0, rng.uniform(0.03, 0.2), (len(of), steps)), axis=1
    )
    start = packing.centres[of] + rng.normal(0, 0.25, (len(of), 2)) * radius[:, None]
    y = start[:, :1] + STEP * np.cumsum(np.sin(turn), axis=1)
    x = start[:, 1:] + STEP * np.cumsum(np.cos(turn), axis=1)
    length = rng.uniform(0.3, 1.2, len(of)) * radius / STEP
    seen = np.arange(steps)[None, :] < length[:, None]
    dark = np.broadcast_to(rng.uniform(0.3, 1.0, (len(of), 1)), y.shape)
    width = rng.uniform(0, 0.05, len(of)) * radius * rng.uniform(0, 1)
    for offset in (-1.0, 0.0, 1.0):
        shift = offset * width[:, None]
        _stamp(packing, missing, of, y + shift * np.cos(turn), x - shift * np.sin(turn), seen, dark)


def _pores(rng: np.random.Generator, packing: Packing, missing: np.ndarray, of: np.ndarray) -> None:
    """Small round holes."""
    radius = packing.radii[of]
    place = packing.centres[of] + rng.normal(0, 0.4, (len(of), 2)) * radius[:, None]
    dots = 24
    turn = np.arange(dots) * 2.4
    far = np.sqrt(np.arange(dots) / dots) * (rng.uniform(0.02, 0.13, len(of)) * radius)[:, None]
    y, x = place[:, :1] + far * np.sin(turn), place[:, 1:] + far * np.cos(turn)
    dark = np.broadcast_to(rng.uniform(0.3, 1.0, (len(of), 1)), y.shape)
    _stamp(packing, missing, of, y, x, np.ones(y.shape, bool), dark)


def _stamp(
    packing: Packing,
    missing: np.ndarray,
    of: np.ndarray,
    y: np.ndarray,
    x: np.ndarray,
    seen: np.ndarray,
    dark: np.ndarray,
) -> None:
    iy, ix = np.rint(y).astype(int), np.rint(x).astype(int)
    height, width = packing.labels.shape
    seen = seen & (iy >= 0) & (iy < height) & (ix >= 0) & (ix < width)
    number = np.broadcast_to(of[:, None] + 1, y.shape)[seen]
    iy, ix, dark = iy[seen], ix[seen], dark[seen]
    own = packing.labels[iy, ix] == number
    missing[iy[own], ix[own]] = dark[own]
