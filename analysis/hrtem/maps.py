"""Maps: which grain each place belongs to, and what is known of it there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import scipy.ndimage

from .carried import regained
from .detect import Reflections
from .envelopes import Box, Plane, fringes
from .regions import bounds

VACUUM, AMORPHOUS, UNKNOWN = 0, 1, 2
"""The classes before the candidates."""
EDGE = 0.43
"""A grain ends where its mean amplitude falls to this fraction of its plateau: half of the mean
over the grain, which is below the quantile PLATEAU that the plateau is measured by."""
PLATEAU = 0.85
RIM = 2
"""Last pixels of the specimen that belong to no grain: the lens carries fringes over the edge."""
REACH = 2
"""Samples about the regions of a grain that may be the grain's."""
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


def strengths(found: Reflections, grain: np.ndarray, many: int) -> np.ndarray:
    """Mean fringe amplitude of each grain over its plateau, float32 [grain, y, x] on the samples.

    What is far from all regions of a grain is another grain with the same k: 0 there.
    """
    total = np.zeros((many, *found.plane.shape), np.float32)
    weight = _weight(found, grain)
    share = weight / np.maximum(np.bincount(grain, weight, many)[grain], 1e-12)
    mask = found.regions.mask
    blur = SHARPER * found.plane.blur
    sharp = replace(found.plane, blur=blur)
    noise = found.noise * (sharp.noise_gain / found.plane.noise_gain)
    used = np.flatnonzero(weight)
    places = {row: mask.indices[mask.indptr[row] : mask.indptr[row + 1]] for row in used.tolist()}
    boxes, near = _surroundings(places, grain, found.plane.shape)
    powers = _powers(found, sharp, used, [boxes[number] for number in grain[used].tolist()])
    for (row, own), power in zip(places.items(), powers, strict=True):
        number = int(grain[row])
        amplitude = np.sqrt(np.maximum(power - np.float32(noise[row]), 0))
        plateau = _quantile(amplitude[_inside(own, found.plane.shape, boxes[number])], PLATEAU)
        amplitude *= np.float32(share[row] / max(plateau, 1e-12))
        total[number][boxes[number]] += amplitude
    for number, box in boxes.items():
        total[number][box] *= near[number]
    return total


def _powers(
    found: Reflections, sharp: Plane, rows: np.ndarray, boxes: Sequence[Box]
) -> Iterator[np.ndarray]:
    """Envelopes of some reflections, each in a box: in the image where they cover least."""
    ky, kx, undone = found.ky, found.kx, found.undone
    plain = fringes(sharp, ky[rows], kx[rows])
    if undone is None:
        return (plain.power(n, box) for n, box in enumerate(boxes))
    back = regained(found.regions, rows, ky, kx, found.noise, found.plane, undone)
    other = fringes(replace(undone.plane, blur=sharp.blur), ky[rows], kx[rows])
    which = [other if row in back else plain for row in rows.tolist()]
    return (one.power(n, box) for n, (one, box) in enumerate(zip(which, boxes, strict=True)))


def _surroundings(
    places: Mapping[int, np.ndarray], grain: np.ndarray, shape: tuple[int, int]
) -> tuple[dict[int, Box], dict[int, np.ndarray]]:
    """Give for each grain the box about the flat `places` of its rows, and what is near them."""
    every: dict[int, list[np.ndarray]] = {}
    for row, own in places.items():
        every.setdefault(int(grain[row]), []).append(own)
    boxes, near = {}, {}
    for number, parts in every.items():
        own = np.concatenate(parts)
        boxes[number] = bounds(own, shape, REACH)
        covered = np.zeros(shape, bool)[boxes[number]]
        covered[_inside(own, shape, boxes[number])] = True
        near[number] = _wider(covered, REACH)
    return boxes, near


def _inside(places: np.ndarray, shape: tuple[int, int], box: Box) -> tuple[np.ndarray, np.ndarray]:
    """Flat places of the plane as those of a box."""
    y, x = np.divmod(places, shape[1])
    return y - box[0].start, x - box[1].start


def _wider(mask: np.ndarray, steps: int) -> np.ndarray:
    """Places of `mask`[y, x] and all that are so many steps along y and x from one of them."""
    for _ in range(steps):
        wide = mask.copy()
        wide[1:] |= mask[:-1]
        wide[:-1] |= mask[1:]
        wide[:, 1:] |= mask[:, :-1]
        wide[:, :-1] |= mask[:, 1:]
        mask = wide
    return mask


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


def powers(found: Reflections, grain: np.ndarray, many: int) -> np.ndarray:
    """Power over noise of all fringes of each grain, where they stand highest: [grain]."""
    return np.bincount(grain, found.regions.peak, many)


def grain_map(
    strength: np.ndarray, power: np.ndarray, inside: np.ndarray, grid: Grid
) -> np.ndarray:
    """Number (from 1) of the grain at each pixel, 0 none; int16.

    `power` is that of the `powers`, `inside` is the specimen on the pixels of the maps. A grain
    reaches to EDGE of its plateau; of those that reach a pixel it is of the one whose fringes have
    the most power over noise there: the logarithm of the likelihood that they aren't noise. The RIM
    of the specimen belongs to no grain.
    """
    up_y, up_x = (interpolation(strength.shape[1 + a], grid.shape[a]) for a in (0, 1))
    result = np.zeros(grid.shape, np.int16)
    best = np.zeros(grid.shape, np.float32)
    height = np.sqrt(power).astype(np.float32)
    for number, weak in enumerate(strength, 1):
        rows, columns = np.flatnonzero(weak.any(axis=1)), np.flatnonzero(weak.any(axis=0))
        if not len(rows):
            continue
        y, x = _span(rows, up_y), _span(columns, up_x)
        fine = up_y[y] @ weak @ up_x[x].T
        there = fine > EDGE
        fine *= height[number - 1]
        won = there & (fine > best[y, x])
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
