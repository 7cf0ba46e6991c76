"""The power spectrum of the whole frame, for people to look at."""

from __future__ import annotations

import numpy as np
import scipy.fft

from .crop import View

LARGEST = 512
"""Pixels along an edge of the picture, at most."""


def spectrum(view: View, power: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """log10 of the Hann-windowed power, float32 [ky, kx] with k = 0 in the middle; its ky and kx.

    `power` is the `power_spectrum` of `view`. Bins are averaged in squares until the picture is
    small enough.
    """
    ny, nx = view.image.shape
    right = scipy.fft.fftshift(power[:, : nx // 2], axes=0)
    mirrored = power[-np.arange(ny) % ny, 1 : nx // 2 + 1][:, ::-1]
    full = np.concatenate([scipy.fft.fftshift(mirrored, axes=0), right], axis=1)
    ky = scipy.fft.fftshift(np.fft.fftfreq(ny, view.pixel[0]))
    kx = scipy.fft.fftshift(np.fft.fftfreq(nx, view.pixel[1]))
    fy, fx = -(-ny // LARGEST), -(-nx // LARGEST)
    my, mx = ny // fy, nx // fx
    rows = full[: my * fy, : mx * fx].reshape(my, fy, mx * fx).sum(axis=1)
    small = rows.reshape(my, mx, fx).sum(axis=2) / np.float32(fy * fx)
    floor = np.float32(max(1e-12 * float(small.max()), float(np.finfo(np.float32).tiny)))
    return (
        np.log10(small + floor),
        ky[: my * fy].reshape(my, fy).mean(axis=1),
        kx[: mx * fx].reshape(mx, fx).mean(axis=1),
    )


def power_spectrum(view: View) -> np.ndarray:
    """Power of the whole image under Hann windows, float32 [ky, kx] in fft order, kx from 0 up."""
    half = _hann(view.spectrum)
    power = np.asarray(np.square(half.real))
    power += np.square(half.imag)
    power *= np.float32(1 / view.image.size) ** 2
    return power


def _hann(half: np.ndarray) -> np.ndarray:
    """Half plane of an image under Hann windows: each frequency less its neighbours' mean.

    The windows have a mean square of 1, as those of `tiles`.
    """
    down = -np.arange(len(half)) % len(half)
    across = np.empty_like(half)
    np.add(half[:, :-2], half[:, 2:], out=across[:, 1:-1])
    np.add(half[down, 1].conj(), half[:, 1], out=across[:, 0])
    np.add(half[:, -2], half[down, -2].conj(), out=across[:, -1])
    across *= np.float32(-0.5)
    across += half
    both = np.empty_like(half)
    np.add(across[:-2], across[2:], out=both[1:-1])
    np.add(across[-2], across[0], out=both[-1])
    np.add(across[-1], across[1], out=both[0])
    both *= np.float32(-0.5)
    both += across
    both *= np.float32(0.5 * 0.5 * 8 / 3)
    return both
