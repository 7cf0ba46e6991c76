"""Features: from labels and grey values to a table of particles, one at a time.

A particle is measured on its own crop, so any worker can take any particle and tables grow while
labels come; what needs the others (neighbours, density) is added when a table is made.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import xarray as xr

from ..operators import AnalysisError
from . import published
from .balls import Spacing
from .crops import MARGIN, Crop, checked, crops
from .measure import Row, Ways, measure
from .surroundings import Surroundings, surroundings
from .table import assemble


@dataclass(frozen=True, slots=True)
class Measured:
    """What one particle says by itself."""

    row: Row
    published: Row | None
    shells: np.ndarray
    """Damage by shell, outermost first."""
    low: tuple[int, int, int]
    """First voxel of its bounding box in the volume."""
    high: tuple[int, int, int]
    """The voxel after its last."""


@dataclass(frozen=True)
class Features:
    """How particles are measured; lengths in um."""

    closing: float = 1.0
    """Radius of the ball that closes cracks: those up to twice as wide are found."""
    smoothing: float = 0.3
    """Width of the majority vote that roughness is relative to; 3 voxels at least."""
    window: float = 20.0
    """Width of the cube around a particle in which the density of others is counted."""
    neighbours: int = 6
    """Nearest particles that statistics of neighbours are of."""
    shells: int = 5
    """Shells of equal thickness, from surface to core, in which damage is told."""
    crack_below: float | str | None = None
    """Grey value below which a labelled voxel is a crack; 'auto' = half way between particles and
    the rest; None = labels leave cracks out already."""
    published: bool = True
    """Whether the published definitions are measured too."""

    def __post_init__(self) -> None:
        """Refuse what can't be measured with."""
        for name in ("closing", "smoothing", "window"):
            if not 0 < getattr(self, name) < np.inf:
                raise ValueError(f"{name} is {getattr(self, name)}; it is a length in um above 0")
        for name in ("neighbours", "shells"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}; it is a number from 1")
        if isinstance(self.crack_below, str) and self.crack_below != "auto":
            raise ValueError(f"crack_below is {self.crack_below!r}; give a grey value or 'auto'")
        if isinstance(self.crack_below, float) and not np.isfinite(self.crack_below):
            raise ValueError(f"crack_below is {self.crack_below}; give a finite grey value")

    def __call__(
        self, labels: np.ndarray, grey: np.ndarray | None, voxel: float | Spacing
    ) -> xr.Dataset:
        """Measure every particle of labels[z, y, x] with grey[z, y, x]; `voxel` in um, (z, y, x).

        The table has a row a particle along `particle`: `particle_<feature>` corrected,
        `particle_published_<feature>` as published, `particle_label`, `particle_flags`.
        AnalysisError says what is wrong with the volumes.
        """
        job, parts, around = self.jobs(labels, grey, voxel)
        return self.table(map(job, parts), around, voxel, self.remark(labels, grey))

    def jobs(
        self, labels: np.ndarray, grey: np.ndarray | None, voxel: float | Spacing
    ) -> tuple[partial[Measured], Iterator[Crop], Surroundings]:
        """The measurement of one crop, all crops, and what else a table needs.

        Measurement and crops can be sent to other processes, in any order.
        """
        spacing = spaced(voxel)
        labels, grey = checked(labels, grey)
        here = self
        if self.crack_below is not None and grey is None:
            raise AnalysisError(
                "crack_below needs the volume of grey values (GREY) beside the labels; without "
                "one, only cracks that the labels leave out are found"
            )
        if self.crack_below == "auto" and grey is not None:
            here = replace(self, crack_below=half_way(labels, grey))
        self.remark(labels, grey)
        margin = max(MARGIN, published.RADIUS) if self.published else MARGIN
        return (
            partial(measured, ways=here._ways(spacing), published_too=self.published),
            crops(labels, grey, margin),
            surroundings(labels, self.window, spacing),
        )

    def table(
        self,
        found: Iterable[Measured],
        around: Surroundings,
        voxel: float | Spacing,
        remark: str = "",
    ) -> xr.Dataset:
        """Make the table of measured particles, in the order of their labels.

        A `remark` goes to its attribute `note`.
        """
        table = assemble(
            sorted(found, key=lambda one: one.row["label"]), around, self._ways(spaced(voxel)),
            self.neighbours,
        )  # fmt: skip
        note = "; ".join(filter(None, [table.attrs.get("note", ""), remark]))
        return table.assign_attrs(note=note) if note else table

    def remark(self, labels: np.ndarray, grey: np.ndarray | None) -> str:
        """Say so where `crack_below` is a grey value that no voxel of a particle lies below.

        AnalysisError where all of them do: whole particles would be cracks.
        """
        level = self.crack_below
        if grey is None or level is None or isinstance(level, str):
            return ""
        low, high = inside(labels, grey)
        said = f"crack_below is {level:g}, and grey values in particles are {low:g} to {high:g}"
        if level > high:
            raise AnalysisError(f"{said}: every particle would be one crack; give a lower value")
        return f"{said}: none of them is a crack" if level <= low else ""

    def _ways(self, spacing: Spacing) -> Ways:
        level = self.crack_below if isinstance(self.crack_below, int | float) else None
        return Ways(spacing, self.closing, self.smoothing, self.window, self.shells, level)


def measured(crop: Crop, ways: Ways, published_too: bool) -> Measured:
    """Measure one particle."""
    row, shells = measure(crop, ways)
    first = [(s + i.start, s + i.stop) for s, i in zip(crop.start, crop.inner, strict=True)]
    (z0, z1), (y0, y1), (x0, x1) = first
    theirs = published.measure(crop) if published_too else None
    return Measured(row, theirs, shells, (z0, y0, x0), (z1, y1, x1))


def spaced(voxel: float | Spacing) -> Spacing:
    """Give the voxel size in um as (z, y, x); AnalysisError if it is none."""
    sizes = np.broadcast_to(np.asarray(voxel, float), (3,))
    if not (np.isfinite(sizes).all() and (sizes > 0).all()):
        raise AnalysisError(f"a voxel of {voxel} um can't be; its sides are lengths above 0")
    z, y, x = sizes.tolist()
    return z, y, x


def inside(labels: np.ndarray, grey: np.ndarray) -> tuple[float, float]:
    """Lowest and highest grey value of labelled voxels, plane by plane; NaN if there is none."""
    low, high = np.nan, np.nan
    for plane, shade in zip(labels, grey.reshape(labels.shape), strict=True):
        own = shade[plane != 0]
        own = own[np.isfinite(own)]
        if own.size:
            low, high = np.fmin(low, own.min()), np.fmax(high, own.max())
    return float(low), float(high)


def half_way(labels: np.ndarray, grey: np.ndarray) -> float:
    """Grey value half way between the medians of labelled and other voxels."""
    within, outside = grey[labels != 0], grey[labels == 0]
    if not (within.size and outside.size):
        raise AnalysisError("crack_below 'auto' needs voxels inside and outside of particles")
    return float(np.nanmedian(within) + np.nanmedian(outside)) / 2
