"""Slices of three views fused to a volume of particles, slab by slab, in memory of a known size.

    plan = Fusion().plan(sections)
    rest = np.empty(plan.grid.shape, np.int32)      # or a file that is mapped into memory
    for slab in plan.slabs:                         # in any order, by anybody
        rest[slab] = plan.rest(slab)
    volume = plan.volume(rest[slab] for slab in plan.slabs)
    for first, labels in volume.labels(rest):       # uint32 [z, y, x] from plane `first` on
        ...

1. Every cell follows the flow that the stars make to where it comes to rest (`flow`).
2. Places of rest that belong together are a particle (`basins`).
3. Cells that too few slices see are cut off; what a view missed does not count (`coverage`).
4. Labels of cells become labels of voxels.

No slab knows of another, so neither seams nor the number of workers can be seen in the result.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import xarray as xr

from ..operators import AnalysisError
from .basins import basins
from .bodies import bodies
from .coverage import Coverage, cut, nothing
from .extent import Extent, agreed
from .flow import BYTES, RIM, Grid, counted, resting
from .kernels import compiled, enlarge
from .sections import Sections

CELLS = 10.0
"""Cells in the radius of a typical cross-section, at least, where the stride is not given."""
COARSEST = 4
FAR = 0.995
"""Share of the cross-sections that a particle may travel the radius of."""
THINNEST = 8
"""Planes of a slab."""
DRAWN = 80
"""Bytes for each cell that is drawn, beside those of its voxels."""


@dataclass(frozen=True)
class Fusion:
    """How slices are fused."""

    stride: int = 0
    """Voxels along an edge of the cells in which is computed; 0 = by the size of the particles.
    Labels are of voxels in any case."""
    room_gb: float = 1.5
    """Of memory for a slab."""

    def __post_init__(self) -> None:
        """Refuse settings that mean nothing; ValueError names the setting and what is allowed."""
        if not 0 <= self.stride <= 64:
            raise ValueError(f"stride must be 0 (automatic) to 64 voxels, not {self.stride!r}")
        if not 0.01 <= self.room_gb < np.inf:
            raise ValueError(f"room_gb must be at least 0.01, not {self.room_gb!r}")

    def plan(self, sections: Sections) -> Plan:
        """Say what is to be done; AnalysisError if there is nothing, or one view only."""
        kept, extent = agreed(sections)
        views = {one.view for one in kept}
        if len(views) < 2:
            raise AnalysisError(
                f"there are slices of {len(views)} views; fusing takes two at least: link the "
                "slices of one view instead"
            )
        radii = _radii(kept)
        stride = self.stride or _stride(radii)
        shape = [-(-n // stride) for n in extent.shape]
        reach = 1.25 * float(np.quantile(radii, FAR)) / stride + 2 if len(radii) else 2.0
        seen = [np.zeros(n, np.float32) for n in shape]
        for one in kept:
            seen[one.view][one.index // stride] += 1
        grid = Grid((shape[0], shape[1], shape[2]), stride, reach, (seen[0], seen[1], seen[2]))
        room = int(self.room_gb * 2**30 / (BYTES * shape[1] * shape[2]))
        thick = max(room - 2 * grid.halo, THINNEST)
        thin = int(self.room_gb * 2**30 / ((DRAWN + 4 * stride**3) * shape[1] * shape[2]))
        blocks = _slabs(shape[0], max(thin, 1))
        return Plan(kept, extent, grid, _slabs(shape[0], thick), blocks)


@dataclass(frozen=True)
class Plan:
    """What is to be done."""

    sections: Sections
    extent: Extent
    grid: Grid
    slabs: tuple[slice, ...]
    """Planes of the grid that are followed to their rest at a time."""
    blocks: tuple[slice, ...]
    """Planes that are drawn at a time."""

    def rest(self, slab: slice) -> np.ndarray:
        """Where the cells of a slab come to rest, int32 [z, y, x]: flat cells, -1 outside."""
        return resting(self.sections, self.grid, slab.start, slab.stop)

    def volume(self, rest: Iterable[np.ndarray]) -> Fused:
        """Tell the particles from all places of rest; `rest` are the slabs in any order."""
        cells, many = np.zeros(0, np.int64), np.zeros(0, np.int64)
        for ends in rest:
            new, times = np.unique(ends[ends >= 0], return_counts=True)
            cells, place = np.unique(np.concatenate([cells, new]), return_inverse=True)
            many = np.bincount(place, np.concatenate([many, times])).astype(np.int64)
        return Fused(self, cells, basins(cells, many, self.grid.shape))


@dataclass(frozen=True)
class Fused:
    """The particles of a volume, not yet drawn."""

    plan: Plan
    cells: np.ndarray
    """int64 [place], rising: where something comes to rest"""
    particle: np.ndarray
    """int32 [place], from 1; 0 = none"""

    @property
    def particles(self) -> int:
        """How many there are."""
        return int(self.particle.max(initial=0))

    def coarse(self, rest: np.ndarray) -> np.ndarray:
        """Particle of each cell of a slab, int32 [z, y, x]."""
        labels = np.zeros(rest.shape, np.int32)
        inside = rest >= 0
        labels[inside] = self.particle[np.searchsorted(self.cells, rest[inside])]
        return labels

    def coverage(self, rest: np.ndarray) -> Coverage:
        """In which slices the particles were seen."""
        grid, found = self.plan.grid, nothing(self.particles, self.plan.grid)
        for slab in self.plan.blocks:
            count = counted(self.plan.sections, grid, slab.start, slab.stop)
            found.add(self.coarse(rest[slab]), count, slab.start)
        return found

    def labels(
        self, rest: np.ndarray, coverage: Coverage, *, coarse: bool = False
    ) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
        """Draw: the first plane of a slab, labels uint32 [z, y, x], and sums over the particles.

        The labels are of voxels, or of cells if `coarse`. The sums are float64 [particle, 5] of
        this slab: voxels, their z, y, x in the volume, and how many are on its faces.
        """
        plan, grid = self.plan, self.plan.grid
        shape, stride = (grid.shape, 1) if coarse else (plan.extent.shape, grid.stride)
        expected = coverage.expected()
        for slab in plan.blocks:
            low, high = grid.around(slab.start, slab.stop, RIM + 1)
            labels = self.coarse(rest[low:high])
            cut(labels, counted(plan.sections, grid, low, high), expected, grid, low)
            first, last = slab.start * stride, min(slab.stop * stride, shape[0])
            fine = np.empty((last - first, *shape[1:]), np.uint32)
            sums = np.zeros((self.particles + 1, 5))
            compiled(enlarge)(labels, stride, first - low * stride, fine, sums)
            sums[:, 1] += first * sums[:, 0]
            ends = [z - first for z in (0, shape[0] - 1) if first <= z < last]
            for face in (fine[ends], fine[:, [0, -1]], fine[:, :, [0, -1]]):
                sums[:, 4] += np.bincount(face.ravel(), minlength=len(sums))
            yield first, fine, _in_voxels(sums, grid.stride) if coarse else sums


def _in_voxels(sums: np.ndarray, stride: int) -> np.ndarray:
    """Sums over cells as sums over their voxels."""
    many, places, faces = sums[:, :1], sums[:, 1:4], sums[:, 4:]
    places = stride * places + (stride - 1) / 2 * many
    return np.concatenate([many, places, faces], axis=1) * float(stride**3)


def fused(
    sections: Sections, settings: Fusion | None = None, *, coarse: bool = False
) -> tuple[np.ndarray, xr.Dataset]:
    """Fuse slices in memory: labels uint32 [z, y, x], and the table of the particles.

    Labels are of voxels, or of cells if `coarse`. AnalysisError if the slices can't be fused.
    """
    plan = (settings or Fusion()).plan(sections)
    rest = np.empty(plan.grid.shape, np.int32)
    for slab in plan.slabs:
        rest[slab] = plan.rest(slab)
    volume = plan.volume(rest[slab] for slab in plan.slabs)
    labels = np.empty(plan.grid.shape if coarse else plan.extent.shape, np.uint32)
    coverage, total = volume.coverage(rest), np.zeros((volume.particles + 1, 5))
    for first, fine, sums in volume.labels(rest, coverage, coarse=coarse):
        labels[first : first + len(fine)] = fine
        total += sums
    return labels, bodies(total, plan.extent, coverage.share(plan.grid.seen))


def _radii(sections: Sections) -> np.ndarray:
    """Largest half width of every star, voxels."""
    parts = [np.ptp(one.corners, axis=1).max(axis=1) / 2 for one in sections if len(one)]
    return np.concatenate([np.zeros(0, np.float32), *parts])


def _stride(radii: np.ndarray) -> int:
    typical = float(np.median(radii)) if len(radii) else 0.0
    return int(np.clip(typical // CELLS, 1, COARSEST))


def _slabs(planes: int, thick: int) -> tuple[slice, ...]:
    return tuple(slice(z, min(z + thick, planes)) for z in range(0, planes, thick))
