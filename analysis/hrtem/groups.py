"""Groups: reflections whose regions cover the same place belong to one grain."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import scipy.sparse
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.sparse.csgraph import connected_components
from scipy.spatial.distance import squareform

SAME = 0.5
"""Shared area over the geometric mean of the two areas, averaged, for one grain."""
PACK = 500
"""Regions whose tree is grown at once."""


def overlaps(mask: scipy.sparse.csr_array) -> scipy.sparse.csr_array:
    """Shared area over the geometric mean of the areas of each two regions, sparse [n, n]."""
    shared = (mask @ mask.T).tocoo()
    area = np.sqrt(np.maximum(mask.sum(axis=1), 1))
    values = shared.data / (area[shared.row] * area[shared.col])
    return scipy.sparse.csr_array((values, (shared.row, shared.col)), shape=shared.shape)


def group(mask: scipy.sparse.csr_array) -> np.ndarray:
    """Number the grains, int [region], by average linkage: no chain joins what only touches."""
    near = overlaps(mask)
    many = near.shape[0]
    if not many:
        return np.zeros(0, np.intp)
    linked = near.copy()
    linked.data = np.where(linked.data > SAME / 2, linked.data, 0)
    linked.eliminate_zeros()
    label = connected_components(linked, directed=False)[1]
    number = np.zeros(many, np.intp)
    for rows in _together(label):
        number[rows] = _clusters(near[rows][:, rows].toarray())
    return np.asarray(np.unique(label * many + number, return_inverse=True)[1])


def _together(label: np.ndarray) -> Iterator[np.ndarray]:
    """Rows of whole components, about PACK at a time: a tree costs more to call than to grow."""
    order = np.argsort(label, kind="stable")
    ends = np.cumsum(np.bincount(label))
    start = 0
    while start < len(order):
        fits = np.searchsorted(ends, start + PACK, side="right") - 1
        end = int(ends[max(fits, np.searchsorted(ends, start, side="right"))])
        yield order[start:end]
        start = end


def _clusters(near: np.ndarray) -> np.ndarray:
    """Number the clusters of regions that share `near`; those of two components never join."""
    if len(near) == 1:
        return np.zeros(1, np.intp)
    distance = np.clip(1 - near, 0, 1)
    np.fill_diagonal(distance, 0)
    tree = linkage(squareform(distance, checks=False), "average")
    return np.asarray(fcluster(tree, 1 - SAME, "distance") - 1)
