"""The exact k of a reflection: discrete-time Fourier transform in a window matched to its region."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .crop import View

WINDOW = 7.0
"""Length of the Hann window over the region's standard deviation (a disc of diameter D: 1.75 D)."""
STEPS = 4
"""Times the maximum is looked for; each step spans a third of 1 / length."""
CHUNK = 48
"""Windows in memory at a time."""


@dataclass(frozen=True, slots=True)
class Refined:
    """Where each reflection is and how sure that is."""

    ky: np.ndarray
    kx: np.ndarray
    power: np.ndarray
    """In the matched window, per pixel: over the background it is the signal-to-noise ratio."""
    length_y: np.ndarray
    """Length of the window."""
    length_x: np.ndarray

    @property
    def length(self) -> np.ndarray:
        """Geometric mean of the two lengths."""
        return np.sqrt(self.length_y * self.length_x)


def refine(
    view: View,
    place: tuple[np.ndarray, np.ndarray],
    spread: tuple[np.ndarray, np.ndarray],
    k: tuple[np.ndarray, np.ndarray],
    limits: tuple[float, float],
) -> Refined:
    """Climb to the maximum of the power near `k` = (ky, kx).

    `place` and `spread` are the (y, x) centres and standard deviations of the regions, `limits`
    the shortest and longest window.
    """
    lengths = [np.clip(WINDOW * s, *limits) for s in spread]
    ky, kx = (np.array(v, np.float64) for v in k)
    power = np.zeros(len(ky))
    for start in range(0, len(ky), CHUNK):
        rows = slice(start, start + CHUNK)
        windows = _cut(view, [p[rows] for p in place], [v[rows] for v in lengths])
        ky[rows], kx[rows], power[rows] = _climb(
            windows, ky[rows], kx[rows], [v[rows] for v in lengths]
        )
    return Refined(ky, kx, power, lengths[0], lengths[1])


@dataclass(frozen=True, slots=True)
class _Windows:
    pixels: np.ndarray
    """float32 [n, y, x]"""
    y: np.ndarray
    """Positions of the rows, relative to the centre of the window, [n, y]."""
    x: np.ndarray
    wy: np.ndarray
    """Window along y, [n, y]; the two have a mean square of one over their pixels."""
    wx: np.ndarray


def _cut(view: View, place: list[np.ndarray], lengths: list[np.ndarray]) -> _Windows:
    index, offsets, weights = [], [], []
    for axis in (0, 1):
        n, pixel = view.image.shape[axis], view.pixel[axis]
        many = min(n, int(np.ceil(lengths[axis].max() / pixel)))
        centre = (place[axis] - view.origin[axis]) / pixel
        first = np.clip(np.rint(centre - (many - 1) / 2), 0, n - many).astype(np.intp)
        rows = first[:, None] + np.arange(many)
        offset = (rows - centre[:, None]) * pixel
        inside = np.abs(offset) < lengths[axis][:, None] / 2
        window = np.where(inside, 0.5 + 0.5 * np.cos(2 * np.pi * offset / lengths[axis][:, None]), 0)
        window /= np.sqrt((window**2).sum(axis=1, keepdims=True))
        index.append(rows)
        offsets.append(offset)
        weights.append(window)
    pixels = view.image[index[0][:, :, None], index[1][:, None, :]]
    return _Windows(pixels, offsets[0], offsets[1], weights[0], weights[1])


def _climb(
    windows: _Windows, ky: np.ndarray, kx: np.ndarray, lengths: list[np.ndarray]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """3x3 log-parabolas, each a third of 1 / length wide; never further than 0.8 / length in all."""
    ky0, kx0 = ky, kx
    best = np.zeros(len(ky))
    for _ in range(STEPS):
        sy, sx = (0.35 / length for length in lengths)
        grid = _power(windows, ky, kx, sy, sx)
        best = grid[:, 1, 1]
        logs = np.log(grid + 1e-30)
        ky = ky + _vertex(logs[:, :, 1]) * sy
        kx = kx + _vertex(logs[:, 1, :]) * sx
        ky = ky0 + np.clip(ky - ky0, -0.8 / lengths[0], 0.8 / lengths[0])
        kx = kx0 + np.clip(kx - kx0, -0.8 / lengths[1], 0.8 / lengths[1])
    return ky, kx, best


def _power(
    windows: _Windows, ky: np.ndarray, kx: np.ndarray, sy: np.ndarray, sx: np.ndarray
) -> np.ndarray:
    """Power at the 3x3 frequencies about k, [n, 3, 3]."""
    steps = np.arange(-1, 2)
    fy = ky[:, None] + steps * sy[:, None]
    fx = kx[:, None] + steps * sx[:, None]
    turn_y = np.exp(-2j * np.pi * fy[:, :, None] * windows.y[:, None, :]) * windows.wy[:, None, :]
    turn_x = np.exp(-2j * np.pi * fx[:, :, None] * windows.x[:, None, :]) * windows.wx[:, None, :]
    real = np.concatenate([turn_y.real, turn_y.imag], axis=1).astype(np.float32)
    rows = real @ windows.pixels
    field = (rows[:, :3] + 1j * rows[:, 3:]) @ turn_x.transpose(0, 2, 1).astype(np.complex64)
    power: np.ndarray = np.square(field.real) + np.square(field.imag)
    return power


def _vertex(three: np.ndarray) -> np.ndarray:
    curve = three[:, 0] - 2 * three[:, 1] + three[:, 2]
    slope = 0.5 * (three[:, 0] - three[:, 2])
    step = np.where(curve < 0, slope / np.minimum(curve, -1e-9), np.sign(-slope))
    return np.clip(step, -1.0, 1.0)


def k_sigma(snr: np.ndarray, length: np.ndarray) -> np.ndarray:
    """Standard error of one component of k from noise: 0.6 / (sqrt(snr) length), Hann window."""
    sigma: np.ndarray = 0.6 / (np.sqrt(np.maximum(snr, 1.0)) * length)
    return sigma
