"""What a network would say of the slices of a labelled volume: star polygons with its failings."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from ..rays import star_distances

RAYS = 32
LEAST = 9
"""Pixels of a cross-section below which a network sees nothing."""


@dataclass(frozen=True, slots=True)
class Cut:
    """The stars of one slice."""

    view: int
    """The axis that it is perpendicular to: 0 (xy), 1 (xz), 2 (yz)."""
    index: int
    """Place along that axis."""
    shape: tuple[int, int]
    points: np.ndarray
    """float32 [star, 2], pixels, in the order of the axes that are left"""
    dist: np.ndarray
    """float32 [star, ray], pixels"""
    prob: np.ndarray
    """float32 [star]"""


def cuts(
    rng: np.random.Generator,
    labels: np.ndarray,
    missed: float = 0.1,
    noise: float = 0.05,
    views: tuple[int, ...] = (0, 1, 2),
) -> Iterator[Cut]:
    """Cut `labels` [z, y, x] into slices along each of `views`, and give the stars of each.

    A share `missed` of the cross-sections is left out. Each ray is off by `noise` of its length
    (standard deviation), and each outline as a whole by as much again.
    """
    for view in views:
        for index in range(labels.shape[view]):
            image = np.ascontiguousarray(labels.take(index, axis=view))
            points = _middles(image)
            points = points[rng.random(len(points)) >= missed]
            dist = star_distances(image, points, RAYS)
            many = len(points)
            off = rng.standard_normal((many, RAYS)) + rng.standard_normal((many, 1))
            dist = np.maximum(dist * (1 + noise * off), 0.5).astype(np.float32)
            prob = rng.uniform(0.6, 0.95, many).astype(np.float32)
            shape = (image.shape[0], image.shape[1])
            yield Cut(view, index, shape, points.astype(np.float32), dist, prob)


def _middles(image: np.ndarray) -> np.ndarray:
    """The pixel of each object that is nearest to its centroid, int [n, (y, x)]."""
    numbers, own, area = np.unique(image, return_inverse=True, return_counts=True)
    own = own.reshape(image.shape)
    y, x = np.indices(image.shape)
    cy = np.bincount(own.ravel(), y.ravel()) / area
    cx = np.bincount(own.ravel(), x.ravel()) / area
    far = (y - cy[own]) ** 2 + (x - cx[own]) ** 2
    order = np.lexsort((far.ravel(), own.ravel()))
    first = order[np.searchsorted(own.ravel()[order], np.arange(len(numbers)))]
    wanted = (numbers > 0) & (area >= LEAST)
    return np.column_stack(np.unravel_index(first[wanted], image.shape))
