"""Overlapped Hann tiles: the power spectrum of every place of an image."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import scipy.fft

from ..device import fourier, like, namespace, to_host
from .crop import View

AT_ONCE = 256
"""Tiles transformed at a time on a GPU; bounds its memory."""
TOGETHER = 4
"""Tiles transformed at a time: they stay in the cache."""


@dataclass(frozen=True)
class Tiling:
    """How an image is cut, and the frequencies of a tile."""

    shape: tuple[int, int]
    """(y, x) pixels of a tile, even."""
    pixel: tuple[float, float]
    """(y, x) length of a pixel."""
    rows: tuple[int, ...]
    """First row of each row of tiles."""
    columns: tuple[int, ...]

    @property
    def length(self) -> float:
        """Edge of the window: the geometric mean of its two edges."""
        return float(np.sqrt(self.shape[0] * self.pixel[0] * self.shape[1] * self.pixel[1]))

    @property
    def step(self) -> tuple[float, float]:
        """(y, x) length of one frequency bin."""
        return 1 / (self.shape[0] * self.pixel[0]), 1 / (self.shape[1] * self.pixel[1])

    @property
    def grid(self) -> tuple[int, int]:
        """(y, x) number of tiles."""
        return len(self.rows), len(self.columns)

    def centres(self, origin: tuple[float, float]) -> np.ndarray:
        """Centres of the tiles, [tile, (y, x)], as positions in the image."""
        y = (np.array(self.rows) + self.shape[0] / 2) * self.pixel[0] + origin[0]
        x = (np.array(self.columns) + self.shape[1] / 2) * self.pixel[1] + origin[1]
        return np.stack(np.meshgrid(y, x, indexing="ij"), -1).reshape(-1, 2)


def tiling(view: View, length: float) -> Tiling:
    """Cut `view` into windows of `length` that overlap by half; smaller images get one tile."""
    shape = []
    starts = []
    for n, pixel in zip(view.image.shape, view.pixel, strict=True):
        size = min(n, 2 * scipy.fft.next_fast_len(max(4, round(length / pixel / 2)), real=True))
        many = 1 if n == size else int(np.ceil((n - size) / (size / 2))) + 1
        shape.append(size)
        starts.append(tuple(int(s) for s in np.linspace(0, n - size, many).round()))
    return Tiling((shape[0], shape[1]), view.pixel, starts[0], starts[1])


@lru_cache(maxsize=64)
def hann(n: int) -> np.ndarray:
    """Give the periodic Hann window, float32, scaled to a mean square of 1.

    Its transform is zero outside the bins -1, 0, 1, so the mean of a tile never reaches the
    frequencies that are looked at, weighted by the window or not.
    """
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(n) / n)
    window /= np.sqrt(np.mean(window**2))
    return window.astype(np.float32)


def tile_power(image: Any, tiles: Tiling, columns: int, workers: int = 1) -> np.ndarray:
    """Power of each tile per pixel, float32 [tile, ky, kx], kx from 0 to `columns` - 1.

    `image` is numpy or cupy, the power always numpy.

    Scaled so that white noise of variance v has a mean power of v at every frequency. A column of
    tiles shares its transforms along x, and a few tiles at a time stay in the cache.
    """
    if namespace(image) is not np:
        return _batched(image, tiles, columns)
    ny, nx = tiles.shape
    along_y = hann(ny)[:, None] / np.float32(np.sqrt(ny * nx))
    power = np.empty((*tiles.grid, ny, columns), np.float32)
    band = np.empty((TOGETHER, ny, columns), np.complex64)
    for column, left in enumerate(tiles.columns):
        strip = image[:, left : left + nx] * hann(nx)
        strip = scipy.fft.rfft(strip, axis=1, workers=workers)[:, :columns].view(np.float32)
        for first in range(0, len(tiles.rows), TOGETHER):
            tops = tiles.rows[first : first + TOGETHER]
            for n, top in enumerate(tops):
                np.multiply(strip[top : top + ny], along_y, out=band[n].view(np.float32))
            waves = scipy.fft.fft(band[: len(tops)], axis=1, overwrite_x=True, workers=workers)
            part = power[first : first + TOGETHER, column]
            np.square(np.abs(waves, out=part), out=part)
    return power.reshape(-1, ny, columns)


def _batched(image: Any, tiles: Tiling, columns: int) -> np.ndarray:
    """The same on the GPU that holds `image`: many tiles in each step."""
    xp, (ny, nx) = namespace(image), tiles.shape
    corners = np.array([(top, left) for top in tiles.rows for left in tiles.columns])
    window = like(hann(ny)[:, None] * hann(nx) / np.float32(np.sqrt(ny * nx)), image)
    power = np.empty((len(corners), ny, columns), np.float32)
    for start in range(0, len(corners), AT_ONCE):
        some = corners[start : start + AT_ONCE]
        y = like(some[:, :1] + np.arange(ny), image)[:, :, None]
        x = like(some[:, 1:] + np.arange(nx), image)[:, None, :]
        waves = fourier(image).rfft2(image[y, x] * window, axes=(1, 2))[:, :, :columns]
        power[start : start + AT_ONCE] = to_host(xp.square(xp.abs(waves)))
    return power
