"""Where the spots of a generated spectrum are, and where nothing is asked about them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..inputs import unfold
from .fields import Field

CORE, HALO = 1.2, 2.6
"""Bins around a spot that belong to it, and in which nothing is asked."""


@dataclass(frozen=True, slots=True)
class Rule:
    """What counts as a spot; nothing is asked of what is neither surely one nor surely none."""

    sure: float
    """Expected z of a fringe's own power from which it is a spot."""
    none: float
    """The same below which it is none."""
    realised: float
    """z that must be seen at a spot: noise may have taken it away."""
    missed: float = 0.0
    """z at a spot below which it counts as none."""


PHYSICAL = Rule(sure=5.0, none=1.5, realised=7.0)
"""What can be told from noise."""


@dataclass(frozen=True, slots=True)
class Samples:
    """A batch to learn from."""

    inputs: np.ndarray
    """float32 [n, channel, height, width], see `inputs.encode`"""
    target: np.ndarray
    """float32 [n, height, width]: 1 on spots"""
    weight: np.ndarray
    """float32 [n, height, width]: 0 where nothing is asked"""


def expected_spots(
    one: Field, corners: np.ndarray, window: np.ndarray, level: np.ndarray, size: int
) -> list[np.ndarray]:
    """Of each tile: [spot, (ky, kx, expected z)], ky and kx in bins, kx >= 0."""
    fringes, found = one.fringes, []
    bins = fringes.k * size
    bins = np.where(bins[:, 1:] < 0, -bins, bins)
    ring = np.minimum(np.rint(np.hypot(bins[:, 0], bins[:, 1])).astype(int), level.shape[1] - 1)
    for (y, x), noise in zip(corners, level, strict=True):
        masks = fringes.masks[:, y : y + size, x : x + size]
        there = (masks * window).sum(axis=(1, 2)) / size
        own = 0.25 * (fringes.amplitude * there[fringes.crystal]) ** 2
        found.append(np.column_stack([bins, own / noise[ring]]))
    return found


def labelled(
    inputs: np.ndarray,
    z: np.ndarray,
    spots: list[np.ndarray],
    rule: Rule = PHYSICAL,
    clear: np.ndarray | None = None,
) -> Samples:
    """Draw targets and weights on the half plane of z, then as the inputs show it.

    `clear` [n, ky, kx] is power over that of the surroundings, where that must be high too.
    """
    target, weight = np.zeros_like(z), (z > 0).astype(np.float32)
    for n, rows in enumerate(spots):
        rows = rows[rows[:, 2] > rule.none]
        bins, far = _near(np.concatenate([rows[:, :2], -rows[:, :2]]), z.shape[1:])
        seen = np.where(far < CORE, z[n].ravel()[bins], 0).max(axis=1, initial=0)
        sure = (np.tile(rows[:, 2], 2) > rule.sure) & (seen > rule.realised)
        if clear is not None:
            out = np.where(far < CORE, clear[n].ravel()[bins], 0).max(axis=1, initial=0)
            sure &= out > rule.realised
        asked = seen >= rule.missed
        weight[n].ravel()[bins[asked][far[asked] < HALO]] = 0
        core = bins[sure][far[sure] < CORE]
        target[n].ravel()[core] = 1
        weight[n].ravel()[core] = 1
    return Samples(inputs, _as_seen(target, inputs), _as_seen(weight, inputs))


def _near(places: np.ndarray, shape: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Flat bins around each place (ky, kx) on a half plane, and their distances: [place, bin]."""
    reach = int(np.ceil(HALO))
    dy, dx = np.mgrid[-reach : reach + 1, -reach : reach + 1].reshape(2, 1, -1)
    y, x = (np.rint(places[:, axis : axis + 1]).astype(int) for axis in (0, 1))
    y, x = y + dy, x + dx
    far = np.hypot(y - places[:, :1], x - places[:, 1:])
    outside = (x < 0) | (x >= shape[1]) | (np.abs(y) > shape[0] // 2)
    bins = (y % shape[0]) * shape[1] + np.clip(x, 0, shape[1] - 1)
    return bins, np.where(outside, np.inf, far)


def _as_seen(half: np.ndarray, inputs: np.ndarray) -> np.ndarray:
    """Lay [tile, ky, kx] out as the network sees it."""
    seen = np.zeros((len(half), *inputs.shape[2:]), np.float32)
    whole = unfold(half)
    seen[:, : whole.shape[1], : whole.shape[2]] = whole
    return seen
