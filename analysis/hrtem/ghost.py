"""A second exposure in the frame: the image lies over a shifted copy of itself.

The glass of the specimen is the same in both and nothing but itself, so the autocorrelation of the
image has a peak at the shift. Crystals are periodic and would have many: each frequency counts by
its power over that of its ring, and no more than the glass has.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import scipy.fft

from .crop import View
from .tiles import hann

LARGEST = 1024
"""Pixels along an edge that are looked at, in the middle."""
SMALLEST = 128
"""Pixels below which there is nothing to compare."""
SOME = 4
"""Of so many rows of the autocorrelation one tells how wide it scatters."""
CLIPPED = 3.0
"""Times the mean of its ring that a frequency counts at most."""
NEAR = 10
"""Pixels about no shift at all that are left out: neighbours always agree."""
PEAK = 50.0
"""Standard deviations that the peak stands above the rest of the autocorrelation: crystals alone
reach 35, a second exposure 75."""


@dataclass(frozen=True, slots=True)
class Ghost:
    """A copy of the image within itself."""

    shift: tuple[float, float]
    """(y, x), x not negative, in the unit of the view's pixel."""
    height: float
    """Of the peak, in standard deviations of the rest."""


def ghost(
    view: View, whole: np.ndarray, k_min: float, k_max: float, workers: int = 1
) -> Ghost | None:
    """Find a copy of the image within itself by its frequencies from `k_min` to `k_max`.

    `whole` is the `power_spectrum` of `view`.
    """
    image = view.image
    if min(image.shape) < SMALLEST:
        return None
    power = whole
    if max(image.shape) > LARGEST:
        image = image[tuple(_middle(n) for n in image.shape)]
        windowed = image * hann(image.shape[0])[:, None]
        windowed *= hann(image.shape[1])
        half = scipy.fft.rfft2(windowed, workers=workers)
        power = np.square(half.real) + np.square(half.imag)
    flat = _flattened(power, *_rings(image.shape, view.pixel, k_min, k_max))
    agree = scipy.fft.irfft2(flat, s=image.shape, workers=workers)
    return _peak(agree, view.pixel)


def _middle(n: int) -> slice:
    """The middle of `n` pixels, LARGEST of them at most."""
    return slice((n - min(n, LARGEST)) // 2, (n + min(n, LARGEST)) // 2)


@lru_cache(maxsize=4)
def _rings(
    shape: tuple[int, ...], pixel: tuple[float, float], k_min: float, k_max: float
) -> tuple[np.ndarray, np.ndarray]:
    """Flat bins from k_min to k_max off the axes (scan lines, edges), and the ring of each."""
    ky, kx = np.fft.fftfreq(shape[0], pixel[0]), np.fft.rfftfreq(shape[1], pixel[1])
    k = np.hypot(ky[:, None], kx[None, :])
    inside = (k >= k_min) & (k <= k_max)
    inside[0], inside[:, 0] = False, False
    bins = np.flatnonzero(inside)
    return bins, np.minimum((k.ravel()[bins] / k_max * 64).astype(int), 63)


def _flattened(power: np.ndarray, bins: np.ndarray, ring: np.ndarray) -> np.ndarray:
    """Power over the median of its ring, clipped, its mean taken off; 0 elsewhere."""
    flat = np.zeros(power.size, power.dtype)
    values = power.ravel()[bins]
    if not values.any():
        return flat.reshape(power.shape)
    logs = np.log(np.maximum(values, np.finfo(power.dtype).tiny))
    level = np.bincount(ring, logs, 64) / np.maximum(np.bincount(ring, minlength=64), 1)
    clipped = np.minimum(values * np.exp(-level)[ring], CLIPPED)
    flat[bins] = clipped - clipped.mean()
    return flat.reshape(power.shape)


def _peak(agree: np.ndarray, pixel: tuple[float, float]) -> Ghost | None:
    ny, nx = agree.shape
    half = agree[:, : nx // 2].copy()
    half[:NEAR, :NEAR] = half[-NEAR:, :NEAR] = 0
    spread = 1.4826 * float(np.median(np.abs(half[::SOME])))
    y, x = np.unravel_index(int(half.argmax()), half.shape)
    height = float(half[y, x]) / max(spread, 1e-30)
    if height < PEAK:
        return None
    down = int(y) - ny if y > ny // 2 else int(y)
    return Ghost((down * pixel[0], int(x) * pixel[1]), height)
