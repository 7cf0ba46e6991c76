"""Which places of rest belong together: every fixed point of the flow is a particle."""

from __future__ import annotations

import numpy as np
from scipy.spatial import cKDTree

BLUR = 1.0
"""Standard deviation with which places of rest are counted, cells."""
NEAR = 2.5
"""Cells in which the next higher place is looked for."""
APART = 0.4
"""Fixed points that are nearer than this part of the smaller one's radius are one."""
LEAST = 4
"""Cells of a particle."""


def basins(cells: np.ndarray, many: np.ndarray, shape: tuple[int, int, int]) -> np.ndarray:
    """Give each place of rest its particle, int32 [place], from 1; 0 for specks.

    `cells` int64 [place], flat in a grid of `shape`, rising; `many` [place]: how many came there.
    Each place goes uphill in the blurred counts to a peak; peaks that lie well within each other's
    particle are one. Particles are numbered by their peak, so that slabs do not matter.
    """
    if not len(cells):
        return np.zeros(0, np.int32)
    points = np.column_stack(np.unravel_index(cells, shape)).astype(float)
    height = _blurred(points, many)
    peak = _uphill(points, height)
    size = np.bincount(peak, many, len(cells))
    root = _joined(points, peak, size, height)
    top = root[peak]
    size = np.bincount(top, many, len(cells))
    kept = size >= LEAST
    number = np.cumsum(kept) * kept
    return np.asarray(number[top], np.int32)


def _blurred(points: np.ndarray, many: np.ndarray) -> np.ndarray:
    tree = cKDTree(points)
    pairs = tree.query_pairs(NEAR, output_type="ndarray")
    share = np.exp(-((points[pairs[:, 0]] - points[pairs[:, 1]]) ** 2).sum(axis=1) / 2 / BLUR**2)
    height = many.astype(float)
    height += np.bincount(pairs[:, 0], share * many[pairs[:, 1]], len(points))
    height += np.bincount(pairs[:, 1], share * many[pairs[:, 0]], len(points))
    return np.asarray(height)


def _uphill(points: np.ndarray, height: np.ndarray) -> np.ndarray:
    """The peak that each place leads to."""
    pairs = cKDTree(points).query_pairs(NEAR, output_type="ndarray")
    rank = np.empty(len(points), np.int64)
    rank[np.lexsort((-np.arange(len(points)), height))] = np.arange(len(points))
    best = np.arange(len(points))
    high = rank.copy()
    for one, two in (pairs.T, pairs.T[::-1]):
        np.maximum.at(high, one, rank[two])
    place = np.empty(len(points), np.int64)
    place[rank] = np.arange(len(points))
    best = place[high]
    while True:
        further = best[best]
        if np.array_equal(further, best):
            return np.asarray(best)
        best = further


def _joined(
    points: np.ndarray, peak: np.ndarray, size: np.ndarray, height: np.ndarray
) -> np.ndarray:
    """Of each peak the one that it is part of: itself, or a higher one close by."""
    tops = np.unique(peak)
    radius = np.cbrt(size[tops] * 3 / (4 * np.pi))
    order = np.lexsort((tops, -height[tops]))
    tops, radius = tops[order], radius[order]
    root = np.arange(len(points))
    if len(tops) < 2:
        return root
    tree = cKDTree(points[tops])
    pairs = tree.query_pairs(APART * float(radius.max()), output_type="ndarray")
    far = np.linalg.norm(points[tops[pairs[:, 0]]] - points[tops[pairs[:, 1]]], axis=1)
    pairs = pairs[far < APART * radius[pairs].min(axis=1)]
    for high, low in pairs[np.lexsort((pairs[:, 0], pairs[:, 1]))]:
        if root[tops[low]] == tops[low]:
            root[tops[low]] = root[tops[high]]
    return root
