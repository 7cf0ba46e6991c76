"""A second exposure in the frame: the image lies over a shifted copy of itself.

The glass of the specimen is the same in both and nothing but itself, so the autocorrelation of the
image has a peak at the shift. Crystals are periodic and would have many: each frequency counts by
its power over that of its ring, and no more than the glass has.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.fft

from .crop import View

LARGEST = 1024
"""Pixels along an edge that are looked at, in the middle."""
SMALLEST = 128
"""Pixels below which there is nothing to compare."""
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


def ghost(view: View, k_min: float, k_max: float, workers: int = 1) -> Ghost | None:
    """Find a copy of the image within itself by its frequencies from `k_min` to `k_max`."""
    image = view.image
    if min(image.shape) < SMALLEST:
        return None
    part = tuple(slice((n - min(n, LARGEST)) // 2, (n + min(n, LARGEST)) // 2) for n in image.shape)
    image = image[part]
    ny, nx = image.shape
    window = np.hanning(ny + 1)[:-1, None] * np.hanning(nx + 1)[None, :-1]
    half = scipy.fft.rfft2(image * window.astype(np.float32), workers=workers)
    power = np.square(half.real) + np.square(half.imag)
    ky, kx = np.fft.fftfreq(ny, view.pixel[0]), np.fft.rfftfreq(nx, view.pixel[1])
    flat = _flattened(power, np.hypot(ky[:, None], kx[None, :]), k_min, k_max)
    agree = scipy.fft.irfft2(flat, s=(ny, nx), workers=workers)
    return _peak(agree, view.pixel)


def _flattened(power: np.ndarray, k: np.ndarray, k_min: float, k_max: float) -> np.ndarray:
    """Power over the median of its ring, clipped, its mean taken off; 0 elsewhere."""
    inside = (k >= k_min) & (k <= k_max) & (power > 0)
    inside[0], inside[:, 0] = False, False  # scan lines, edges
    flat = np.zeros_like(power)
    if not inside.any():
        return flat
    ring = np.minimum((k[inside] / k_max * 64).astype(int), 63)
    level = np.bincount(ring, np.log(power[inside]), 64) / np.maximum(np.bincount(ring), 1)[:64]
    clipped = np.minimum(power[inside] / np.exp(level[ring]), CLIPPED)
    flat[inside] = clipped - clipped.mean()
    return flat


def _peak(agree: np.ndarray, pixel: tuple[float, float]) -> Ghost | None:
    ny, nx = agree.shape
    half = agree[:, : nx // 2].copy()
    half[:NEAR, :NEAR] = half[-NEAR:, :NEAR] = 0
    spread = 1.4826 * float(np.median(np.abs(half)))
    y, x = np.unravel_index(int(half.argmax()), half.shape)
    height = float(half[y, x]) / max(spread, 1e-30)
    if height < PEAK:
        return None
    down = int(y) - ny if y > ny // 2 else int(y)
    return Ghost((down * pixel[0], int(x) * pixel[1]), height)
