"""The power spectrum of the whole frame, for people to look at."""

from __future__ import annotations

import numpy as np
import scipy.fft

from .crop import View
from .tiles import hann

LARGEST = 512
"""Pixels along an edge of the picture, at most."""


def spectrum(view: View, workers: int = 1) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """log10 of the Hann-windowed power, float32 [ky, kx] with k = 0 in the middle; its ky and kx.

    Bins are averaged in squares until the picture is small enough.
    """
    ny, nx = view.image.shape
    windowed = view.image * (hann(ny)[:, None] / np.float32(ny * nx))
    windowed *= hann(nx)[None, :]
    half = scipy.fft.rfft2(windowed, workers=workers, overwrite_x=True)
    power = np.square(half.real) + np.square(half.imag)
    right = scipy.fft.fftshift(power[:, : nx // 2], axes=0)
    mirrored = power[-np.arange(ny) % ny, 1 : nx // 2 + 1][:, ::-1]
    full = np.concatenate([scipy.fft.fftshift(mirrored, axes=0), right], axis=1)
    ky = scipy.fft.fftshift(np.fft.fftfreq(ny, view.pixel[0]))
    kx = scipy.fft.fftshift(np.fft.fftfreq(nx, view.pixel[1]))
    fy, fx = -(-ny // LARGEST), -(-nx // LARGEST)
    my, mx = ny // fy, nx // fx
    small = full[: my * fy, : mx * fx].reshape(my, fy, mx, fx).mean(axis=(1, 3))
    floor = np.float32(max(1e-12 * float(small.max()), float(np.finfo(np.float32).tiny)))
    return (
        np.log10(small + floor),
        ky[: my * fy].reshape(my, fy).mean(axis=1),
        kx[: mx * fx].reshape(mx, fx).mean(axis=1),
    )
