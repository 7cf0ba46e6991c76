"""Groups: reflections whose regions cover the same place belong to one grain."""

from __future__ import annotations

import numpy as np
import scipy.sparse
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.sparse.csgraph import connected_components
from scipy.spatial.distance import squareform

SAME = 0.5
"""Shared area over the geometric mean of the two areas, averaged, for one grain."""


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
    count, label = connected_components(linked, directed=False)
    number = np.zeros(many, np.intp)
    taken = 0
    for rows in np.split(np.argsort(label, kind="stable"), np.cumsum(np.bincount(label))[:-1]):
        if len(rows) > 1:
            distance = np.clip(1 - near[rows][:, rows].toarray(), 0, 1)
            np.fill_diagonal(distance, 0)
            tree = linkage(squareform(distance, checks=False), "average")
            number[rows] = taken + fcluster(tree, 1 - SAME, "distance") - 1
        else:
            number[rows] = taken
        taken = int(number[rows].max()) + 1
    del count
    return number
