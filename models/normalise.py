"""Grey values as a StarDist network expects them: percentiles 1 and 99.8 become 0 and 1."""

from __future__ import annotations

import numpy as np

LOW, HIGH = 1.0, 99.8
"""Percent; those that the official models were trained with (`csbdeep.utils.normalize`)."""
COUNTED = (np.dtype(np.uint8), np.dtype(np.uint16))
"""Types whose values are counted rather than sorted."""


def normalised(image: np.ndarray, low: float = LOW, high: float = HIGH) -> np.ndarray:
    """Scale `image` [y, x] so that its percentiles become 0 and 1, float32, nothing clipped.

    Where so few pixels differ that both are equal, the darkest and the brightest become that.
    """
    dark, bright = percentiles(image, (low, high))
    if dark == bright:
        dark, bright = np.float32(image.min()), np.float32(image.max())
    return np.asarray((image.astype(np.float32) - dark) / np.float32(bright - dark or 1))


def percentiles(image: np.ndarray, percent: tuple[float, ...]) -> np.ndarray:
    """Give percentiles of all pixels, float32, as numpy's linear ones; quick for small integers."""
    if image.dtype not in COUNTED:
        return np.asarray(np.percentile(image, percent), np.float32)
    below = np.cumsum(np.bincount(image.ravel()))
    place = np.array(percent) / 100 * (image.size - 1)
    first, part = np.floor(place).astype(int), place % 1
    lower = np.searchsorted(below, first, side="right")
    upper = np.searchsorted(below, np.minimum(first + 1, image.size - 1), side="right")
    return np.asarray(lower + part * (upper - lower), np.float32)
