"""Slices fit for the network: finite, real, and with what is wrong with them in words."""

from __future__ import annotations

import numpy as np

from ..operators import AnalysisError

CLIPPED = 0.05
"""Share of pixels at one end of the grey scale from which on a slice is called saturated."""


def clean(image: np.ndarray) -> tuple[np.ndarray, list[str]]:
    """Give `image` [y, x] with finite pixels, and say what was repaired or is to be doubted.

    AnalysisError for pixels that aren't real numbers, and where none is finite.
    """
    if image.dtype.kind not in "uifb":
        raise AnalysisError(f"pixels must be real numbers, not {image.dtype}")
    notes: list[str] = []
    if image.dtype.kind == "f":
        image, notes = _finite(image)
    elif image.dtype.kind == "b":
        image = image.astype(np.uint8)
    low, high = image.min(), image.max()
    if low == high:
        return image, [*notes, "all pixels are equal: there is nothing to see"]
    for end, name in ((low, "darkest"), (high, "brightest")):
        share = np.count_nonzero(image == end) / image.size
        if share > CLIPPED:
            notes.append(f"{share:.0%} of the pixels have the {name} grey: it is saturated there")
    return image, notes


def _finite(image: np.ndarray) -> tuple[np.ndarray, list[str]]:
    limit = np.finfo(np.float32).max / 4
    good = np.abs(image) < limit  # NaN is not
    if good.all():
        return image.astype(np.float32), []
    if not good.any():
        raise AnalysisError("the slice holds no finite pixel")
    filled = np.where(good, image, np.median(image[good])).astype(np.float32)
    bad = image.size - np.count_nonzero(good)
    return filled, [f"{bad} pixels were not finite and took the median"]
