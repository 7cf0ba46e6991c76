"""Samples for training from pictures that somebody annotated: cuts, turned, mirrored, regreyed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import ndimage

from .normalise import normalised
from .tiled import resized

UNKNOWN = -1
"""Label beyond the edge of a picture that is smaller than a cut."""


@dataclass(frozen=True, slots=True)
class Cuts:
    """Cuts of `size` pixels a side from pictures, each time others."""

    pictures: Sequence[tuple[np.ndarray, np.ndarray]]
    """Normalised images float32 [y, x] with labels int32 [y, x], as `prepared` gives them."""
    size: int

    def __call__(self, rng: np.random.Generator, many: int) -> list[tuple[Any, Any]]:
        """Cut `many` out; larger pictures are taken more often."""
        area = np.array([image.size for image, _ in self.pictures], float)
        chosen = rng.choice(len(self.pictures), many, p=area / area.sum())
        return [self._cut(rng, *self.pictures[n]) for n in chosen]

    def _cut(
        self, rng: np.random.Generator, image: np.ndarray, labels: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        short = [max(0, self.size - n) for n in image.shape]
        if any(short):
            extra = [(0, n) for n in short]
            image = np.pad(image, extra, mode="symmetric")
            labels = np.pad(labels, extra, constant_values=UNKNOWN)
        y, x = (int(rng.integers(0, n - self.size + 1)) for n in image.shape)
        window = (slice(y, y + self.size), slice(x, x + self.size))
        turns, mirrored = int(rng.integers(4)), bool(rng.integers(2))
        cut = [np.rot90(a[window], turns) for a in (image, labels)]
        if mirrored:
            cut = [a[:, ::-1] for a in cut]
        grey = cut[0] * np.float32(rng.uniform(0.8, 1.2)) + np.float32(rng.uniform(-0.1, 0.1))
        grey = grey + np.float32(rng.uniform(0, 0.05)) * rng.standard_normal(grey.shape, np.float32)
        return np.ascontiguousarray(grey), np.ascontiguousarray(cut[1])


def prepared(image: np.ndarray, labels: np.ndarray, scale: float) -> tuple[np.ndarray, np.ndarray]:
    """Normalise a picture, fill holes of its labels (cracks are part of a particle), resample.

    Gives image float32 and labels int32 [y, x] of `scale` times as many pixels along each axis.
    """
    seen = resized(normalised(image), scale)
    y, x = (
        np.minimum(((np.arange(n) + 0.5) * (m / n)).astype(int), m - 1)
        for n, m in zip(seen.shape, labels.shape, strict=True)
    )
    return seen, filled(labels)[np.ix_(y, x)]


def filled(labels: np.ndarray) -> np.ndarray:
    """Fill the holes of every label, int32."""
    result = labels.astype(np.int32)
    for number, box in enumerate(ndimage.find_objects(result), 1):
        if box is not None:
            inside = ndimage.binary_fill_holes(labels[box] == number)
            part = result[box]
            part[inside & (part == 0)] = number
    return result


def typical_diameter(labels: Sequence[np.ndarray]) -> float:
    """Area-weighted median of the diameters of all particles, pixels; ValueError if none."""
    area = np.concatenate([np.bincount(one.ravel())[1:] for one in labels])
    area = np.sort(area[area > 0])
    if not area.size:
        raise ValueError("there is no particle in any picture")
    middle = np.searchsorted(np.cumsum(area), area.sum() / 2)
    return float(2 * np.sqrt(area[middle] / np.pi))
