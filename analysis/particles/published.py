"""The published features of one particle as their code gives them, defects and all.

For comparison only: Li et al., Science 376 (2022) 517, in voxels and grey levels. Written from
the description of what that code does; it was not run. Known defects that are kept: the closing
of an unpadded crop (concavities at the faces of the box fill), surfaces as counts of voxels, grey
values and sphericity that hold Damage, `contact` as a shell of 10 voxels cut at the faces of the
volume, `density` over a denominator that loses voxels at the border, and four statistics of
neighbours that are always 0. What would be infinite is NaN. The cropping of the volume by 30
voxels is kept in `z` only: particles are not cut by it.
"""

from __future__ import annotations

import numpy as np

from .balls import Spacing, closed_in_box, filled, grown
from .crops import Crop
from .measure import Row
from .moments import euler, moments
from .surroundings import Surroundings

RADIUS = 10
"""Voxels, of the closing and of the shell, whatever a voxel measures."""
CUT = 30
"""Voxels cut from each face of the volume."""
REACH_UM = 10.0
"""The window of the density goes so far beyond the bounding box."""


def measure(crop: Crop) -> Row:
    """The published features of one particle that need no other row, by their name in the table.

    `crop` has a margin of RADIUS voxels, cut at the faces of the volume.
    """
    box = crop.inner
    own = crop.labels == crop.label
    solid = own[box]
    whole = filled(closed_in_box(solid, RADIUS))
    raw, total = _perimeter(whole), _perimeter(solid)
    volume = np.count_nonzero(whole)
    broken = whole & ~solid
    shape = moments(solid)
    roll, pitch, yaw = euler(shape.directions)
    first = [s + i.start for s, i in zip(crop.start, box, strict=True)]
    centre = shape.centre + np.array(first) + 1 - CUT
    return {
        "z": centre[0], "roll": roll, "pitch": pitch, "yaw": yaw,
        **_grey(crop, whole),
        "surf_inner": total - raw,
        "surf_outer": raw,
        "volume": volume,
        "elongation": shape.elongation,
        "sphericity": 36 * np.pi * volume**2 / total**3,
        "vs_ratio": volume ** (1 / 3) / total**0.5,
        "rough_outer": _perimeter(_median(whole)) / raw,
        "rough_inner": _ratio(
            _perimeter(_median(solid)) - _perimeter(_median(whole)), total - raw
        ),
        "damage": np.count_nonzero(broken) / volume,
        "contact": _contact(crop, own, whole),
        "y": centre[1], "x": centre[2],
    }  # fmt: skip


def _ratio(above: float, below: float) -> float:
    return above / below if below > 0 else np.nan


def _perimeter(mask: np.ndarray) -> int:
    """Voxels of the mask with a face to the outside; the box lies in background."""
    inner = mask.copy()
    for axis in range(3):
        lines, deep = np.moveaxis(mask, axis, 0), np.moveaxis(inner, axis, 0)
        deep[1:] &= lines[:-1]
        deep[:-1] &= lines[1:]
        deep[0] = deep[-1] = False
    return int(np.count_nonzero(mask) - np.count_nonzero(inner))


def _median(mask: np.ndarray) -> np.ndarray:
    """3 x 3 x 3 median, the box mirrored at its faces."""
    votes = mask.astype(np.uint8)
    for axis in range(3):
        lines = np.moveaxis(np.pad(votes, [(1, 1) if a == axis else (0, 0) for a in range(3)],
                                   mode="symmetric"), axis, 0)  # fmt: skip
        votes = np.moveaxis(lines[:-2] + lines[1:-1] + lines[2:], 0, axis)
    return np.asarray(votes >= 14)


def _grey(crop: Crop, whole: np.ndarray) -> Row:
    if crop.grey is None:
        return {"edensity": np.nan, "homogeneity": np.nan}
    values = crop.grey[crop.inner][whole].astype(np.float64)
    values = values[np.isfinite(values) & (values != 0)]
    if len(values) < 2:
        return {"edensity": np.nan, "homogeneity": np.nan}
    return {"edensity": float(values.mean()), "homogeneity": float(values.std(ddof=1))}


def _contact(crop: Crop, own: np.ndarray, whole: np.ndarray) -> float:
    shell = grown(whole, RADIUS)
    inside = (slice(RADIUS, -RADIUS),) * 3
    shell[inside] &= ~whole
    # as much of it as lies in the crop
    first = [RADIUS - side.start for side in crop.inner]
    shell = shell[tuple(slice(a, a + n) for a, n in zip(first, own.shape, strict=True))]
    others = (crop.labels != 0) & ~own
    return _ratio(int(np.count_nonzero(shell & others)), int(np.count_nonzero(shell)))


def density(
    around: Surroundings, low: np.ndarray, high: np.ndarray, spacing: Spacing
) -> np.ndarray:
    """Voxels of particles within 10 um of the boxes low to high[particle, (z, y, x)], in voxels.

    The denominator are the window's voxels that keep so far from every face of the volume: NaN
    where there is none of these, above 1 where there are few, as published.
    """
    reach = np.rint(REACH_UM / np.asarray(spacing))
    solid, _ = around.count(low - reach, high + reach)
    a = np.maximum(low - reach, reach)
    b = np.minimum(high + reach, np.asarray(around.shape) - reach)
    valid = np.prod(np.maximum(b - a, 0), axis=1)
    empty = np.full(len(low), np.nan)
    return np.asarray(np.divide(solid, valid, out=empty, where=valid > 0))


def nearest(centres: np.ndarray, count: int = 6) -> np.ndarray:
    """Mean of the `count` smallest rounded distances of centres[particle, 3] that are not 0."""
    found = np.full(len(centres), np.nan)
    for row, centre in enumerate(centres):
        distance = np.rint(np.sqrt(((centres - centre) ** 2).sum(axis=1)))
        closest = np.sort(distance[distance > 0])[:count]
        if len(closest):
            found[row] = closest.mean()
    return found
