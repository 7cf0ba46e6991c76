"""Readings: two spots of a grain taken for two reflections of a candidate."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from .candidates import Candidates, measure
from .correction import Spread, between
from .evidence import Spots, base_vectors, coordinates

REACH = 3.0
"""Standard deviations of the prior within which readings are tried."""


@dataclass(frozen=True, slots=True)
class Readings:
    """Two spots taken for two reflections of a candidate, one row each."""

    group: np.ndarray
    base: np.ndarray
    """int [n, 2]"""
    pair: np.ndarray
    """Row of the candidates' pairs."""
    flip: np.ndarray
    """Whether the second spot stands for the opposite one, bool."""

    def __len__(self) -> int:
        return len(self.group)

    def keep(self, rows: slice | np.ndarray) -> Readings:
        """Take some of the rows."""
        return Readings(*(getattr(self, name)[rows] for name in Readings.__slots__))


def readings(
    spots: Spots, group: np.ndarray, base: np.ndarray, known: Candidates, reach: Spread
) -> Readings:
    """Read the pairs `base` of spots of `group` in every way within `reach`, the prior."""
    these = _found(spots, group, base, known, reach)
    relative = (spots.radial / np.abs(spots.k))[these.group[:, None], these.base]
    limit = REACH * np.sqrt(2) * relative.max(axis=1, initial=0)[:, None]
    limit = limit + (REACH + 0.5) * reach.values
    at = between(*vectors(spots, these, known))
    return these.keep(np.flatnonzero((np.abs(at) < limit).all(axis=1)))


def _found(
    spots: Spots, group: np.ndarray, base: np.ndarray, known: Candidates, reach: Spread
) -> Readings:
    """Search the pairs; both orders, and beyond a right angle, as the correction may turn them."""
    order = np.concatenate([base, base[:, ::-1]])
    group = np.tile(group, 2)
    group, order = np.tile(group, 2), np.tile(order, (2, 1))
    flip = np.arange(len(group)) >= len(group) // 2
    k = base_vectors(spots, group, order)
    feature = measure(*(np.stack([v.real, v.imag], axis=-1) for v in (k[:, 0], k[:, 1])))
    feature[flip, 2] = np.pi - feature[flip, 2]
    relative = (spots.radial / np.abs(spots.k))[group[:, None], order].max(axis=1, initial=0)
    twist = REACH * np.hypot(reach.anisotropy, reach.shear)
    slack = twist + REACH * np.sqrt(2) * relative
    use = (feature[:, 1] < slack) & (feature[:, 2] < np.pi / 2 + slack)
    group, order, flip, feature = group[use], order[use], flip[use], feature[use]
    widest = slack.max(initial=1e-6)
    size = np.array([REACH * reach.scale + widest / 2, widest, widest])
    if not len(group):
        nothing = np.zeros(0, np.intp)
        return Readings(nothing, np.zeros((0, 2), np.intp), nothing, nothing.astype(bool))
    found = cKDTree(feature / size).sparse_distance_matrix(
        cKDTree(known.features() / size), 1.0, p=np.inf, output_type="coo_matrix"
    )
    return Readings(group[found.row], order[found.row], found.col, flip[found.row])


def vectors(spots: Spots, these: Readings, known: Candidates) -> tuple[np.ndarray, np.ndarray]:
    """Seen and true vectors of the two spots, complex [n, 2], with the same handedness."""
    basis = base_vectors(spots, these.group, these.base)
    basis[:, 1] *= np.where(these.flip, -1, 1)
    plane = known.pair_plane[these.pair]
    plane = plane[..., 0] + 1j * plane[..., 1]
    mirror = (basis[:, 0].conj() * basis[:, 1]).imag < 0
    return basis, np.where(mirror[:, None], plane.conj(), plane)


def indexed(
    spots: Spots, these: Readings, known: Candidates
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Index all spots of each reading's grain: their lattice coordinates, and hkl [n, spot, 3].

    Lattice coordinates do not change with the correction.
    """
    basis, _ = vectors(spots, these, known)
    pair = known.pair_hkl[these.pair]
    na, nb = _near(pair, *coordinates(basis, spots.k[these.group]))
    hkl = na[..., None] * pair[:, None, 0] + nb[..., None] * pair[:, None, 1]
    return na, nb, np.rint(hkl).astype(int)


def _near(pair: np.ndarray, a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Round lattice coordinates to those whose hkl are whole numbers."""
    # The pair may span a coarser lattice than its zone has: by the factor in its cross product.
    one, two = pair[:, 0], pair[:, 1]
    part = np.maximum(np.gcd.reduce(np.cross(one, two), axis=1), 1)[:, None].astype(float)
    na, nb = np.rint(a * part) / part, np.rint(b * part) / part
    h = na[..., None] * one[:, None] + nb[..., None] * two[:, None]
    whole = (np.abs(h - np.rint(h)) < 1e-6).all(axis=-1)
    return np.where(whole, na, np.rint(a)), np.where(whole, nb, np.rint(b))
