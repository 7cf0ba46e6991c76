"""Previews: an image made small enough to look at, with the scale that gives its values back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

LEVELS = 254
"""Grey levels of a quantised preview; code 0 is kept for pixels without a value."""

FINE_LEVELS = 65534
"""As many of one with 16 bits."""

SAMPLE = 256
"""The contrast window is read off at most SAMPLE x SAMPLE pixels."""


@dataclass(frozen=True, slots=True)
class Preview:
    """A small picture: `value = offset + scale * code`, code 0 = no value; f32 has values as is."""

    pixels: np.ndarray
    """[y, x], codes of 8 or 16 bits, or float32 values."""
    scale: float
    offset: float
    step: int
    """How many pixels of the image lie along one side of a pixel of the preview."""
    low: float
    """Lower end of the contrast window."""
    high: float
    """Upper end of the contrast window."""


def preview(
    image: np.ndarray,
    size: int,
    *,
    quantised: bool = True,
    fine: bool = False,
    beyond: float = 0.0,
    percentiles: tuple[float, float] = (0.1, 99.9),
    limits: tuple[float, float] | None = None,
) -> Preview:
    """Shrink `image[y, x]` to at most `size` pixels a side and quantise it to 8 bits (16: `fine`).

    The contrast window is `limits` (values), or lies between `percentiles` of the small picture;
    codes go on for `beyond` windows below and above it, as far as there are values.

    Pixels that are not finite, and the all-ones that detectors with 32 bits and more write for
    masked pixels, have no value. An image without any value has the window 0..1.
    """
    small, step = shrink(real(image), size)
    low, high = limits or window(small, percentiles)
    if not quantised:
        with np.errstate(over="ignore"):  # beyond float32 lies infinity
            values = np.ascontiguousarray(small, np.float32)
        return Preview(values, 1.0, 0.0, step, low, high)
    kind = np.uint16 if fine else np.uint8
    ends = _further(small, low, high, beyond) if beyond else (low, high)
    codes, scale, offset = quantise(small, *ends, kind)
    return Preview(codes, scale, offset, step, low, high)


def real(image: np.ndarray) -> np.ndarray:
    """Give `image[y, x]` as numbers that can be averaged: |z| of complex, NaN for masked pixels."""
    if image.ndim != 2:
        raise ValueError(f"a preview needs an image of two dimensions, not {image.ndim}")
    if image.dtype.kind == "c":
        return np.asarray(np.abs(image))
    if image.dtype.kind == "b":
        return image.view(np.uint8)
    if image.dtype.kind == "u" and image.dtype.itemsize >= 4:
        masked = image == np.iinfo(image.dtype).max
        return np.where(masked, np.nan, image) if masked.any() else image
    return image


def shrink(image: np.ndarray, size: int) -> tuple[np.ndarray, int]:
    """Average `image[y, x]` over squares so that no side exceeds `size`; also the squares' side.

    The last row and column of squares may be cut by the image's edge. A square's mean is over its
    finite pixels; without one it is NaN.
    """
    step = max(1, -(-max(image.shape, default=1) // size))
    if step == 1:
        return image, 1
    if image.dtype.kind == "f" and not np.isfinite(image).all():
        finite = np.isfinite(image)
        total = _sums(np.where(finite, image, 0), step)
        count = _sums(finite, step)
        return np.divide(total, count, out=np.full_like(total, np.nan), where=count > 0), step
    rows, columns = (_lengths(n, step) for n in image.shape)
    return _sums(image, step) / (rows[:, None] * columns), step


def _sums(image: np.ndarray, step: int) -> np.ndarray:
    """Sums over squares of `step` pixels, float32 (float64 where float32 could overflow)."""
    kind = np.float64 if image.dtype.itemsize > 4 else np.float32
    rows = _sum_rows(image, step, kind)
    total = np.zeros((rows.shape[0], -(-rows.shape[1] // step)), kind)
    for first in range(step):
        part = rows[:, first::step]
        total[:, : part.shape[1]] += part
    return total


def _sum_rows(image: np.ndarray, step: int, kind: type) -> np.ndarray:
    total = np.zeros((-(-image.shape[0] // step), image.shape[1]), kind)
    for first in range(step):
        part = image[first::step]
        total[: len(part)] += part
    return total


def _lengths(n: int, step: int) -> np.ndarray:
    """How many pixels each square holds along an axis of `n`."""
    edges = np.arange(0, n, step)
    return np.minimum(step, n - edges).astype(np.float32)


def window(
    image: np.ndarray, percentiles: tuple[float, float] = (0.1, 99.9)
) -> tuple[float, float]:
    """Say between which values `image[y, x]` is worth showing, from a sample of its pixels.

    Where the percentiles coincide (a flat image with a few bright pixels) the extremes are used.
    """
    strides = [max(1, n // SAMPLE) for n in image.shape]
    sample = image[:: strides[0], :: strides[1]]
    if image.dtype.kind in "iu" and image.dtype.itemsize <= 2 and sample.size:
        low, high = _counted(sample, percentiles)
        if low < high:
            return low, high
    elif (sample := sample.astype(np.float64)[np.isfinite(sample)]).size:
        with np.errstate(over="ignore", invalid="ignore"):
            low, high = np.percentile(sample, percentiles)
        if low < high:
            return float(low), float(high)
    finite = image[np.isfinite(image)]
    if not finite.size:
        return 0.0, 1.0
    return float(finite.min()), float(finite.max())


def _further(image: np.ndarray, low: float, high: float, windows: float) -> tuple[float, float]:
    finite = image[np.isfinite(image)]
    if not finite.size:
        return low, high
    more = windows * (high - low)
    least, most = float(finite.min()), float(finite.max())
    return min(low, max(least, low - more)), max(high, min(most, high + more))


def _counted(sample: np.ndarray, percentiles: tuple[float, float]) -> tuple[float, float]:
    """The percentiles of few whole numbers as `np.percentile` has them, by counting each."""
    least = int(sample.min())
    below = np.bincount((sample.astype(np.int32) - least).ravel()).cumsum()
    found = []
    for percentile in percentiles:
        place = percentile / 100 * (sample.size - 1)
        first = min(int(place), sample.size - 1)
        places = [first, min(first + 1, sample.size - 1)]
        one, other = (least + float(n) for n in np.searchsorted(below, places, side="right"))
        share = place - first
        gap = other - one
        found.append(one + gap * share if share < 0.5 else other - gap * (1 - share))
    return found[0], found[1]


BLOCK = 1 << 16
"""Pixels that are coded at a time: so many lie in a cache."""


def quantise(
    image: np.ndarray, low: float, high: float, codes_as: type[np.unsignedinteger[Any]] = np.uint8
) -> tuple[np.ndarray, float, float]:
    """Code `low`..`high` of `image[y, x]` as 1..255 and no value as 0; also scale and offset.

    In 16 bits, if `codes_as` are such, as 1..65535.
    """
    most = LEVELS if codes_as is np.uint8 else FINE_LEVELS
    scale = (float(high) - float(low)) / most
    if not 1e-300 < scale < np.inf:
        return np.isfinite(image).astype(codes_as), 0.0, low
    narrow = image.dtype.itemsize <= (4 if image.dtype.kind == "f" else 2)
    kind = np.dtype(np.float32 if narrow and 1e-30 < scale < 1e30 else np.float64)
    codes = np.empty(image.shape, codes_as)
    values, coded = np.ascontiguousarray(image).reshape(-1), codes.reshape(-1)
    room = np.empty(min(BLOCK, values.size), kind)
    for at in range(0, values.size, BLOCK):
        part = values[at : at + BLOCK]
        levels = room[: part.size]
        levels[:] = part
        levels -= kind.type(low)
        levels *= kind.type(1 / scale)
        np.clip(levels, 0, most, out=levels)
        levels += kind.type(1.5)
        if image.dtype.kind == "f":
            levels[~np.isfinite(part)] = 0
        coded[at : at + BLOCK] = levels
    return codes, scale, low - scale
