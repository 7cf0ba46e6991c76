"""Surroundings: how much of a window around a place other particles fill.

Voxels are counted in blocks, so that a window of a large volume costs nothing and slabs can be
added as they come.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .balls import Spacing

FINE = 32
"""Blocks across a window: its edges are rounded to that."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Voxels of particles in a volume, block by block."""

    solid: np.ndarray
    """Sums over all blocks before: int64 [z + 1, y + 1, x + 1] (an integral volume)."""
    block: tuple[int, int, int]
    """Voxels."""
    shape: tuple[int, int, int]
    """Of the volume, in voxels."""

    def count(self, low: np.ndarray, high: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Voxels of particles, and all voxels, in windows low to high[window, (z, y, x)].

        Edges are in voxels, 0 the face of the volume; windows are cut at its faces.
        """
        corners, valid = [], np.ones(len(low))
        for axis, (size, block) in enumerate(zip(self.shape, self.block, strict=True)):
            edges = np.rint(np.stack([low[:, axis], high[:, axis]]) / block).astype(int)
            edges = edges.clip(0, self.solid.shape[axis] - 1)
            valid *= np.diff(np.minimum(edges * block, size), axis=0)[0]
            corners.append(edges)
        solid = np.zeros(len(low), np.int64)
        for corner in range(8):
            upper = [corner >> axis & 1 for axis in range(3)]
            index = tuple(corners[axis][upper[axis]] for axis in range(3))
            solid += (-1) ** (3 - sum(upper)) * self.solid[index]
        return solid, valid


def surroundings(labels: np.ndarray, window: float, spacing: Spacing) -> Surroundings:
    """Count the voxels of particles in labels[z, y, x] for windows of the width `window`."""
    block = tuple(max(1, int(window / step / FINE)) for step in spacing)
    z, y, x = block
    starts = [np.arange(0, size, side) for size, side in zip(labels.shape, block, strict=True)]
    counts = np.zeros([len(s) + 1 for s in starts], np.int64)
    for row, first in enumerate(starts[0]):
        slab = (labels[first : first + z] != 0).sum(axis=0, dtype=np.int64)
        slab = np.add.reduceat(np.add.reduceat(slab, starts[1], axis=0), starts[2], axis=1)
        counts[row + 1, 1:, 1:] = slab
    for axis in range(3):
        np.cumsum(counts, axis=axis, out=counts)
    nz, ny, nx = labels.shape
    return Surroundings(counts, (z, y, x), (nz, ny, nx))
