"""Components: one reflection of one place, linked over tiles and over scales."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

LINK = 0.8
"""Peaks of neighbouring tiles closer than this over the window length are one reflection."""


@dataclass(frozen=True, slots=True)
class Sightings:
    """All peaks of all tiles of all scales, one row each."""

    y: np.ndarray
    """Centre of the tile."""
    x: np.ndarray
    ky: np.ndarray
    kx: np.ndarray
    z: np.ndarray
    window: np.ndarray
    """Length of the tile."""

    def __len__(self) -> int:
        return len(self.z)


def join(parts: list[Sightings]) -> Sightings:
    """Put the sightings of several scales into one table."""
    names = Sightings.__slots__
    return Sightings(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))


def link(seen: Sightings, single: float) -> np.ndarray:
    """Number the components, -1 for sightings of none: int [sighting].

    A component was seen in two tiles of one scale, or once with z over `single`. Two scales at
    one place share most of their noise and don't confirm each other.
    """
    if not len(seen):
        return np.zeros(0, np.intp)
    edges = _edges(seen)
    many = len(seen)
    graph = scipy.sparse.coo_array((np.ones(len(edges)), edges.T), shape=(many, many))
    count, label = connected_components(graph, directed=False)
    strongest = np.zeros(count)
    np.maximum.at(strongest, label, seen.z)
    most = np.zeros(count)
    for length in np.unique(seen.window):
        most = np.maximum(most, np.bincount(label[seen.window == length], minlength=count))
    good = (most >= 2) | (strongest > single)
    number = np.where(good, np.cumsum(good) - 1, -1)
    return np.asarray(number[label])


def _edges(seen: Sightings) -> np.ndarray:
    """Pairs of sightings of one reflection, [pair, 2]."""
    found = []
    lengths = np.unique(seen.window)
    for i, small in enumerate(lengths):
        for large in lengths[i:]:
            reach = 0.75 * small if large == small else 0.5 * large
            one, place_one = _scaled(seen, np.flatnonzero(seen.window == small), reach, small)
            two, place_two = _scaled(seen, np.flatnonzero(seen.window == large), reach, small)
            if not len(one) or not len(two):
                continue
            pairs = cKDTree(place_one).sparse_distance_matrix(
                cKDTree(place_two), 1.0, p=np.inf, output_type="coo_matrix"
            )
            dk = np.linalg.norm(place_one[pairs.row, 2:] - place_two[pairs.col, 2:], axis=1)
            near = dk < 1.0
            found.append(np.stack([one[pairs.row[near]], two[pairs.col[near]]], axis=1))
    return np.concatenate(found) if found else np.zeros((0, 2), np.intp)


def _scaled(
    seen: Sightings, rows: np.ndarray, reach: float, window: float
) -> tuple[np.ndarray, np.ndarray]:
    """Rows and their places, scaled so that 1 is as far as a link reaches.

    Reflections near kx = 0 stand there twice, k and -k: their sign is a matter of noise.
    """
    k = LINK / window
    double = rows[seen.kx[rows] < k]
    rows = np.concatenate([rows, double])
    sign = np.ones(len(rows))
    sign[len(rows) - len(double) :] = -1
    place = [seen.y[rows] / reach, seen.x[rows] / reach]
    return rows, np.stack([*place, sign * seen.ky[rows] / k, sign * seen.kx[rows] / k], axis=1)
