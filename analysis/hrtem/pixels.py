"""Pixels fit for a Fourier transform: finite float32, with what was wrong with them in words."""

from __future__ import annotations

import numpy as np

from ..operators import AnalysisError

SMALLEST = 32
"""Pixels along an edge below which there is nothing to see."""


def clean(image: np.ndarray) -> tuple[np.ndarray, list[str]]:
    """Turn `image[y, x]` of any real dtype into float32; say what had to be repaired.

    Pixels that aren't finite take the median of the others. AnalysisError for an image that is too
    small, complex, or holds no finite pixel.
    """
    if image.dtype.kind not in "uifb":
        raise AnalysisError(f"pixels must be real numbers, not {image.dtype}")
    if min(image.shape) < SMALLEST:
        raise AnalysisError(f"an image of {image.shape} is too small: {SMALLEST} pixels at least")
    notes = []
    pixels = image.astype(np.float32)
    bad = ~np.isfinite(pixels)
    if bad.all():
        raise AnalysisError("the image holds no finite pixel")
    if bad.any():
        pixels[bad] = np.median(pixels[~bad])
        notes.append(f"{int(bad.sum())} pixels were not finite and took the median")
    top = float(pixels.max())
    if top == float(pixels.min()):
        notes.append("all pixels are equal: there is nothing to see")
    elif (clipped := float(np.mean(pixels == top))) > 0.01:
        notes.append(
            f"{clipped:.1%} of the pixels are saturated: lattice spacings of half may appear"
        )
    return pixels, notes
