"""Maps: which grain each place belongs to, and what is known of it there."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import scipy.ndimage

from .detect import Reflections
from .envelopes import envelopes

VACUUM, AMORPHOUS, UNKNOWN = 0, 1, 2
"""The classes before the candidates."""
EDGE = 0.43
"""A grain ends where its mean amplitude falls to this fraction of its plateau: half of the mean
over the grain, which is below the quantile PLATEAU that the plateau is measured by."""
PLATEAU = 0.85
RIM = 2
"""Last pixels of the specimen that belong to no grain: the lens carries fringes over the edge."""
CHUNK = 16
"""Reflections whose fringes are mapped at a time; bounds the memory."""
MOST = 3
"""Reflections of a grain whose fringes are mapped: those of the greatest `_weight`."""
SHARPER = 0.5
"""The maps' blur over the one that regions were found with: the grains are known now."""


@dataclass(frozen=True, slots=True)
class Grid:
    """The pixels of the maps of one image."""

    shape: tuple[int, int]
    size: tuple[float, float]
    """(y, x) edge lengths of the field."""

    def centres(self, axis: int) -> np.ndarray:
        """Coordinates of the pixel centres."""
        n = self.shape[axis]
        return (np.arange(n) + 0.5) * self.size[axis] / n

    @property
    def pixel_area(self) -> float:
        """Area of one pixel."""
        return self.size[0] * self.size[1] / (self.shape[0] * self.shape[1])


def strengths(found: Reflections, grain: np.ndarray, many: int, workers: int = 1) -> np.ndarray:
    """Mean fringe amplitude of each grain over its plateau, float32 [grain, y, x] on the samples.

    What is far from all regions of a grain is another grain with the same k: 0 there.
    """
    ny, nx = found.plane.shape
    total = np.zeros((many, ny, nx), np.float32)
    near = np.zeros((many, ny * nx), bool)
    weight = _weight(found, grain)
    share = weight / np.maximum(np.bincount(grain, weight, many)[grain], 1e-12)
    mask = found.regions.mask
    sharp = replace(found.plane, blur=SHARPER * found.plane.blur)
    noise = found.noise * (sharp.noise_gain / found.plane.noise_gain)
    used = np.flatnonzero(weight)
    for start in range(0, len(used), CHUNK):
        rows = used[start : start + CHUNK]
        power = envelopes(sharp, found.ky[rows], found.kx[rows], workers)
        power -= noise[rows, None, None].astype(np.float32)
        amplitude = np.sqrt(np.maximum(power, 0, out=power), out=power)
        for n, row in enumerate(rows):
            inside = mask.indices[mask.indptr[row] : mask.indptr[row + 1]]
            plateau = _quantile(amplitude[n].ravel()[inside], PLATEAU)
            total[grain[row]] += amplitude[n] * np.float32(share[row] / max(plateau, 1e-12))
            near[grain[row], inside] = True
    total *= _wider(_wider(near.reshape(total.shape)))
    return total


def _wider(mask: np.ndarray) -> np.ndarray:
    """Places of `mask`[grain, y, x] and their four neighbours."""
    wide = mask.copy()
    wide[:, 1:] |= mask[:, :-1]
    wide[:, :-1] |= mask[:, 1:]
    wide[:, :, 1:] |= mask[:, :, :-1]
    wide[:, :, :-1] |= mask[:, :, 1:]
    return wide


def _quantile(values: np.ndarray, part: float) -> float:
    """Of values [n], linear between neighbours (numpy's own is twenty times slower on few)."""
    place = part * (len(values) - 1)
    low = int(place)
    high = min(low + 1, len(values) - 1)
    values.partition((low, high))
    return float(values[low] + (place - low) * (values[high] - values[low]))


def _weight(found: Reflections, grain: np.ndarray) -> np.ndarray:
    """How much each reflection counts: little where the lens carries its fringes far, as k^3.

    Beyond the pass band of a lens the displacement |lambda Df k + C_s lambda^3 k^3| grows so
    (Lichte, Ultramicroscopy 38 (1991) 13). Only the MOST that count most of each grain are kept.
    """
    weight = np.sqrt(found.snr) / np.hypot(found.ky, found.kx) ** 3
    order = np.lexsort((-weight, grain))
    ordered = grain[order]
    rank = np.arange(len(order)) - np.searchsorted(ordered, ordered)
    weight[order[rank >= MOST]] = 0
    return np.asarray(weight)


def interpolation(n: int, m: int) -> np.ndarray:
    """Matrix [m, n] that takes n samples at cell centres to m, linearly."""
    place = np.clip((np.arange(m) + 0.5) * n / m - 0.5, 0, n - 1)
    left = np.minimum(place.astype(int), max(n - 2, 0))
    matrix = np.zeros((m, n), np.float32)
    matrix[np.arange(m), left] = 1 - (place - left)
    if n > 1:
        matrix[np.arange(m), left + 1] += place - left
    return matrix


def grain_map(strength: np.ndarray, inside: np.ndarray, grid: Grid) -> np.ndarray:
    """Number (from 1) of the grain with the strongest fringes at each pixel, 0 none; int16.

    `inside` is the specimen on the pixels of the maps. Grains compete by amplitude over their own
    plateau, and where touching grains tie the boundary lies between them. The RIM of the specimen
    belongs to no grain.
    """
    up_y, up_x = (interpolation(strength.shape[1 + a], grid.shape[a]) for a in (0, 1))
    result = np.zeros(grid.shape, np.int16)
    best = np.full(grid.shape, EDGE, np.float32)
    for number, weak in enumerate(strength, 1):
        rows, columns = np.flatnonzero(weak.any(axis=1)), np.flatnonzero(weak.any(axis=0))
        if not len(rows):
            continue
        y, x = _span(rows, up_y), _span(columns, up_x)
        fine = up_y[y] @ weak @ up_x[x].T
        won = fine > best[y, x]
        best[y, x][won] = fine[won]
        result[y, x][won] = number
    result[~scipy.ndimage.binary_erosion(inside, iterations=RIM, border_value=1)] = 0
    return result


def _span(used: np.ndarray, matrix: np.ndarray) -> slice:
    """The pixels that the samples `used` reach."""
    touched = np.flatnonzero(matrix[:, used[0] : used[-1] + 1].any(axis=1))
    return slice(int(touched[0]), int(touched[-1]) + 1)


def upsampled(values: np.ndarray, grid: Grid) -> np.ndarray:
    """Samples at cell centres, interpolated linearly to the pixels of the maps."""
    up_y, up_x = (interpolation(values.shape[a], grid.shape[a]) for a in (0, 1))
    fine: np.ndarray = up_y @ values.astype(np.float32) @ up_x.T
    return fine


def label_maps(
    grains: np.ndarray,
    inside: np.ndarray,
    grain_class: np.ndarray,
    grain_probability: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Classes (uint8) and their confidence (float32) of each pixel.

    `grains` holds numbers from 1; `inside` is the specimen, both on the pixels of the maps.
    """
    classes = np.where(inside, AMORPHOUS, VACUUM).astype(np.uint8)
    confidence = np.ones(grains.shape, np.float32)
    taken = grains > 0
    classes[taken] = grain_class[grains[taken] - 1]
    confidence[taken] = grain_probability[grains[taken] - 1]
    return classes, confidence
