"""Pixels fit for a Fourier transform: finite float32, with what was wrong with them in words."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..operators import AnalysisError
from .burnt import fill, patches

SMALLEST = 32
"""Pixels along an edge below which there is nothing to see."""
STRIPED = 3.0
"""Times the spectrum of the means of columns that the one of rows has, or the other way round,
from which on there are scan lines."""
BLOCK = 1 << 16
"""Pixels that are looked at together: they stay in the cache."""
RANGE = (1e-9, 1e12)
"""Contrast within which squares of squares are float32 numbers."""


def clean(image: np.ndarray) -> tuple[np.ndarray, list[str]]:
    """Turn `image[y, x]` of any real dtype into float32; say what had to be repaired.

    Pixels that aren't finite and burnt-in patches are filled with noise. AnalysisError
    for an image that is too small, complex, holds no finite pixel, or values beyond RANGE.
    """
    if image.dtype.kind not in "uifb":
        raise AnalysisError(f"pixels must be real numbers, not {image.dtype}")
    if min(image.shape) < SMALLEST:
        raise AnalysisError(f"an image of {image.shape} is too small: {SMALLEST} pixels at least")
    notes = []
    pixels = np.empty(image.shape, np.float32)
    if image.dtype.kind == "f":
        pixels[:] = image
        bad = ~np.isfinite(pixels)
        if bad.all():
            raise AnalysisError("the image holds no finite pixel")
        if bad.any():
            fill(pixels, bad)
            notes.append(f"{int(bad.sum())} pixels were not finite and were filled with noise")
    seen = _survey(pixels, image if image.dtype.kind != "f" else None)
    low, top = seen.low, seen.top
    if top == low:
        return pixels, [*notes, "all pixels are equal: there is nothing to see"]
    if not RANGE[0] < top - low < RANGE[1]:
        raise AnalysisError(
            f"pixels go from {low:g} to {top:g}: these are no counts; scale them to a contrast "
            f"between {RANGE[0]:g} and {RANGE[1]:g}"
        )
    if (burnt := patches(pixels)) is not None:
        fill(pixels, burnt)
        seen = _survey(pixels)
        notes.append(
            f"{int(burnt.sum())} pixels lie in patches of one value (a scale bar?): they were "
            "filled with noise, and nothing is seen there"
        )
    if image.dtype.itemsize == 1:
        notes.append("pixels of 8 bits: what was cut off or compressed before may be missing")
    if lines := _stripes(seen):
        notes.append(f"{lines} have offsets of their own (scan lines): they were taken out")
    if (clipped := seen.clipped / pixels.size) > 0.01:
        notes.append(
            f"{clipped:.1%} of the pixels are saturated: lattice spacings of half may appear"
        )
    return pixels, notes


@dataclass(frozen=True, slots=True)
class _Survey:
    """What is asked of all pixels of an image."""

    low: float
    top: float
    clipped: int
    """Pixels as bright as the brightest."""
    rows: np.ndarray
    """Mean of each row, float32."""
    columns: np.ndarray


def _survey(pixels: np.ndarray, source: np.ndarray | None = None) -> _Survey:
    """Look at all pixels once, in blocks that stay in the cache; fill them from a `source`."""
    rows = np.empty(len(pixels), np.float32)
    columns = np.zeros(pixels.shape[1])
    low, tops = np.inf, []
    step = max(1, BLOCK // pixels.shape[1])
    # as products with ones, which take half as long as sums
    across, down = np.ones(pixels.shape[1], np.float32), np.ones(step, np.float32)
    for start in range(0, len(pixels), step):
        part = pixels[start : start + step]
        if source is not None:
            part[:] = source[start : start + step]
        low = min(low, float(part.min()))
        tops.append(float(part.max()))
        np.matmul(part, across, out=rows[start : start + step])
        columns += down[: len(part)] @ part
    top = max(tops)
    brightest = [n * step for n, own in enumerate(tops) if own == top]
    clipped = sum(int(np.count_nonzero(pixels[n : n + step] == top)) for n in brightest)
    return _Survey(low, top, clipped, rows / pixels.shape[1], columns / len(pixels))


def _stripes(seen: _Survey) -> str | None:
    """Say which lines, rows or columns, are brighter and darker as a whole.

    The means of rows and of columns have the same spectrum but for the number of pixels in them;
    the median over all frequencies knows nothing of single spots.
    """
    ny, nx = len(seen.rows), len(seen.columns)
    rows, columns = (
        float(np.median(np.abs(np.fft.rfft(means)[1:]))) for means in (seen.rows, seen.columns)
    )
    ratio = rows * nx / max(columns * ny, 1e-30)
    return "rows" if ratio > STRIPED else "columns" if ratio < 1 / STRIPED else None
