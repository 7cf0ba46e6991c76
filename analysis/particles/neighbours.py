"""Neighbours: what the particles nearest to each say; all from the table, none from the volume."""

from __future__ import annotations

import numpy as np
from scipy.spatial import cKDTree


def nearest(centres: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Distances and rows [particle, count] of the nearest other particles of centres[particle, 3].

    Where there are fewer others than `count`, distances are inf and rows -1.
    """
    many = len(centres)
    distances = np.full((many, count), np.inf)
    rows = np.full((many, count), -1)
    if many < 2:
        return distances, rows
    take = min(count + 1, many)
    found, places = cKDTree(centres).query(centres, k=take)
    own = places == np.arange(many)[:, None]
    own[~own.any(axis=1), -1] = True  # more twins at one place than were asked for
    distances[:, : take - 1] = found[~own].reshape(many, take - 1)
    rows[:, : take - 1] = places[~own].reshape(many, take - 1)
    return distances, rows


def spread(values: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Standard deviation of values[particle] over the neighbours rows[particle, k]; NaN if few."""
    around = values[rows]
    found = around.std(axis=1)
    found[(rows < 0).any(axis=1)] = np.nan
    return np.asarray(found)


def axial_spread(directions: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Spread in degrees of the axes directions[particle, 3] of the neighbours rows[particle, k].

    0 when all are parallel, 55 when they point anywhere: the angle whose cos^2 is the mean
    cos^2 to the axis nearest to all (largest value of the orientation tensor; Fisher, Lewis and
    Embleton, Statistical Analysis of Spherical Data, 1987). Axes have no sign. NaN where less
    than 3 neighbours have a long axis.
    """
    axes = directions[rows]
    known = np.isfinite(axes).all(axis=2) & (rows >= 0)
    axes = np.where(known[..., None], axes, 0.0)
    count = known.sum(axis=1)
    tensor = np.einsum("nki,nkj->nij", axes, axes) / np.maximum(count, 1)[:, None, None]
    largest = np.linalg.eigvalsh(tensor)[:, -1]
    angle = np.degrees(np.arccos(np.sqrt(np.clip(largest, 0, 1))))
    return np.asarray(np.where(count >= 3, angle, np.nan))
