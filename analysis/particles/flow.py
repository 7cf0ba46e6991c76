"""The flow of every cell towards the centre of its particle, as slices of three views see it.

The published text (Li et al., Science 376, 517, 2022) says: labels of three views "averaged
together followed by a clustering of pixels that converge to the same fixed points". The vector
field here is that of the ways to the centroids of star polygons; two views see each of its axes.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from .kernels import compiled, deposit, settle
from .sections import Section

SMOOTH = 0.6
"""Standard deviation of the smoothing of what is counted, cells."""
SMOOTH_WAYS = 0.3
"""The same of the ways to centres: just what closes gaps, as thin particles would follow their
neighbours' ways."""
RIM = 2
"""Cells that it reaches."""
STEPS, STEP = 30, 0.6
"""Of the way along the flow: at most so many, each this part of what the flow says."""
PERHAPS = 0.2
"""Share of the slices that show a cell from which on it is followed to its particle."""
BYTES = 36
"""Of memory for each cell of a slab, at most."""


@dataclass(frozen=True, slots=True)
class Grid:
    """The cells in which slices are fused."""

    shape: tuple[int, int, int]
    """Cells (z, y, x)"""
    stride: int
    """Voxels along an edge of a cell."""
    reach: float
    """Cells that nothing travels beyond, along each axis."""
    seen: tuple[np.ndarray, np.ndarray, np.ndarray]
    """float32 [plane] of each view: slices that there are."""

    @property
    def halo(self) -> int:
        """Planes on each side of a slab that it depends on."""
        return int(np.ceil(self.reach)) + RIM + 1

    def around(self, low: int, high: int, halo: int) -> tuple[int, int]:
        """Planes `low` to before `high` with those beside them."""
        return max(low - halo, 0), min(high + halo, self.shape[0])


@dataclass(frozen=True, slots=True)
class Flow:
    """What the stars say of their centres; float32."""

    along: np.ndarray
    """[axis, z, y, x]: sums of probability times the way to the centre, cells"""
    weight: np.ndarray
    """[view, z, y, x]: sums of probability"""


def counted(
    sections: Iterable[Section], grid: Grid, low: int, high: int, flow: Flow | None = None
) -> np.ndarray:
    """Count the stars in planes `low` to before `high`, uint8 [view, z, y, x].

    What the stars say of their centres is added to `flow`, if one is given.
    """
    from .polygons import paint  # compiled

    shape = (high - low, *grid.shape[1:])
    count = np.zeros((3, *shape), np.uint8)
    for one in sections:
        plane = one.index // grid.stride - (low if one.view == 0 else 0)
        if not len(one) or not 0 <= plane < shape[one.view]:
            continue
        first = 0 if one.view == 0 else low
        at = tuple(plane if axis == one.view else slice(None) for axis in range(3))
        owner = np.empty(count[0][at].shape, np.int32)
        cells = ((one.corners + 0.5) / grid.stride - 0.5).astype(np.float32)
        middle = paint(cells, owner, first)
        count[one.view][at] += owner >= 0
        if flow is not None:
            a, b = (flow.along[axis][at] for axis in range(3) if axis != one.view)
            compiled(deposit)(owner, first, middle, one.prob, a, b, flow.weight[one.view][at])
    return count


def resting(sections: Iterable[Section], grid: Grid, low: int, high: int) -> np.ndarray:
    """Follow the cells of planes `low` to before `high` to where they come to rest.

    int32 [z, y, x]: flat cell of the grid; -1 where no particle is.
    """
    first, last = grid.around(low, high, grid.halo)
    shape = (3, last - first, *grid.shape[1:])
    flow = Flow(np.zeros(shape, np.float32), np.zeros(shape, np.float32))
    count = counted(sections, grid, first, last, flow)
    inside = smooth(count.sum(axis=0, dtype=np.float32)) >= PERHAPS * shown(grid, first, last)
    inside &= count.any(axis=0)
    for weight in flow.weight:
        smooth(weight, SMOOTH_WAYS)
    for axis, along in enumerate(flow.along):
        smooth(along, SMOOTH_WAYS)
        # what two views say of this axis
        along /= np.maximum(flow.weight[axis - 1] + flow.weight[axis - 2], np.float32(1e-9))
    ends = np.empty((high - low, *grid.shape[1:]), np.int32)
    compiled(settle)(
        flow.along, inside, low - first, first, np.float32(grid.reach), STEPS, STEP, ends
    )
    return ends


def smooth(values: np.ndarray, sigma: float | None = None) -> np.ndarray:
    """Smooth in place; beyond the volume there is nothing."""
    ndimage.gaussian_filter(values, sigma or SMOOTH, mode="constant", radius=RIM, output=values)
    return values


def smooth_line(values: np.ndarray) -> np.ndarray:
    """Smooth along the last axis; beyond the volume there is nothing."""
    values = np.asarray(values, np.float32)
    return np.asarray(ndimage.gaussian_filter1d(values, SMOOTH, mode="constant", radius=RIM))


def shown(grid: Grid, low: int, high: int) -> np.ndarray:
    """Slices that show each cell, smoothed as the stars are, float32 [z, y, x]; never 0."""
    z, y, x = (smooth_line(line) for line in grid.seen)
    ez, ey, ex = (smooth_line(np.ones(n)) for n in grid.shape)
    z, ez = z[low:high, None, None], ez[low:high, None, None]
    y, ey = y[:, None], ey[:, None]
    return np.asarray(np.maximum(z * (ey * ex) + ez * (y * ex + ey * x), np.float32(1e-6)))
