"""Where a reflection's fringes are: the cropped inverse FFT around it.

The amplitude of a cosine of amplitude a comes out as a / 2, blurred by a Gaussian of BLUR.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeAlias

import numpy as np
import scipy.fft
import scipy.ndimage

from ..device import fourier, like, namespace, to_host
from .crop import View

Box: TypeAlias = tuple[slice, slice]
"""Samples (y, x) of an envelope."""

BLUR = 0.16
"""Standard deviation of the real-space Gaussian, as a fraction of the small window (1.2 nm)."""
AT_ONCE = 128
"""Reflections inverted at a time on a GPU; bounds its memory."""
TOGETHER = 2
"""Reflections inverted at a time: they stay in the cache."""


@dataclass(frozen=True, slots=True)
class Plane:
    """The half plane with what is needed to cut squares around any k with kx >= 0."""

    spectrum: np.ndarray
    """complex64 [ky, kx]; `margin` mirrored columns before kx = 0 and zeros behind the last.

    Rows go on periodically: `rows` of them before the first, as many behind the last.
    """
    margin: int
    rows: int
    shape: tuple[int, int]
    """(y, x) samples of an envelope: also the size of the square."""
    step: tuple[float, float]
    """(y, x) length of a frequency bin."""
    pixel: tuple[float, float]
    """(y, x) distance of the samples of an envelope."""
    blur: float
    origin: tuple[float, float]
    there: Any = None
    """`spectrum` on the GPU that the image came from; None where it didn't."""

    @property
    def noise_gain(self) -> float:
        """Mean square amplitude that white noise of power 1 per pixel leaves in an envelope."""
        weights = [self.weights(axis, np.zeros(1)) for axis in (0, 1)]
        total = np.prod([np.sum(np.abs(w) ** 2) for w in weights])
        return float(total / self.cropped_pixels)

    @property
    def cropped_pixels(self) -> int:
        """Pixels of the image that the spectrum belongs to."""
        ny, nx = self.spectrum.shape
        return int((ny - 2 * self.rows) * 2 * (nx - 2 * self.margin - 1))

    def weights(self, axis: int, fraction: np.ndarray) -> np.ndarray:
        """Gaussian about the exact k, with the shift to the centres of the samples."""
        bins = np.arange(self.shape[axis]) - self.shape[axis] // 2
        k = (bins - fraction[:, None]) * self.step[axis]
        shift = self.pixel[axis] / 2 - self.origin[axis]
        turn = np.exp(2j * np.pi * bins * self.step[axis] * shift).astype(np.complex64)
        gauss = np.exp(-2 * (np.pi * self.blur * k) ** 2).astype(np.float32)
        return np.asarray(gauss * turn)


def plane(view: View, pixel: float, blur: float) -> Plane:
    """Prepare the spectrum of `view` for envelopes sampled every `pixel`."""
    ny, nx = view.image.shape
    shape = tuple(
        min(n, max(8, 2 * scipy.fft.next_fast_len(round(size / pixel / 2))))
        for n, size in zip((ny, nx), view.size, strict=True)
    )
    margin, around = shape[1], shape[0] // 2
    half = view.spectrum
    wide = np.zeros((ny + 2 * around, half.shape[1] + 2 * margin), np.complex64)
    own = slice(around, around + ny)
    wide[own, margin : margin + half.shape[1]] = half
    many = min(margin, half.shape[1] - 1)
    mirrored = half[-np.arange(ny) % ny, 1 : many + 1][:, ::-1]
    np.conj(mirrored, out=wide[own, margin - many : margin])
    wide[:around] = wide[ny : ny + around]
    wide[around + ny :] = wide[around : 2 * around]
    return Plane(
        spectrum=wide,
        margin=margin,
        rows=around,
        shape=(shape[0], shape[1]),
        step=(1 / view.size[0], 1 / view.size[1]),
        pixel=(view.size[0] / shape[0], view.size[1] / shape[1]),
        blur=blur,
        origin=view.origin,
        there=None if view.there is None else like(wide, view.there[0]),
    )


def envelopes(source: Plane, ky: np.ndarray, kx: np.ndarray, workers: int = 1) -> np.ndarray:
    """Squared amplitude of the fringes of each reflection, float32 [reflection, y, x]."""
    if source.there is not None:
        return _batched(source, source.there, ky, kx)
    result = np.empty((len(ky), *source.shape), np.float32)
    cut = np.empty((TOGETHER, *source.shape), np.complex64)
    squares = _squares(source, ky, kx)
    for start in range(0, len(ky), TOGETHER):
        power = result[start : start + TOGETHER]
        for square in cut[: len(power)]:
            part, along_y, along_x = next(squares)
            np.multiply(part, along_y, out=square)
            square *= along_x
        field = scipy.fft.ifft2(cut[: len(power)], workers=workers, overwrite_x=True)
        np.square(np.abs(field, out=power), out=power)
    return result


@dataclass(frozen=True, slots=True)
class Fringes:
    """Reflections whose envelopes are asked for box by box."""

    source: Plane
    corner: tuple[list[int], list[int]]
    """First row and column of the square of the spectrum around each k."""
    weights: tuple[np.ndarray, np.ndarray]
    """Of its rows and columns, complex64 [k, y] and [k, x]."""
    whole: np.ndarray | None
    """All samples and one more about them, [k, y, x], from a GPU; None where they are made when
    they are asked for."""

    def power(self, row: int, box: Box, rim: int = 0) -> np.ndarray:
        """Squared amplitude of the fringes of a reflection in a box, float32 [y, x].

        With a `rim` of 1 one sample more on each side; the plane is periodic. At few places an
        inverse transform costs less as a product of matrices.
        """
        y, x = (
            slice(s.start + 1 - rim, min(s.stop, n) + 1 + rim)
            for s, n in zip(box, self.source.shape, strict=True)
        )
        if self.whole is not None:
            return np.asarray(self.whole[row, y, x])
        my, mx = self.source.shape
        top, left = self.corner[0][row], self.corner[1][row]
        square = self.source.spectrum[top : top + my, left : left + mx]
        along, across = _waves(my)[y] * self.weights[0][row], _waves(mx)[x] * self.weights[1][row]
        power: np.ndarray = np.square(np.abs(along @ square @ across.T))
        return power


def fringes(source: Plane, ky: np.ndarray, kx: np.ndarray, *, ahead: bool = False) -> Fringes:
    """Prepare the envelopes of reflections with kx >= 0; `ahead` makes all of them on a GPU."""
    top, left, wy, wx = _cuts(source, ky, kx)
    whole = None
    if ahead and source.there is not None:
        rim = ((0, 0), (1, 1), (1, 1))
        whole = np.pad(_batched(source, source.there, ky, kx), rim, mode="wrap")
    return Fringes(source, (top.tolist(), left.tolist()), (wy[:, :, 0], wx), whole)


def envelopes_within(
    source: Plane, ky: np.ndarray, kx: np.ndarray, boxes: Iterable[Box]
) -> Iterator[np.ndarray]:
    """Squared amplitude of the fringes of each reflection in a box of its own: float32 [y, x]."""
    these = fringes(source, ky, kx)
    for row, box in zip(range(len(ky)), boxes, strict=True):
        yield these.power(row, box)


@lru_cache(maxsize=4)
def _waves(n: int) -> np.ndarray:
    """Matrix of the inverse transform of `n` numbers, complex64 [place + 1, bin], from -1 to n."""
    turns = np.outer(np.arange(-1, n + 1), np.arange(n)) % n
    return np.asarray(np.exp(2j * np.pi / n * turns) / n, np.complex64)


def _batched(source: Plane, spectrum: Any, ky: np.ndarray, kx: np.ndarray) -> np.ndarray:
    """The same on the GPU that holds `spectrum`: many reflections in each step."""
    xp, (my, mx) = namespace(spectrum), source.shape
    result = np.empty((len(ky), my, mx), np.float32)
    top, left, wy, wx = _cuts(source, ky, kx)
    for start in range(0, len(ky), AT_ONCE):
        rows = slice(start, start + AT_ONCE)
        y = like(top[rows, None] + np.arange(my), spectrum)[:, :, None]
        x = like(left[rows, None] + np.arange(mx), spectrum)[:, None, :]
        square = spectrum[y, x] * like(wy[rows], spectrum) * like(wx[rows, None], spectrum)
        result[rows] = to_host(xp.square(xp.abs(fourier(spectrum).ifft2(square, axes=(1, 2)))))
    return result


def _squares(
    source: Plane, ky: np.ndarray, kx: np.ndarray
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Give the square of the spectrum around each k, which is in the middle, and its weights.

    Not in fft order: that changes the phase of the fringes alone, which nobody asks for.
    """
    my, mx = source.shape
    top, left, wy, wx = _cuts(source, ky, kx)
    for n, (y, x) in enumerate(zip(top.tolist(), left.tolist(), strict=True)):
        yield source.spectrum[y : y + my, x : x + mx], wy[n], wx[n]


def _cuts(source: Plane, ky: np.ndarray, kx: np.ndarray) -> tuple[np.ndarray, ...]:
    """First row and column of the square around each k, and its weights, [k, y, 1] and [k, x]."""
    my, mx = source.shape
    cy, cx = np.rint(ky / source.step[0]), np.rint(kx / source.step[1])
    scale = np.float32(my * mx / source.cropped_pixels)
    wy = source.weights(0, ky / source.step[0] - cy)[:, :, None] * scale
    wx = source.weights(1, kx / source.step[1] - cx)
    ny = source.spectrum.shape[0] - 2 * source.rows
    top = cy.astype(np.intp) % ny - my // 2 + source.rows
    left = cx.astype(np.intp) - mx // 2 + source.margin
    return top, left, wy, wx
