"""The volume of a run: its slices are collected as they come, and fused whenever somebody asks.

    volume = ParticleVolume()
    state = volume.start()
    state = volume.add(state, finder(images, calibration), numbers)      # any worker, any order
    state = volume.merge(state, other)                                   # associative
    volume.finish(state)                                                 # xarray.Dataset

What is kept of a slice are its star polygons: few, and the same whoever found them. A slice that
came twice counts once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import xarray as xr

from ..operators import AnalysisError
from .bodies import axes, bodies, views
from .extent import Extent, agreed
from .fusion import Fusion, fused
from .growing import grown
from .linking import Linking
from .sections import Section, Sections, packed, section, unpacked
from .strays import without_strays

SHOWN = 1 << 21
"""Cells of the volume that is shown while it grows."""


@dataclass(frozen=True)
class ParticleVolume:
    """Join the particles of slices to particles of a volume.

    Where frames have the coords `slice_view` (0 xy, 1 xz, 2 yz) and `slice_index` along `frame`,
    they say which slice a frame is; otherwise its number does, and it is an xy slice. Slices of two
    or three views are fused (`fusion`), those of one view linked (`linking`).
    """

    fusion: Fusion = field(default_factory=Fusion)
    linking: Linking = field(default_factory=Linking)
    slice_um: float | None = None
    """From one xy slice to the next; slices of other views tell it by their pixels."""

    def start(self) -> Sections:
        """Begin: no slice."""
        return Sections()

    def add(self, state: Sections, said: xr.Dataset, numbers: Sequence[int]) -> Sections:
        """Take in what `ParticleFinder` said of the frames called `numbers`.

        AnalysisError if it holds no outlines.
        """
        return state.with_(sections_of(said, numbers))

    def merge(self, one: Sections, other: Sections) -> Sections:
        """Join the slices of two workers; the order doesn't matter."""
        return one.with_(other)

    def save(self, state: Sections) -> dict[str, np.ndarray]:
        """Give the state as arrays."""
        return packed(state)

    def restore(self, arrays: Mapping[str, np.ndarray]) -> Sections:
        """Take up what `save` gave; ValueError if it is something else."""
        return unpacked(arrays)

    def finish(self, state: Sections) -> xr.Dataset:
        """Say what there is: a table of particles, and a map of their labels in coarse cells.

        Variables: `particle_*` [particle], `particle_map` [z, y, x], `view` [colour, row, column]
        (from outside), `importance` [feature] (what goes with damage); the attribute `method` says
        how slices were joined, `note` which were left out, bridged or are missing, and why.
        """
        found = self.joined(state)
        if found is None:
            return xr.Dataset(attrs={"title": "Particles of a volume", "slices": "none"})
        shown = grown(found.table, found.labels, found.sections, found.cell, found.stride)
        shown = shown.assign_coords(axes(found.labels.shape, found.extent, found.stride))
        words = {"long_name": "particle; 0 none"}
        shown["particle_map"] = (("z", "y", "x"), found.labels, words)
        shown.attrs |= {"method": found.method, "slices": views(found.sections), "alarm": "none"}
        notes = [*found.extent.notes, *filter(None, [shown.attrs.get("note", "")])]
        return shown.assign_attrs(note="; ".join(notes)) if notes else shown

    def joined(self, state: Sections) -> Joined | None:
        """Join the slices to labels of coarse cells; None without any."""
        there, extent = agreed(state)
        if not len(there):
            return None
        kept, strays = without_strays(there)
        extent = replace(extent, notes=(*extent.notes, *strays))
        if self.slice_um is not None and not extent.pixel[0]:
            extent = replace(extent, pixel=(self.slice_um, *extent.pixel[1:]))
        voxels = float(np.prod(extent.shape, dtype=float))
        coarsest = max(1, int(np.ceil(np.cbrt(voxels / SHOWN))))
        if len({one.view for one in kept}) > 1:
            stride = max(self.fusion.plan(kept).grid.stride, coarsest)
            labels, table = fused(kept, replace(self.fusion, stride=stride), coarse=True)
            method = "views fused to the fixed points of ways to centroids"
            return Joined(kept, extent, labels, table, stride, method)
        linked = self.linking.link(kept)
        table, labels = bodies(linked.sums(), extent), linked.labels(coarsest)
        method = "cross-sections of one view linked by assignment, gaps closed"
        return Joined(kept, extent, labels, table, coarsest, method)


@dataclass(frozen=True)
class Joined:
    """The particles of a growing volume."""

    sections: Sections
    extent: Extent
    labels: np.ndarray
    """uint32 [z, y, x], of cells"""
    table: xr.Dataset
    stride: int
    """Voxels along a cell."""
    method: str

    @property
    def cell(self) -> tuple[float, float, float] | None:
        """Sides (z, y, x) of a cell in um; None = unknown."""
        z, y, x = (side * self.stride for side in self.extent.pixel)
        return (z, y, x) if min(z, y, x) > 0 else None


def sections_of(said: xr.Dataset, numbers: Sequence[int]) -> list[Section]:
    """Take the slices from what `ParticleFinder` said of the frames called `numbers`."""
    absent = {"particle_outline_y", "particle_outline_x", "particle_probability"} - set(said)
    if absent:
        raise AnalysisError(f"no {min(absent)!r} was said of the slices: no volume can be made")
    if len(numbers) != said.sizes["frame"]:
        raise AnalysisError(f"{len(numbers)} numbers were given for {said.sizes['frame']} frames")
    size = [float(said[a].values[0]) * 2 for a in "yx"]  # the first centre is half a pixel in
    corners = np.stack(
        [said[f"particle_outline_{a}"].values / p - 0.5 for a, p in zip("yx", size, strict=True)],
        axis=-1,
    )
    known = said["y"].attrs.get("units") == "um"
    pixel = (float(f"{size[0]:.6g}"), float(f"{size[1]:.6g}")) if known else (0.0, 0.0)
    view = _told(said, "slice_view", np.zeros(len(numbers)))
    index = _told(said, "slice_index", np.asarray(numbers))
    frame = said["particle_frame"].values
    shape = (said.sizes["y"], said.sizes["x"])
    prob = said["particle_probability"].values
    unknown = np.full(len(prob), np.nan)
    dark = said["particle_dark"].values if "particle_dark" in said else unknown
    lines = _lines(said, len(numbers))
    found = []
    for n in range(len(numbers)):
        own = frame == n
        try:
            place = int(view[n]), int(index[n])
            one = section(*place, shape, corners[own], prob[own], pixel, dark[own], lines[n])
        except ValueError as error:
            raise AnalysisError(f"frame {numbers[n]}: {error}") from error
        found.append(one)
    return found


def _lines(said: xr.Dataset, frames: int) -> list[list[tuple[int, int]]]:
    """Lines of each frame that were filled in."""
    lines: list[list[tuple[int, int]]] = [[] for _ in range(frames)]
    if "line_frame" in said:
        columns = (said[f"line_{name}"].values.tolist() for name in ("frame", "axis", "index"))
        for frame, axis, index in zip(*columns, strict=True):
            lines[frame].append((axis, index))
    return lines


def _told(said: xr.Dataset, name: str, otherwise: np.ndarray) -> np.ndarray:
    """A whole number for each frame that came with it."""
    if name not in said.coords:
        return otherwise
    values = np.broadcast_to(said[name].values.astype(float), otherwise.shape)
    if not np.isfinite(values).all():
        raise AnalysisError(f"{name} is not known of every frame of the batch")
    return values
