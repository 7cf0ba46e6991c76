"""The graph of an electrode: particles, their contacts, and how like goes with like on it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xarray as xr
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from ..operators import AnalysisError


@dataclass(frozen=True, slots=True)
class Graph:
    """Particles and contacts; lengths in um."""

    labels: np.ndarray
    volume: np.ndarray
    surface: np.ndarray
    free: np.ndarray
    """Part of the surface that touches no other particle."""
    damage: np.ndarray
    first: np.ndarray
    """Row of one particle of each contact."""
    second: np.ndarray
    area: np.ndarray
    distance: np.ndarray
    """Between the centres."""

    @property
    def components(self) -> np.ndarray:
        """Number of the connected part that each particle is in."""
        many = len(self.labels)
        links = coo_array((np.ones(len(self.first)), (self.first, self.second)), (many, many))
        return np.asarray(connected_components(links, directed=False)[1])


def graph(table: xr.Dataset, contacts: xr.Dataset) -> Graph:
    """Join a table of particles (`Features`) with their `contacts`.

    Contacts with a particle that is not in the table are left out. AnalysisError if a particle has
    no volume or surface.
    """
    labels = np.asarray(table["particle_label"].values)
    columns = {}
    for name in ("volume", "surf_outer", "damage", "contact_area"):
        values = np.asarray(table[f"particle_{name}"].values, float)
        if not np.isfinite(values).all():
            bad = labels[~np.isfinite(values)][0]
            raise AnalysisError(f"particle {bad} has no {name}; leave it out of the table")
        columns[name] = values
    if (np.minimum(columns["volume"], columns["surf_outer"]) <= 0).any():
        raise AnalysisError("a particle without volume or surface can't carry current")
    order = np.argsort(labels)
    a, b = contacts["contact_a"].values, contacts["contact_b"].values
    known = np.isin(a, labels) & np.isin(b, labels)
    first = order[np.searchsorted(labels, a[known], sorter=order)]
    second = order[np.searchsorted(labels, b[known], sorter=order)]
    centres = np.stack([table[f"particle_{axis}"].values for axis in "zyx"], axis=1)
    distance = np.sqrt(((centres[first] - centres[second]) ** 2).sum(axis=1))
    return Graph(
        labels,
        columns["volume"],
        columns["surf_outer"],
        np.maximum(columns["surf_outer"] - columns["contact_area"], 0),
        columns["damage"],
        first,
        second,
        np.asarray(contacts["contact_area"].values, float)[known],
        np.maximum(distance, 1e-9),
    )


def morans_i(
    values: np.ndarray, first: np.ndarray, second: np.ndarray, weight: np.ndarray | None = None
) -> float:
    """Moran's I of values[node] on edges first[edge]-second[edge] (Moran, Biometrika 37 (1950) 17).

    1 where neighbours are alike, -1 on a checkerboard, -1/(n-1) by chance; NaN where all values
    are the same or there is no edge.
    """
    off = np.asarray(values, float) - np.mean(values)
    share = np.ones(len(first)) if weight is None else np.asarray(weight, float)
    variance, total = (off**2).mean() if len(off) else 0.0, share.sum()
    if total <= 0 or variance <= 1e-24 * max(1.0, float(np.mean(values)) ** 2):
        return np.nan
    return float((share * off[first] * off[second]).sum() / total / variance)
