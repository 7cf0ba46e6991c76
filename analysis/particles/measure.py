"""The features of one particle, corrected: physical units, nothing cut, cracks kept apart.

solid    voxels with the particle's label (those darker than `crack_below` left out)
closed   the solid closed by a ball and its holes filled, but nothing of other particles
cracks   what is closed and not solid; damage is their share of the closed volume
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.ndimage

from .areas import interface_area, mesh_area, stairs_area
from .balls import Spacing, closed, depth, filled
from .crops import Crop
from .flags import Flag
from .moments import Moments, moments

Row = dict[str, float]
DOUBTFUL = 0.5
"""Damage above which a particle is most likely none: what was labelled is as dark as cracks."""
SMALL = 12
"""Voxels across, by the shortest axis, below which area and sphericity are not to be trusted: balls
are within 1.5 % from here on, bodies with sharp edges within 9 %."""
COARSE = 32
"""Voxels across from which the depth of a particle is measured at half the resolution."""


@dataclass(frozen=True, slots=True)
class Body:
    """One particle taken apart; masks [z, y, x] over its bounding box."""

    solid: np.ndarray
    whole: np.ndarray
    """Closed: solid and cracks."""
    contact: float
    """Area of contact with other particles, in um2."""
    dark: bool = False
    """Whether all of it is as dark as cracks; it is taken for solid then."""

    @property
    def cracks(self) -> np.ndarray:
        """What is in the closed particle and not solid."""
        return np.asarray(self.whole & ~self.solid)


@dataclass(frozen=True, slots=True)
class Ways:
    """How a particle is measured, all lengths in um."""

    spacing: Spacing
    closing: float
    smoothing: float
    window: float
    shells: int
    crack_below: float | None = None


def body(crop: Crop, ways: Ways) -> Body:
    """Take a particle apart; cracks up to twice the radius of the closing wide are found."""
    box = crop.inner
    own = crop.labels == crop.label
    others = (crop.labels != 0) & ~own
    solid = own[box].copy()
    dark = False
    if ways.crack_below is not None and crop.grey is not None:
        bright = solid & (crop.grey[box] >= ways.crack_below)
        dark = not bright.any()
        solid = solid if dark else bright
    own[box] |= filled(closed(solid, ways.closing, ways.spacing)) & ~others[box]
    return Body(solid, own[box], interface_area(own, others, ways.spacing), dark)


def measure(crop: Crop, ways: Ways) -> tuple[Row, np.ndarray]:
    """Features of one particle by name, and its damage by shell [shell], outermost first.

    What needs the other particles (neighbours, density) is not there yet. Undefined features are
    NaN, and `flags` says why.
    """
    parts = body(crop, ways)
    shape = moments(parts.whole, ways.spacing)
    row: Row = {"label": crop.label}
    row |= _form(crop, parts, shape, ways)
    row |= _surfaces(parts, ways, row["volume"])
    row |= _grey(crop, parts)
    row |= _window(parts, shape, ways)
    small = row["axis_short"] < SMALL * max(ways.spacing)
    if not small:  # no body is rounder than a ball: more than 1 is the error of the area
        row["sphericity"] = min(1.0, row["sphericity"])
    row["flags"] = int(_flags(crop, parts, shape, row) | (Flag.SMALL if small else 0))
    return row, shells(parts, ways)


def _flags(crop: Crop, parts: Body, shape: Moments, row: Row) -> Flag:
    """Reasons for what is undefined in the row."""
    cracked = row["crack_volume"] > 0
    reasons = {
        Flag.BORDER: crop.border,
        Flag.PIECES: scipy.ndimage.label(parts.whole)[1] > 1,
        Flag.ROUND: shape.round,
        Flag.NO_CRACK: not cracked,
        Flag.THIN_CRACKS: cracked and np.isnan(row["rough_inner"]),
        Flag.THIN: np.isnan(row["rough_outer"]),
        Flag.NO_GREY: np.isnan(row["edensity"]),
        Flag.DOUBTFUL: parts.dark or row["damage"] > DOUBTFUL,
        Flag.EVEN_GREY: np.isnan(row["homogeneity"]) and not np.isnan(row["edensity"]),
    }
    return Flag(sum(flag for flag, holds in reasons.items() if holds))


def _form(crop: Crop, parts: Body, shape: Moments, ways: Ways) -> Row:
    voxel = float(np.prod(ways.spacing))
    volume = np.count_nonzero(parts.whole) * voxel
    cracks = np.count_nonzero(parts.cracks) * voxel
    first = [s + i.start for s, i in zip(crop.start, crop.inner, strict=True)]
    z, y, x = shape.centre + np.array(first) * ways.spacing
    row: Row = {
        "z": z, "y": y, "x": x, "volume": volume, "crack_volume": cracks,
        "damage": cracks / volume, "diameter": (6 * volume / np.pi) ** (1 / 3),
        "elongation": shape.elongation,
    }  # fmt: skip
    row |= dict(zip(("axis_long", "axis_middle", "axis_short"), shape.axes, strict=True))
    long = np.full(3, np.nan) if shape.round else shape.directions[0]
    angles = np.degrees(np.arccos(np.clip(np.abs(long), 0, 1)))
    row |= dict(zip(("yaw", "pitch", "roll"), angles, strict=True))
    row |= dict(zip(("long_z", "long_y", "long_x"), long, strict=True))
    return row


def _surfaces(parts: Body, ways: Ways, volume: float) -> Row:
    outer = mesh_area(parts.whole, ways.spacing)
    found: Row = {
        "surf_outer": outer,
        "contact_area": parts.contact,
        "contact": min(1.0, parts.contact / outer),
        "sphericity": np.pi ** (1 / 3) * (6 * volume) ** (2 / 3) / outer,
        "vs_ratio": volume ** (1 / 3) / outer**0.5,
        "rough_outer": _roughness(parts.whole, ways),
        "surf_inner": np.nan,
        "rough_inner": np.nan,
    }
    cracks = parts.cracks
    if cracks.any():
        found["surf_inner"] = interface_area(cracks, parts.solid, ways.spacing)
        found["rough_inner"] = _roughness(cracks, ways)
    return found


def _roughness(mask: np.ndarray, ways: Ways) -> float:
    """Area over that of the mask smoothed by a majority vote; NaN if nothing is left of it."""
    widths = [max(3, 2 * round((ways.smoothing / step - 1) / 2) + 1) for step in ways.spacing]
    share = np.pad(mask, [(n // 2, n // 2) for n in widths]).astype(np.float32)
    for axis, width in enumerate(widths):
        scipy.ndimage.uniform_filter1d(share, width, axis, output=share, mode="constant")
    smooth = stairs_area(share > 0.5, ways.spacing)
    return stairs_area(mask, ways.spacing) / smooth if smooth else np.nan


def _grey(crop: Crop, parts: Body) -> Row:
    found: Row = {"edensity": np.nan, "homogeneity": np.nan}
    if crop.grey is None:
        return found
    values = crop.grey[crop.inner][parts.solid].astype(np.float64)
    values = values[np.isfinite(values)]
    if values.size:
        mean, spread = values.mean(), values.std()
        found["edensity"] = float(mean)
        found["homogeneity"] = float(1 / spread) if spread > 1e-6 * abs(mean) else np.nan
    return found


def _window(parts: Body, shape: Moments, ways: Ways) -> Row:
    """Own voxels in the window of the density, to be left out of it."""
    solid, whole = parts.solid, parts.whole
    inside = [
        np.abs(np.arange(size) * step - middle) <= ways.window / 2
        for size, step, middle in zip(whole.shape, ways.spacing, shape.centre, strict=True)
    ]
    if not all(side.all() for side in inside):
        solid, whole = solid[np.ix_(*inside)], whole[np.ix_(*inside)]
    return {
        "own_solid": float(np.count_nonzero(solid)),
        "own_whole": float(np.count_nonzero(whole)),
    }


def shells(parts: Body, ways: Ways) -> np.ndarray:
    """Damage in shells of equal thickness from the surface (first) to the core: [shell].

    NaN where a shell has no voxel.
    """
    # from the surface, which lies half a voxel above the outermost centres
    deep = _deep(parts.whole, ways.spacing)[parts.whole] - min(ways.spacing) / 2
    np.maximum(deep, 0, out=deep)
    place = np.minimum((deep * (ways.shells / deep.max())).astype(np.intp), ways.shells - 1)
    total = np.bincount(place, minlength=ways.shells)
    broken = np.bincount(place[~parts.solid[parts.whole]], minlength=ways.shells)
    empty = np.full(ways.shells, np.nan)
    return np.asarray(np.divide(broken, total, out=empty, where=total > 0))


def _deep(whole: np.ndarray, spacing: Spacing) -> np.ndarray:
    """Depth; of large particles from every second voxel, good to a voxel."""
    if min(whole.shape) < COARSE:
        return depth(whole, spacing)
    z, y, x = (2 * step for step in spacing)
    fine = depth(whole[::2, ::2, ::2], (z, y, x))
    for axis, size in enumerate(whole.shape):
        fine = fine.repeat(2, axis)[(slice(None),) * axis + (slice(size),)]
    return fine
