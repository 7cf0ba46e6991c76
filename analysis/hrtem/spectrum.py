"""The power spectrum of the whole frame, for people to look at."""

from __future__ import annotations

import numpy as np
import scipy.fft

from .crop import View

LARGEST = 512
"""Pixels along an edge of the picture, at most."""
ROWS = 32
"""Rows at a time: they stay in the cache."""


def spectrum(view: View, power: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """log10 of the Hann-windowed power, float32 [ky, kx] with k = 0 in the middle; its ky and kx.

    `power` is the `power_spectrum` of `view`. Bins are averaged in squares until the picture is
    small enough.
    """
    ny, nx = view.image.shape
    ky = scipy.fft.fftshift(np.fft.fftfreq(ny, view.pixel[0]))
    kx = scipy.fft.fftshift(np.fft.fftfreq(nx, view.pixel[1]))
    fy, fx = -(-ny // LARGEST), -(-nx // LARGEST)
    my, mx = ny // fy, nx // fx
    rows = np.zeros((my, nx), np.float32)
    for n in range(fy):  # of each square, left of kx = 0 by Friedel's law
        line = (np.arange(n, my * fy, fy) - ny // 2) % ny
        rows[:, nx // 2 :] += power[line, : nx // 2]
        rows[:, : nx // 2] += power[-line % ny, nx // 2 : 0 : -1]
    small = sum(rows[:, n : mx * fx : fx] for n in range(fx)) / np.float32(fy * fx)
    floor = np.float32(max(1e-12 * float(small.max()), float(np.finfo(np.float32).tiny)))
    return (
        np.log10(small + floor),
        ky[: my * fy].reshape(my, fy).mean(axis=1),
        kx[: mx * fx].reshape(mx, fx).mean(axis=1),
    )


def power_spectrum(view: View) -> np.ndarray:
    """Power of the whole image under Hann windows, float32 [ky, kx] in fft order, kx from 0 up.

    The windows have a mean square of 1, as those of `tiles`.
    """
    half, ny = view.spectrum, len(view.spectrum)
    down = -np.arange(ny) % ny
    beyond = half[down, 1].conj(), half[down, -2].conj()
    power = np.empty(half.shape, np.float32)
    for start in range(0, ny, ROWS):
        part = power[start : start + ROWS]
        rows = np.arange(start - 1, start + len(part) + 1) % ny
        waves = _hann(half[rows], beyond[0][rows], beyond[1][rows])
        np.square(np.abs(waves, out=part), out=part)
    power *= np.float32(0.5 * 0.5 * 8 / 3 / view.image.size) ** 2
    return power


def _hann(half: np.ndarray, left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Rows of a half plane, but the first and last, less their neighbours' mean, both ways.

    `left` and `right` are the columns beyond the first and the last.
    """
    across = np.empty_like(half)
    np.add(half[:, :-2], half[:, 2:], out=across[:, 1:-1])
    np.add(left, half[:, 1], out=across[:, 0])
    np.add(half[:, -2], right, out=across[:, -1])
    across *= np.float32(-0.5)
    across += half
    both = across[:-2] + across[2:]
    both *= np.float32(-0.5)
    both += across[1:-1]
    return np.asarray(both)
