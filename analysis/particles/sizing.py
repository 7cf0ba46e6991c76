"""A first look at a slice: how large are its particles?

The network knows particles of some range of sizes. It is shown the middle of the slice at several
scales; at the right one it covers most of it with particles of a size that it knows.
"""

from __future__ import annotations

import numpy as np

from .model import Model
from .selection import select
from .stars import star_maps

SCALES = (1.0, 0.5, 0.25, 0.125, 0.0625)
FINER = 2.0
"""Scale that is looked at only where the particles may be small."""
SMALL = 30.0
"""Pixels of the image below which they may."""
WINDOW = 1 << 15
"""Pixels of the network that it is shown at each scale."""
LEAST = 24
"""Pixels of the network below which a window shows nothing."""
KNOWN = (0.4, 2.0)
"""Diameters that count, relative to what the network likes best."""
SHARE = 0.01
"""Of the window that must be covered for a size to be believed."""


def typical_diameter(image: np.ndarray, model: Model) -> float | None:
    """Estimate the diameter of the particles in `image` [y, x], pixels of the image.

    The area-weighted median; None where no particle is seen at any scale.
    """
    best, diameter = SHARE, None
    for scale in (*SCALES, FINER):
        if scale == FINER and diameter is not None and diameter > SMALL:
            break
        window = _middle(image, scale)
        if min(window.shape) * scale < LEAST and scale != SCALES[0]:
            continue
        covered, found = _look(window, model, scale)
        if covered > best:
            best, diameter = covered, found
    return diameter


def _middle(image: np.ndarray, scale: float) -> np.ndarray:
    """Cut the middle out that has WINDOW pixels at `scale`, or all of it."""
    pixels = WINDOW / scale**2
    short = min(*image.shape, int(np.sqrt(pixels)))
    long = min(max(image.shape), int(pixels / short))
    shape = (short, long) if image.shape[0] <= image.shape[1] else (long, short)
    start = [(n - s) // 2 for n, s in zip(image.shape, shape, strict=True)]
    return image[start[0] : start[0] + shape[0], start[1] : start[1] + shape[1]]


def _look(window: np.ndarray, model: Model, scale: float) -> tuple[float, float]:
    """Give how far particles of a known size cover the window, 0 to 1, and their diameter.

    Few count less than many: at a scale that is far too coarse all of the slice may look like one.
    Particles that the edge of the window cuts tell no size, unless there are no others.
    """
    maps = next(star_maps(window[None], model, scale))
    found = select(maps, model.threshold("prob"), model.threshold("nms"), refine=False)
    corners = found.corners()
    area = areas(corners)
    diameter = 2 * np.sqrt(area / np.pi)
    relative = diameter * scale / model.particle_px
    known = (relative > KNOWN[0]) & (relative < KNOWN[1])
    weight = np.where(known, area * found.prob, 0)
    if not weight.sum() > 0:
        return 0.0, 0.0
    many = np.count_nonzero(known)
    covered = float(weight.sum() / window.size * many / (many + 1))
    whole = ((corners > 0) & (corners < np.array(window.shape) - 1)).all(axis=(1, 2))
    weight = weight * whole if weight[whole].sum() > 0 else weight
    return covered, _median(diameter, weight)


def areas(polygons: np.ndarray) -> np.ndarray:
    """Area of each of `polygons` [n, corner, (y, x)], float64 (the shoelace formula)."""
    y, x = polygons[..., 0], polygons[..., 1]
    turns = x * np.roll(y, -1, axis=1) - y * np.roll(x, -1, axis=1)
    return np.asarray(np.abs(turns.sum(axis=1)) / 2)


def _median(values: np.ndarray, weight: np.ndarray) -> float:
    """Give the value that as much weight lies below as above."""
    order = np.argsort(values)
    total = np.cumsum(weight[order])
    return float(values[order][np.searchsorted(total, total[-1] / 2)])
