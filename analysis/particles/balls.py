"""Balls: dilating, closing and measuring depth by distance, however large the radius.

A voxel is in the dilated body where its squared distance to the body is at most r^2. Squared
distances are built axis by axis as lower envelopes of parabolas cut at r (Felzenszwalb and
Huttenlocher, Theory of Computing 8 (2012) 415), so a ball costs its radius, not its volume.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.ndimage

Spacing = tuple[float, float, float]
"""(z, y, x), one length a voxel."""
_KINDS = ((11, np.uint8), (120, np.int16), (30_000, np.int32))
"""Largest radius in voxels whose square still fits twice."""


def reach(radius: float, spacing: Spacing) -> tuple[int, int, int]:
    """Voxels along z, y, x that a ball of `radius` reaches."""
    z, y, x = (int(radius / step + 1e-6) for step in spacing)
    return z, y, x


def grown(body: np.ndarray, radius: float, spacing: Spacing = (1, 1, 1)) -> np.ndarray:
    """All voxels within `radius` of `body[z, y, x]`, in its box grown by `reach` on each side."""
    scale = _Scale.of(radius, spacing)
    squared = scale.start(body)
    for axis, count in enumerate(reach(radius, spacing)):
        pad = [(2 * count, 2 * count) if a == axis else (0, 0) for a in range(3)]
        squared = np.pad(squared, pad, constant_values=scale.beyond)
        squared = scale.envelope(squared, axis, count)
    return scale.within(squared)


def closed(body: np.ndarray, radius: float, spacing: Spacing = (1, 1, 1)) -> np.ndarray:
    """Close `body[z, y, x]` by a ball as if its box lay in endless background."""
    scale = _Scale.of(radius, spacing)
    squared = scale.start(~grown(body, radius, spacing))
    for axis, count in enumerate(reach(radius, spacing)):
        squared = scale.envelope(squared, axis, count)
    return ~scale.within(squared)


def closed_in_box(body: np.ndarray, radius: float) -> np.ndarray:
    """Close by a ball of voxels where nothing grows or erodes from outside the box.

    This is what a closing of an unpadded crop does: concavities at the faces of the box fill.
    """
    scale = _Scale.of(radius, (1, 1, 1))
    for _ in range(2):
        squared = scale.start(body)
        for axis in range(3):
            scale.spread(squared, axis, int(radius))
        body = ~scale.within(squared)
    return body


def filled(body: np.ndarray) -> np.ndarray:
    """Fill the holes of `body`: background that no path over faces leads out of."""
    outside = np.pad(~body, 1, constant_values=True)
    parts, count = scipy.ndimage.label(outside)
    if count == 1:
        return body
    whole: np.ndarray = parts[1:-1, 1:-1, 1:-1] != parts[0, 0, 0]
    return whole


def depth(body: np.ndarray, spacing: Spacing = (1, 1, 1)) -> np.ndarray:
    """Distance of each voxel's centre from the nearest voxel outside: float32, 0 outside."""
    deepest = min((n / 2 + 1) * step for n, step in zip(body.shape, spacing, strict=True))
    scale = _Scale.of(deepest, spacing)
    squared = scale.start(~np.pad(body, 1))
    for axis, count in enumerate(reach(deepest, spacing)):
        scale.spread(squared, axis, count)
    inner = squared[1:-1, 1:-1, 1:-1]
    return np.asarray(np.sqrt(inner, dtype=np.float32) * np.float32(scale.unit))


class _Scale:
    """Squared distances up to a radius, in the smallest whole numbers that hold them."""

    def __init__(self, radius: float, unit: float, weights: list[float], kind: Any) -> None:
        self.unit = unit
        self._weights = weights
        """Of a voxel's step along each axis, squared."""
        self._kind = kind
        self._limit = (radius / unit) ** 2 * (1 + 1e-6)
        self.beyond = kind(np.ceil((radius / unit) ** 2) + 1)

    @classmethod
    def of(cls, radius: float, spacing: Spacing) -> _Scale:
        even = len(set(spacing)) == 1
        unit = spacing[0] if even else 1.0
        kind: Any = np.float32
        if even:
            kind = next(kind for most, kind in _KINDS if radius / unit <= most)
        return cls(radius, unit, [(step / unit) ** 2 for step in spacing], kind)

    def start(self, body: np.ndarray) -> np.ndarray:
        """0 in the body, beyond all else."""
        return np.asarray(np.where(body, self._kind(0), self.beyond))

    def within(self, squared: np.ndarray) -> np.ndarray:
        near: np.ndarray = squared <= self._limit
        return near

    def envelope(self, squared: np.ndarray, axis: int, count: int) -> np.ndarray:
        """Lower envelope over `count` voxels to each side, for those that have so many."""
        size = squared.shape[axis] - 2 * count
        lowest = _part(squared, axis, count, count + size).copy()
        other = np.empty_like(lowest)
        for k in range(1, count + 1):
            before = _part(squared, axis, count - k, count - k + size)
            np.minimum(before, _part(squared, axis, count + k, count + k + size), out=other)
            other += self._kind(self._weights[axis] * k * k)
            np.minimum(lowest, other, out=lowest)
        return lowest

    def spread(self, squared: np.ndarray, axis: int, count: int) -> None:
        """Lower envelope in place; beyond the box is nothing."""
        before, cost = squared.copy(), np.empty_like(squared)
        for k in range(1, min(count, squared.shape[axis] - 1) + 1):
            np.add(before, self._kind(self._weights[axis] * k * k), out=cost)
            for to, source in (((k, None), (None, -k)), ((None, -k), (k, None))):
                target = _part(squared, axis, *to)
                np.minimum(target, _part(cost, axis, *source), out=target)


def _part(array: np.ndarray, axis: int, start: int | None, stop: int | None) -> np.ndarray:
    return array[(slice(None),) * axis + (slice(start, stop),)]
