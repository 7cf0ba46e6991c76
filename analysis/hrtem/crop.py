"""Fourier crop: keep |k| below a limit, with no aliasing and no attenuation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.fft
import scipy.ndimage

from ..device import fourier, like, namespace, to_host

NEAR = 9
"""Lines beside the one of the scan lines that tell how strong it should be."""
STRIPED = 2.5
"""Times the amplitude beside it from which that line holds scan lines."""
SMOOTHED = 31
"""Frequencies over which the strength of scan lines is measured."""
ROWS = 32
"""Rows transformed at a time: they stay in the cache."""
SOME = 128
"""Rows that tell the mean."""


@dataclass(frozen=True, slots=True)
class View:
    """One image without the frequencies that hold nothing, and its spectrum."""

    image: np.ndarray
    """float32 [y, x], global mean removed, even sizes."""
    spectrum: np.ndarray
    """Its rfft2, complex64, not normalised."""
    pixel: tuple[float, float]
    """(y, x) length of a pixel of `image`, in nm (px of the original when uncalibrated)."""
    origin: tuple[float, float]
    """(y, x) position of the centre of `image[0, 0]`: half a pixel of the original image."""
    there: tuple[Any, Any] | None = None
    """`image` and `spectrum` on the GPU that the original came from; None where it didn't."""

    @property
    def size(self) -> tuple[float, float]:
        """(y, x) edge lengths of the field."""
        ny, nx = self.image.shape
        return ny * self.pixel[0], nx * self.pixel[1]


def fourier_crop(image: Any, pixel: tuple[float, float], k_max: float, workers: int = 1) -> View:
    """Resample `image[y, x]` so that its Nyquist frequency is just above `k_max`.

    Float32, numpy or cupy: it is transformed where it lives.

    Frequencies are kept exactly; sizes are rounded up to even, FFT-friendly ones, and an image
    already coarser than that keeps its own (made even by leaving out the last row or column).
    """
    image = image[: image.shape[0] // 2 * 2, : image.shape[1] // 2 * 2]
    ny, nx = image.shape
    my = _cropped(ny, ny * pixel[0], k_max)
    mx = _cropped(nx, nx * pixel[1], k_max)
    full = _narrow(image, mx // 2 + 1, workers)
    half = np.empty((my, mx // 2 + 1), np.complex64)
    scale = np.float32((my / ny) * (mx / nx))
    np.multiply(to_host(full[: my // 2]), scale, out=half[: my // 2])
    np.multiply(to_host(full[ny - my // 2 :]), scale, out=half[my // 2 :])
    half[0, 0] = 0
    _unstripe(half)
    if my < ny:
        half[my // 2] = 0
    if mx < nx:
        half[:, mx // 2] = 0
    there = None
    if namespace(image) is np:
        small = inverse(half, mx, workers)
    else:
        spectrum = like(half, image)
        there = (fourier(image).irfft2(spectrum, s=(my, mx)), spectrum)
        small = to_host(there[0])
    return View(
        image=small,
        spectrum=half,
        pixel=(pixel[0] * ny / my, pixel[1] * nx / mx),
        origin=(pixel[0] / 2, pixel[1] / 2),
        there=there,
    )


def inverse(half: np.ndarray, columns: int, workers: int = 1) -> np.ndarray:
    """Image of so many `columns` that belongs to a half plane: irfft2 with a copy less."""
    waves = scipy.fft.ifft(half, axis=0, workers=workers)
    return np.asarray(scipy.fft.irfft(waves, columns, axis=1, workers=workers))


def _unstripe(half: np.ndarray) -> None:
    """Take scan lines out of the half plane, in place: offsets of whole rows or columns.

    They stand on one line of the spectrum alone, at all its frequencies; a crystal's spot there
    does not move the median of the line.
    """
    for line, beside in ((half[:, 0], half[:, 1:NEAR]), (half[0], half[1:NEAR].T)):
        if not beside.size:
            continue
        usual = np.median(np.abs(beside), axis=1)
        excess = np.median(np.abs(line)) / max(float(np.median(usual)), 1e-30)
        if excess > STRIPED:
            window = min(SMOOTHED, len(line) // 2 * 2 - 1)
            level = scipy.ndimage.median_filter(np.abs(line), window, mode="nearest")
            line *= np.minimum(1, usual / np.maximum(level, 1e-30)).astype(np.float32)


def _narrow(image: Any, columns: int, workers: int) -> Any:
    """First `columns` of the rfft2 of `image` less about its mean; the rest is never held.

    The mean is taken off for the sake of precision alone: some rows tell it well enough.
    """
    if namespace(image) is not np:
        return fourier(image).rfft2(image - image.mean())[:, :columns]
    mean = image[:: max(1, len(image) // SOME)].mean(dtype=np.float64).astype(np.float32)
    rows = np.empty((len(image), columns), np.complex64)
    for start in range(0, len(image), ROWS):
        part = slice(start, start + ROWS)
        rows[part] = scipy.fft.rfft(image[part] - mean, axis=1, workers=workers)[:, :columns]
    return np.asarray(scipy.fft.fft(rows, axis=0, overwrite_x=True, workers=workers))


def _cropped(n: int, length: float, k_max: float) -> int:
    """The even, FFT-friendly number of pixels whose Nyquist frequency exceeds `k_max`."""
    wanted = int(np.ceil(2 * k_max * length)) + 2
    return min(n, 2 * int(scipy.fft.next_fast_len((wanted + 1) // 2, real=True)))
