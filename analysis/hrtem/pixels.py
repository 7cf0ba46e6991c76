"""Pixels fit for a Fourier transform: finite float32, with what was wrong with them in words."""

from __future__ import annotations

import numpy as np

from ..operators import AnalysisError
from .burnt import fill, patches

SMALLEST = 32
"""Pixels along an edge below which there is nothing to see."""
STRIPED = 3.0
"""Times the spectrum of the means of columns that the one of rows has, or the other way round,
from which on there are scan lines."""
RANGE = (1e-9, 1e12)
"""Contrast within which squares of squares are float32 numbers."""


def clean(image: np.ndarray) -> tuple[np.ndarray, list[str]]:
    """Turn `image[y, x]` of any real dtype into float32; say what had to be repaired.

    Pixels that aren't finite take the median of the others, burnt-in patches noise. AnalysisError
    for an image that is too small, complex, holds no finite pixel, or values beyond RANGE.
    """
    if image.dtype.kind not in "uifb":
        raise AnalysisError(f"pixels must be real numbers, not {image.dtype}")
    if min(image.shape) < SMALLEST:
        raise AnalysisError(f"an image of {image.shape} is too small: {SMALLEST} pixels at least")
    notes = []
    pixels = image.astype(np.float32)
    if image.dtype.kind == "f":
        bad = ~np.isfinite(pixels)
        if bad.all():
            raise AnalysisError("the image holds no finite pixel")
        if bad.any():
            pixels[bad] = np.median(pixels[~bad])
            notes.append(f"{int(bad.sum())} pixels were not finite and took the median")
    counts = image if image.dtype.kind in "ui" else pixels
    low, top = float(counts.min()), float(counts.max())
    if top == low:
        return pixels, [*notes, "all pixels are equal: there is nothing to see"]
    if not RANGE[0] < top - low < RANGE[1]:
        raise AnalysisError(
            f"pixels go from {low:g} to {top:g}: these are no counts; scale them to a contrast "
            f"between {RANGE[0]:g} and {RANGE[1]:g}"
        )
    if (burnt := patches(pixels)) is not None:
        fill(pixels, burnt)
        counts, top = pixels, float(pixels.max())
        notes.append(
            f"{int(burnt.sum())} pixels lie in patches of one value (a scale bar?): they were "
            "filled with noise, and nothing is seen there"
        )
    if image.dtype.itemsize == 1:
        notes.append("pixels of 8 bits: what was cut off or compressed before may be missing")
    if lines := _stripes(pixels):
        notes.append(f"{lines} have offsets of their own (scan lines): they were taken out")
    if (clipped := np.count_nonzero(counts == top) / pixels.size) > 0.01:
        notes.append(
            f"{clipped:.1%} of the pixels are saturated: lattice spacings of half may appear"
        )
    return pixels, notes


def _stripes(pixels: np.ndarray) -> str | None:
    """Say which lines, rows or columns, are brighter and darker as a whole.

    The means of rows and of columns have the same spectrum but for the number of pixels in them;
    the median over all frequencies knows nothing of single spots.
    """
    ny, nx = pixels.shape
    rows, columns = (
        float(np.median(np.abs(np.fft.rfft(pixels.mean(axis=1 - axis))[1:]))) for axis in (0, 1)
    )
    ratio = rows * nx / max(columns * ny, 1e-30)
    return "rows" if ratio > STRIPED else "columns" if ratio < 1 / STRIPED else None
