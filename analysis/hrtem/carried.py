"""Regions put back: fringes that the lens carried off are found where their grain is.

Beyond its pass band a lens shows a grain's fringes twice, carried |slope of chi| / 2 pi to both
sides along k (Lichte, Ultramicroscopy 38 (1991) 13), each copy in a place of its own. In the
restored image they meet again, where the reflections of small k of the same grain are. Fringes of
second order, which do not follow the phase of the lens, are carried off there instead: of the two
images the one is right in which the fringes cover less.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import scipy.ndimage

from .envelopes import Box, Plane, fringes
from .lens import Restored
from .regions import HALF, NOISE, Regions, bounds, redrawn

FAR = 0.1
"""Of its diameter that a region may be carried and stay as it is."""
Part: TypeAlias = tuple[Box, np.ndarray]
"""A box of the plane and the squared amplitudes in it."""


@dataclass(frozen=True, slots=True)
class Undone:
    """The restored image, and its envelopes."""

    by: Restored
    plane: Plane


def put_back(
    found: Regions, ky: np.ndarray, kx: np.ndarray, noise: np.ndarray, source: Plane, undone: Undone
) -> Regions:
    """Draw the regions that the lens carried off again, in the restored image.

    `ky, kx` are of each region, `noise` what noise leaves of the mean square envelope, `source` is
    of the image as it is. A region's fringes come from no further than they are carried.
    """
    rows = np.arange(len(found))
    away = undone.by.lens.carried(np.hypot(ky, kx))
    moved = {}
    for row, (box, power) in regained(found, rows, ky, kx, noise, source, undone).items():
        near = _around(found, row, away[row], source)
        part = power[
            tuple(
                slice(n.start - b.start, n.stop - b.start) for n, b in zip(near, box, strict=True)
            )
        ]
        y, x = _about_the_top(part, noise[row])
        places = (y + near[0].start) * source.shape[1] + x + near[1].start
        moved[row] = (places, part[y, x])
    return redrawn(found, moved, source.shape, source.pixel)


def regained(
    found: Regions,
    rows: np.ndarray,
    ky: np.ndarray,
    kx: np.ndarray,
    noise: np.ndarray,
    source: Plane,
    undone: Undone,
) -> dict[int, Part]:
    """Tell which of the `rows` cover less in the restored image, and what they are there.

    In a box that holds both copies of what the lens carried off, and both that undoing it makes
    of fringes of second order.
    """
    away = undone.by.lens.carried(np.hypot(ky, kx))
    rows = rows[away[rows] > FAR * found.diameter[rows]]
    boxes = [_around(found, row, 2 * away[row], source) for row in rows.tolist()]
    here, there = (fringes(p, ky[rows], kx[rows], ahead=True) for p in (source, undone.plane))
    less = {}
    for n, (row, box) in enumerate(zip(rows.tolist(), boxes, strict=True)):
        power = there.power(n, box)
        if _spread(power, noise[row]) < _spread(here.power(n, box), noise[row]):
            less[row] = (box, power)
    return less


def _spread(power: np.ndarray, noise: float) -> float:
    """Area that fringes cover, in samples: the square of the sum over the sum of squares."""
    above = np.maximum(power - np.float32(noise), 0)
    return float(above.sum()) ** 2 / float(np.square(above).sum() + 1e-30)


def _around(found: Regions, row: int, away: float, plane: Plane) -> Box:
    """Box that holds a region and all places so far from it."""
    y, x = bounds(found.places(row), plane.shape, int(np.ceil(away / min(plane.pixel))))
    return slice(y.start, min(y.stop, plane.shape[0])), slice(x.start, min(x.stop, plane.shape[1]))


def _about_the_top(power: np.ndarray, noise: float) -> tuple[np.ndarray, ...]:
    """Where the envelope is above half of its maximum and joined to it."""
    top = np.unravel_index(int(power.argmax()), power.shape)
    label = scipy.ndimage.label(power >= max(HALF * power[top], min(NOISE * noise, power[top])))[0]
    return np.nonzero(label == label[top])
