"""The exact k of a reflection: discrete-time Fourier transform in a window matched to its region.

The transfer function of the lens varies across the spot of a small grain and moves its maximum by
up to half its width. Where the lens is known it is undone (Wiener's filter), and what is climbed is
power over what filter and window let pass: by Cauchy and Schwarz's inequality that is largest at
the lattice's k, if the window is like the grain. Elsewhere power over background is climbed:
amorphous matter at the same place is seen through the same transfer function.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
from numpy.lib.stride_tricks import as_strided

from .background import Background
from .crop import View
from .lens import Restored

WINDOW = 7.0
"""Length of the Hann window over the region's standard deviation (a disc of diameter D: 1.75 D)."""
SHORTER = 0.8
"""The same where the lens is undone, over that: more like the grain."""
STEPS = 3
"""Times the maximum is looked for; each step spans a third of 1 / length."""
KERNEL = 0.8
"""Width of the mean shift that follows, over 1 / length: a zero of the transfer function may split
a spot, and its centre is where the lattice is."""
SPAN = 5
"""Steps of half of 1 / length to each side on which the power is known for the mean shift."""
CUT, CHUNK = 48, 192
"""Windows that are cut, and that are looked at, at a time."""
LINEAR = 0.6
"""Strength in the restored image over that in the image as it is from which a spot is one that the
lens carried there straight; those of second order, which do not follow its phase, are weaker."""
BLOCKS = 32
"""Blocks along an edge of a window, about."""
Maximum: TypeAlias = tuple[np.ndarray, np.ndarray, np.ndarray]
"""ky, kx and power over background."""
Pair: TypeAlias = Sequence[np.ndarray]
"""Along y and along x."""


@dataclass(frozen=True, slots=True)
class Refined:
    """Where each reflection is and how sure that is."""

    ky: np.ndarray
    kx: np.ndarray
    snr: np.ndarray
    """Largest power over background in the matched window."""
    length_y: np.ndarray
    """Length of the window."""
    length_x: np.ndarray

    @property
    def length(self) -> np.ndarray:
        """Geometric mean of the two lengths."""
        return np.asarray(np.sqrt(self.length_y * self.length_x))


def refine(
    view: View,
    place: tuple[np.ndarray, np.ndarray],
    spread: tuple[np.ndarray, np.ndarray],
    k: tuple[np.ndarray, np.ndarray],
    limits: tuple[float, float],
    background: Background,
    restored: Restored | None = None,
) -> Refined:
    """Climb to the maximum of power over `background` near `k` = (ky, kx).

    `place` and `spread` are the (y, x) centres and standard deviations of the regions, `limits`
    the shortest and longest window. The `restored` image is believed, but of spots of second order.
    """
    if restored is not None:
        spread = (SHORTER * spread[0], SHORTER * spread[1])
    lengths = [np.clip(WINDOW * s, *limits) for s in spread]
    ky, kx = (np.array(v, np.float64) for v in k)
    snr = np.zeros(len(ky))
    images = [view.image] if restored is None else [view.image, restored.view.image]
    for rows, (windows, *other) in _chunks(view, images, place, lengths, k, background):
        own = [v[rows] for v in lengths]
        at = k[0][rows], k[1][rows]
        if restored is None:
            y, x, snr[rows] = _climb(windows, *at, own)
            ky[rows], kx[rows] = _centred(windows, y, x, own)
            continue
        undone = replace(other[0], lens=(restored, np.sqrt(own[0] * own[1])))
        ky[rows], kx[rows], snr[rows] = _believed(windows, undone, at, own)
    return Refined(ky, kx, snr, lengths[0], lengths[1])


def _believed(
    windows: _Windows, undone: _Windows, at: tuple[np.ndarray, np.ndarray], lengths: Pair
) -> Maximum:
    """Climb in both images; take the restored one's maximum, but of spots of second order."""
    plain, other = _climb(windows, *at, lengths), _climb(undone, *at, lengths)
    better = other[2] > LINEAR * plain[2]
    ky, kx = (np.where(better, other[n], plain[n]) for n in (0, 1))
    for there, rows in ((windows, np.flatnonzero(~better)), (undone, np.flatnonzero(better))):
        if rows.size:
            own = [v[rows] for v in lengths]
            ky[rows], kx[rows] = _centred(there.keep(rows), ky[rows], kx[rows], own)
    return ky, kx, np.maximum(plain[2], other[2])


def glance(
    view: View,
    place: tuple[np.ndarray, np.ndarray],
    spread: tuple[np.ndarray, np.ndarray],
    k: tuple[np.ndarray, np.ndarray],
    limits: tuple[float, float],
    background: Background,
) -> np.ndarray:
    """Largest power over `background` at `k` = (ky, kx) and its nearest neighbours, [k]."""
    lengths = [np.clip(WINDOW * s, *limits) for s in spread]
    most = np.zeros(len(k[0]))
    for rows, (windows,) in _chunks(view, [view.image], place, lengths, k, background):
        steps = [0.4 / v[rows] for v in lengths]
        grid = _ratio(windows, k[0][rows], k[1][rows], steps[0], steps[1], 1)[0]
        most[rows] = grid.max(axis=(1, 2))
    return most


def _chunks(
    view: View,
    images: Sequence[np.ndarray],
    place: tuple[np.ndarray, np.ndarray],
    lengths: Sequence[np.ndarray],
    k: tuple[np.ndarray, np.ndarray],
    background: Background,
) -> Iterator[tuple[np.ndarray, list[_Windows]]]:
    """Cut the windows of each of the `images`, some rows at a time; those of about one size.

    CUT windows are cut as large as the largest of them; CHUNK are asked together.
    """
    order = np.argsort(lengths[0] * lengths[1], kind="stable")
    levels, width = background.rings_at(*place)
    for start in range(0, len(order), CHUNK):
        rows = order[start : start + CHUNK]
        parts = [rows[n : n + CUT] for n in range(0, len(rows), CUT)]
        y, x = (
            [_axis(view, n, place[n][some], lengths[n][some], k[n][some]) for some in parts]
            for n in (0, 1)
        )
        ring = levels[rows], width
        axes = _joined(y), _joined(x)
        yield rows, [_Windows(_fields(image, y, x), *axes, ring) for image in images]


@dataclass(frozen=True, slots=True)
class _Cut:
    """Windows along one axis, in blocks of pixels, with the waves of each one's k."""

    first: list[int]
    """First pixel of each window."""
    wave: np.ndarray
    """Window times wave, complex64 [n, block, pixel], 0 behind the last; mean square one."""
    blocks: _Axis


@dataclass(frozen=True, slots=True)
class _Axis:
    """The blocks of windows along one axis."""

    place: np.ndarray
    """Centres of the blocks, relative to the centre of the window, [n, block]."""
    k: np.ndarray
    size: np.ndarray
    """Length of a block of each window."""

    def keep(self, rows: np.ndarray) -> _Axis:
        """Take some of the windows."""
        return _Axis(self.place[rows], self.k[rows], self.size[rows])


def _joined(cuts: Sequence[_Cut]) -> _Axis:
    """Join the windows of some cuts; those with fewer blocks have empty ones behind."""
    most = max(cut.wave.shape[1] for cut in cuts)
    return _Axis(
        np.concatenate([_longer(cut.blocks.place, most) for cut in cuts]),
        np.concatenate([cut.blocks.k for cut in cuts]),
        np.concatenate([cut.blocks.size for cut in cuts]),
    )


def _longer(place: np.ndarray, most: int) -> np.ndarray:
    return np.pad(place, ((0, 0), (0, most - place.shape[1])))


def _fields(image: np.ndarray, along_y: Sequence[_Cut], along_x: Sequence[_Cut]) -> np.ndarray:
    """The `_sums` of some cuts, complex64 [n, y, x]; 0 in empty blocks."""
    shape = [max(cut.wave.shape[1] for cut in cuts) for cuts in (along_y, along_x)]
    total = np.zeros((sum(len(cut.first) for cut in along_y), *shape), np.complex64)
    start = 0
    for y, x in zip(along_y, along_x, strict=True):
        sums = _sums(image, y, x)
        total[start : start + len(sums), : sums.shape[1], : sums.shape[2]] = sums
        start += len(sums)
    return total


@dataclass(frozen=True, slots=True)
class _Windows:
    """Windowed pixels summed over blocks once the waves of k are taken off.

    All that is asked lies within a few 1 / length of k, and there the blocks say it.
    """

    field: np.ndarray
    """complex64 [n, y, x]"""
    y: _Axis
    x: _Axis
    rings: tuple[np.ndarray, float]
    """Background at the place of each window, [n, ring], and the width of a ring."""
    lens: tuple[Restored, np.ndarray] | None = None
    """What was done to a restored image, and the lengths of the windows."""

    def keep(self, rows: np.ndarray) -> _Windows:
        """Take some of the windows."""
        lens = None if self.lens is None else (self.lens[0], self.lens[1][rows])
        rings = (self.rings[0][rows], self.rings[1])
        return _Windows(self.field[rows], self.y.keep(rows), self.x.keep(rows), rings, lens)


def _axis(view: View, axis: int, place: np.ndarray, length: np.ndarray, k: np.ndarray) -> _Cut:
    n, pixel = view.image.shape[axis], view.pixel[axis]
    many = min(n, int(np.ceil(length.max() / pixel)))
    centre = (place - view.origin[axis]) / pixel
    first = np.clip(np.rint(centre - (many - 1) / 2), 0, n - many).astype(np.intp)
    offset = (first[:, None] + np.arange(many) - centre[:, None]) * pixel
    inside = np.abs(offset) < length[:, None] / 2
    window = np.where(inside, 0.5 + 0.5 * np.cos(2 * np.pi * offset / length[:, None]), 0)
    window /= np.sqrt((window**2).sum(axis=1, keepdims=True))
    size = -(-many // BLOCKS)
    wave = _circle(k[:, None] * offset) * window.astype(np.float32)
    wave = np.pad(wave, ((0, 0), (0, -many % size))).reshape(len(k), -1, size)
    middle = offset[:, :1] + (np.arange(wave.shape[1]) * size + (size - 1) / 2) * pixel
    return _Cut(first.tolist(), wave, _Axis(middle, k, np.full(len(k), size * pixel)))


def _sums(image: np.ndarray, along_y: _Cut, along_x: _Cut) -> np.ndarray:
    """Sums over blocks of windows and waves times the pixels, complex64 [n, y, x].

    One window at a time, which stays in the cache.
    """
    (many, my, by), (_, mx, bx) = along_y.wave.shape, along_x.wave.shape
    across = _parts(along_x.wave).transpose(0, 1, 3, 2)
    along = _parts(along_y.wave)
    windows = _every_window(image, (my, by, mx * bx))
    both = np.empty((my, 2, mx * bx), np.float32)
    four = np.empty((many, mx, 2 * my, 2), np.float32)
    for n, (y, x) in enumerate(zip(along_y.first, along_x.first, strict=True)):
        np.matmul(along[n], _cut(image, windows, y, x), out=both)
        blocks = both.reshape(2 * my, mx, bx).transpose(1, 0, 2)
        np.matmul(blocks, across[n], out=four[n])
    parts = four.reshape(many, mx, my, 2, 2).transpose(0, 2, 1, 3, 4)
    total = np.empty((many, my, mx), np.complex64)
    total.real = parts[..., 0, 0] - parts[..., 1, 1]
    total.imag = parts[..., 0, 1] + parts[..., 1, 0]
    return total


def _every_window(image: np.ndarray, shape: tuple[int, int, int]) -> np.ndarray:
    """Views of `image` from each pixel on, [y, x, block, row, column]."""
    down, right = image.strides
    starts = [
        max(0, n - many + 1)
        for n, many in zip(image.shape, (shape[0] * shape[1], shape[2]), strict=True)
    ]
    return as_strided(image, (*starts, *shape), (down, right, shape[1] * down, down, right))


def _cut(image: np.ndarray, windows: np.ndarray, y: int, x: int) -> np.ndarray:
    """One of `_every_window`, copied where its last blocks reach beyond the image."""
    if y < windows.shape[0] and x < windows.shape[1]:
        return np.asarray(windows[y, x])
    blocks, rows, columns = windows.shape[2:]
    part = np.zeros((blocks * rows, columns), np.float32)
    there = image[y : y + len(part), x : x + columns]
    part[: there.shape[0], : there.shape[1]] = there
    return part.reshape(blocks, rows, columns)


def _parts(wave: np.ndarray) -> np.ndarray:
    """Real and imaginary part of the waves of each block, float32 [n, block, 2, pixel]."""
    return np.stack([wave.real, wave.imag], axis=2)


def _climb(windows: _Windows, ky: np.ndarray, kx: np.ndarray, lengths: Pair) -> Maximum:
    """Log-parabolas up to the maximum, never further than 1 / length."""
    ky0, kx0 = ky, kx
    best = np.zeros(len(ky))
    for _ in range(STEPS):
        sy, sx = (0.35 / length for length in lengths)
        grid, level = _ratio(windows, ky, kx, sy, sx, 1)
        best = grid[:, 1, 1] * level
        logs = np.log(grid + 1e-30)
        ky = ky + _vertex(logs[:, :, 1]) * sy
        kx = kx + _vertex(logs[:, 1, :]) * sx
        ky = ky0 + np.clip(ky - ky0, -1 / lengths[0], 1 / lengths[0])
        kx = kx0 + np.clip(kx - kx0, -1 / lengths[1], 1 / lengths[1])
    return ky, kx, best


def _centred(
    windows: _Windows, ky: np.ndarray, kx: np.ndarray, lengths: Pair
) -> tuple[np.ndarray, np.ndarray]:
    """Shift maxima to the centre of what is about them."""
    steps = [0.5 / length for length in lengths]
    shift_y, shift_x = _mean_shift(_ratio(windows, ky, kx, steps[0], steps[1], SPAN)[0])
    return ky + shift_y / lengths[0], kx + shift_x / lengths[1]


def _mean_shift(ratio: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Centre of the strength about the middle of each grid, in units of 1 / length."""
    axis = np.arange(-SPAN, SPAN + 1) * 0.5
    weight = np.maximum(ratio - 2, 0)
    y, x = np.zeros(len(ratio)), np.zeros(len(ratio))
    for _ in range(8):
        wy = np.exp(-((axis - y[:, None]) ** 2) / (2 * KERNEL**2))
        wx = np.exp(-((axis - x[:, None]) ** 2) / (2 * KERNEL**2))
        of_y = wy * (weight @ wx[:, :, None])[:, :, 0]
        of_x = wx * (wy[:, None] @ weight)[:, 0]
        total = np.maximum(of_y.sum(axis=1), 1e-30)
        y = np.clip(of_y @ axis / total, -1.5, 1.5)
        x = np.clip(of_x @ axis / total, -1.5, 1.5)
    return y, x


def _ratio(
    windows: _Windows, ky: np.ndarray, kx: np.ndarray, sy: np.ndarray, sx: np.ndarray, span: int
) -> tuple[np.ndarray, np.ndarray]:
    """Power over what a spot is expected to leave of it, up to `span` steps from k, [n, y, x].

    And what takes that at k itself to power over background, [n].
    """
    steps = np.arange(-span, span + 1)
    fy = ky[:, None] + steps * sy[:, None]
    fx = kx[:, None] + steps * sx[:, None]
    turn_y, fall_y = _beside(windows.y, fy, sy)
    turn_x, fall_x = _beside(windows.x, fx, sx)
    field = turn_y @ windows.field @ turn_x.transpose(0, 2, 1)
    power = np.square(field.real) + np.square(field.imag)
    power /= fall_y[:, :, None] * fall_x[:, None, :]
    if windows.lens is None:
        return power / _levels(windows, fy[:, :, None], fx[:, None, :]), np.ones(len(ky))
    restored, lengths = windows.lens
    signal, noise = restored.passed(fy[:, :, None], fx[:, None, :], lengths)
    power /= signal * _levels(windows, ky[:, None, None], kx[:, None, None])
    return power, signal[:, span, span] / noise[:, span, span]


def _levels(windows: _Windows, ky: np.ndarray, kx: np.ndarray) -> np.ndarray:
    """Background of each window at frequencies [n, y, x]."""
    levels, width = windows.rings
    place = np.clip(np.hypot(ky, kx) / width, 0, levels.shape[1] - 1.001)
    low = place.astype(np.intp)
    rows = np.arange(len(low))[:, None, None]
    part = place - low
    level: np.ndarray = levels[rows, low] * (1 - part) + levels[rows, low + 1] * part
    return level


def _beside(axis: _Axis, k: np.ndarray, step: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Waves of `k` [n, many] on the blocks, and the power that summing over blocks leaves."""
    waves = _waves(k[:, 0] - axis.k, step, k.shape[1], axis.place)
    return waves, np.sinc((k - axis.k[:, None]) * axis.size[:, None]) ** 2


def _waves(first: np.ndarray, step: np.ndarray, many: int, place: np.ndarray) -> np.ndarray:
    """Waves of `many` equally spaced frequencies, complex64 [n, many, place]."""
    turn = _circle(step[:, None] * place)
    waves = np.empty((len(place), many, place.shape[1]), np.complex64)
    waves[:, 0] = _circle(first[:, None] * place)
    for number in range(1, many):
        np.multiply(waves[:, number - 1], turn, out=waves[:, number])
    return waves


def _circle(turns: np.ndarray) -> np.ndarray:
    """exp(-2 pi i turns), complex64: whole turns are taken off before precision is."""
    angle = (-2 * np.pi * (turns - np.rint(turns))).astype(np.float32)
    circle = np.empty(turns.shape, np.complex64)
    np.cos(angle, out=circle.real)
    np.sin(angle, out=circle.imag)
    return circle


def _vertex(three: np.ndarray) -> np.ndarray:
    curve = three[:, 0] - 2 * three[:, 1] + three[:, 2]
    slope = 0.5 * (three[:, 0] - three[:, 2])
    step = np.where(curve < 0, slope / np.minimum(curve, -1e-9), np.sign(-slope))
    return np.asarray(np.clip(step, -1.0, 1.0))


def k_sigma(snr: np.ndarray, length: np.ndarray) -> np.ndarray:
    """Standard error of one component of k from noise: 0.6 / (sqrt(snr) length), Hann window."""
    sigma: np.ndarray = 0.6 / (np.sqrt(np.maximum(snr, 1.0)) * length)
    return sigma
