"""What the power of each tile would be without crystals.

For amorphous matter and shot noise the power at every frequency is exponential about a smooth
mean, so the median of a ring is ln 2 times the mean, and a few strong spots do not move it.
Thon rings are part of that mean: dividing by it removes them.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import scipy.ndimage

from .tiles import Tiling

SECTORS = 24
"""Azimuthal sectors over 180 degrees in which astigmatism is measured."""
SAMPLES = 160
"""Bins of a ring that are enough for its median (11 % for one tile, 5 % with its neighbours)."""
THON = (0.15, 0.7, 0.15)
"""Smoothing over rings. More would fill the Thon rings' zeros and flatten their maxima, where
noise would then pass for spots."""
LEVEL_RINGS = 9
"""Rings over which one tile may differ from its neighbours: edges of the specimen."""
TOGETHER = 96
"""Tiles whose medians are taken at a time: they stay in the cache."""
POOL = 400_000
"""Values that are enough for the azimuthal medians."""
ENOUGH = 8
"""Tiles from which streaks along the k axes can be told from noise."""
LN2 = float(np.log(2.0))
TINY = float(np.finfo(np.float32).tiny)


@dataclass(frozen=True, slots=True)
class Rings:
    """The frequencies of a tile, sorted into rings and sectors. Made once for each geometry."""

    ky: np.ndarray
    """[ky], in fft order."""
    kx: np.ndarray
    """[kx], from 0 up."""
    k: np.ndarray
    """|k| of each bin, [ky, kx]."""
    ring: np.ndarray
    """Index of the ring of each bin, [ky, kx]."""
    measured: np.ndarray
    """Where the background is known, [ky, kx]: from half of k_min up."""
    inside: np.ndarray
    """Where spots are looked for, [ky, kx]."""
    width: float
    """Width of a ring."""
    members: tuple[np.ndarray, ...]
    """Flat bins of each ring, at most SAMPLES; empty where nothing is looked at."""
    cells: np.ndarray
    """Flat bins of each ring and sector, [ring * SECTORS, most], padded with the last bin + 1."""
    cell: np.ndarray
    """Index into cells of each bin, [ky, kx]."""

    @property
    def first(self) -> int:
        """The innermost ring that is looked at."""
        return next(n for n, bins in enumerate(self.members) if bins.size)


@lru_cache(maxsize=16)
def rings(shape: tuple[int, int], pixel: tuple[float, float], k_min: float, k_max: float) -> Rings:
    """Sort the half plane of a tile of `shape` into rings one bin wide."""
    ny, nx = shape
    ky, kx = np.fft.fftfreq(ny, pixel[0]), np.fft.rfftfreq(nx, pixel[1])
    kx = kx[: min(len(kx), int(np.ceil(k_max * nx * pixel[1])) + 2)]
    k = np.hypot(ky[:, None], kx[None, :])
    width = float(np.sqrt(1 / (ny * pixel[0]) / (nx * pixel[1])))
    ring = np.rint(k / width).astype(np.intp)
    edge = min(
        k_max, 0.5 / pixel[0] - 1.5 / (ny * pixel[0]), 0.5 / pixel[1] - 1.5 / (nx * pixel[1])
    )
    measured = (k >= max(k_min / 2, 2.5 * width)) & (k <= edge)
    flat = np.flatnonzero(measured)
    groups = _groups(ring.ravel()[flat], flat, int(ring.max()) + 1)
    sector = (np.arctan2(ky[:, None], kx[None, :]) / np.pi + 0.5) * SECTORS
    cell = ring * SECTORS + np.minimum(sector.astype(np.intp), SECTORS - 1)
    cells = _groups(cell.ravel()[flat], flat, (int(ring.max()) + 1) * SECTORS)
    most = max(len(bins) for bins in cells)
    padded = np.full((len(cells), most), k.size, np.intp)
    for n, bins in enumerate(cells):
        padded[n, : len(bins)] = bins
    samples = tuple(_thin(bins) for bins in groups)
    inside = measured & (k >= k_min)
    return Rings(ky, kx, k, ring, measured, inside, width, samples, padded, cell)


def _groups(keys: np.ndarray, values: np.ndarray, many: int) -> list[np.ndarray]:
    order = np.argsort(keys, kind="stable")
    return np.split(values[order], np.cumsum(np.bincount(keys, minlength=many))[:-1])


def _thin(bins: np.ndarray) -> np.ndarray:
    if len(bins) <= SAMPLES:
        return bins
    return bins[np.linspace(0, len(bins) - 1, SAMPLES).round().astype(np.intp)]


def ring_background(power: np.ndarray, tiles: Tiling, bins: Rings) -> np.ndarray:
    """Mean power without crystals of each tile, float32 [tile, ring]; inf where not looked at.

    The shape comes from the median over the 3x3 neighbourhood of a tile, the level from the tile
    itself: at an edge of the specimen neighbours differ in level far more than in shape.
    """
    used = np.array([n for n, members in enumerate(bins.members) if members.size])
    own = _medians(power.reshape(len(power), -1), [bins.members[n] for n in used]) / LN2
    own = np.maximum(own, np.float32(max(float(own.max()) * 1e-12, TINY)))
    around = _around(own, tiles)
    level = scipy.ndimage.uniform_filter1d(
        np.log(own / around), LEVEL_RINGS, axis=1, mode="nearest"
    )
    result = np.full((len(power), len(bins.members)), np.inf, np.float32)
    result[:, used] = around * np.exp(level)
    return result


def _medians(flat: np.ndarray, groups: list[np.ndarray]) -> np.ndarray:
    """Upper median of each group of columns of `flat[tile, bin]`, float32 [tile, group].

    Sorted into groups first, so that each tile is read only once.
    """
    wanted = np.concatenate(groups)
    ends = np.cumsum([len(group) for group in groups]).tolist()
    medians = np.empty((len(flat), len(groups)), np.float32)
    for start in range(0, len(flat), TOGETHER):
        rows = slice(start, start + TOGETHER)
        values = np.take(flat[rows], wanted, axis=1, mode="clip")
        for n, (first, end) in enumerate(zip([0, *ends], ends, strict=False)):
            part, middle = values[:, first:end], (end - first) // 2
            part.sort(axis=1)  # of so few values faster than to partition them
            medians[rows, n] = part[:, middle]
    return medians


def _around(own: np.ndarray, tiles: Tiling) -> np.ndarray:
    """Median over neighbouring tiles; hardly smoothed over rings, as Thon rings are narrow."""
    ny, nx = tiles.grid
    size = (min(3, ny), min(3, nx), 1)
    median = scipy.ndimage.median_filter(own.reshape(ny, nx, -1), size=size, mode="nearest")
    weights = np.array(THON if min(size[:2]) == 3 else (1 / 3, 1 / 3, 1 / 3), np.float32)
    smooth = scipy.ndimage.convolve1d(median.reshape(len(own), -1), weights, axis=1, mode="nearest")
    return np.asarray(smooth)


def azimuthal(z: np.ndarray, bins: Rings) -> np.ndarray:
    """How much the background of all tiles differs from a round one, float32 [ky, kx].

    Astigmatism, drift and scan lines belong to the frame, crystals to a place: so the median over
    tiles (some are enough) and a small sector, smoothed over its neighbours, more along the ring
    than across it, so that a crystal that fills the frame does not enter it.
    """
    many = max(2, POOL // bins.k.size)
    some = z[:: max(1, len(z) // many)]
    factor = _sectors(some, bins)[bins.cell]
    if len(z) >= ENOUGH:
        factor = np.maximum(factor, _axes(z[:: max(1, len(z) // 64)]))
    return np.asarray(factor, np.float32)


def _sectors(some: np.ndarray, bins: Rings) -> np.ndarray:
    """Median in each ring and sector over that of the ring, smoothed, [ring * SECTORS]."""
    flat = some.reshape(len(some), -1)
    padded = np.concatenate([flat, np.full((len(flat), 1), np.inf, flat.dtype)], axis=1)
    values = padded[:, bins.cells].transpose(1, 0, 2).reshape(len(bins.cells), -1)
    counts = (bins.cells < bins.k.size).sum(axis=1) * len(flat)
    values.sort(axis=1)
    middle = values[np.arange(len(values)), counts // 2] / LN2
    cells = np.where(counts > 0, middle, 1.0).reshape(-1, SECTORS)
    around = np.pad(cells, ((0, 0), (2, 2)), mode="wrap")
    cells = scipy.ndimage.median_filter(around, size=(3, 5), mode="nearest")[:, 2:-2]
    cells = scipy.ndimage.gaussian_filter(cells, (0.5, 1.0), mode=("nearest", "wrap"))
    cells /= np.maximum(np.median(cells, axis=1, keepdims=True), TINY)
    return np.asarray(np.clip(cells, 0.7, 4.0)).ravel()


def _axes(z: np.ndarray) -> np.ndarray:
    """Streaks along the k axes (scan lines, edges of the frame): not part of any ring."""
    streak = np.zeros(z.shape[1:], z.dtype)
    for line in (-1, 0, 1):
        median = np.median(z[:, line], axis=0) / LN2
        streak[line] = scipy.ndimage.median_filter(median, 9, mode="nearest")
    for line in (0, 1):
        median = np.median(z[:, :, line], axis=0) / LN2
        along = scipy.ndimage.median_filter(median, 9, mode="wrap")
        streak[:, line] = np.maximum(streak[:, line], along)
    return np.where(streak > 1.3, streak, 0.0)


@dataclass(frozen=True, slots=True)
class Background:
    """The mean power without crystals, for every place and frequency of an image."""

    tiles: Tiling
    bins: Rings
    level: np.ndarray
    """[tile, ring]"""
    factor: np.ndarray
    """Azimuthal, [ky, kx]."""
    origin: tuple[float, float]

    def at(self, y: np.ndarray, x: np.ndarray, ky: np.ndarray, kx: np.ndarray) -> np.ndarray:
        """Mean power per pixel at places and frequencies (kx >= 0), broadcast together."""
        tile = self._tile(y, x)
        fy, fx = self.tiles.step
        ny, nx = self.bins.k.shape
        iy = np.rint(ky / fy).astype(np.intp) % ny
        ix = np.clip(np.rint(kx / fx).astype(np.intp), 0, nx - 1)
        many = len(self.bins.members)
        ring = np.clip(self.bins.ring[iy, ix], self.bins.first, many - 1)
        last = int(np.flatnonzero(np.isfinite(self.level[0]))[-1])
        power: np.ndarray = self.level[tile, np.minimum(ring, last)] * self.factor[iy, ix]
        return power

    def rings_at(self, y: np.ndarray, x: np.ndarray) -> tuple[np.ndarray, float]:
        """Background of every ring at places, [place, ring], continued to all k; a ring's width.

        The shape is that of the whole image, the level that of the place: one tile's own shape is
        too noisy to look for the maximum of a ratio on it.
        """
        known = np.flatnonzero(np.isfinite(self.level[0]))
        logs = np.log(self.level[:, known])
        height = logs.mean(axis=1)
        bright = height >= np.median(height)
        shape = np.median(logs[bright] - height[bright, None], axis=0)
        tile = self._tile(y, x)
        many = self.level.shape[1]
        rings_of = np.interp(np.arange(many), known, shape)
        return np.exp(height[tile, None] + rings_of), self.bins.width

    def _tile(self, y: np.ndarray, x: np.ndarray) -> np.ndarray:
        """The tile whose centre is nearest."""
        index = []
        for axis, starts, place in ((0, self.tiles.rows, y), (1, self.tiles.columns, x)):
            pixel = self.tiles.pixel[axis]
            centres = (np.array(starts) + self.tiles.shape[axis] / 2) * pixel + self.origin[axis]
            index.append(np.searchsorted((centres[1:] + centres[:-1]) / 2, place))
        return np.asarray(index[0] * self.tiles.grid[1] + index[1])
