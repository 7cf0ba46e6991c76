"""The table of grains: groups of reflections with their phase, and the doubt about it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from .applied import sheared
from .candidates import Candidates
from .correction import Correction
from .detect import Reflections
from .evidence import Spots
from .gather import Prior, gather
from .identify import Identity, identify
from .maps import UNKNOWN
from .matches import COLLINEAR, bases

SPOT, ROW, ZONE = 0, 1, 2
"""Kinds of grains: one spot, one row of spots, spots in two directions."""
FITS, LEAST = 0.05, 0.005
"""A phase is listed among those that fit a grain from this share of the best one's posterior on,
and from this posterior on."""


@dataclass(frozen=True, slots=True)
class Grains:
    """One row each."""

    posterior: np.ndarray
    """[grain, candidate]; what is missing to 1 is unknown."""
    kind: np.ndarray
    zone: np.ndarray
    """int [grain, 3]"""
    residual: np.ndarray
    spots: np.ndarray
    """How many."""
    hkl: np.ndarray
    """Of each reflection (not grain), int [reflection, 3]."""
    explained: np.ndarray
    """Whether the grain's phase explains a reflection, bool [reflection]."""
    y: np.ndarray
    x: np.ndarray
    area: np.ndarray
    strain: np.ndarray
    """(scale, anisotropy, shear) of each grain's lattice, [grain, 3]; nan where not known."""
    strain_sigma: np.ndarray
    correction: np.ndarray
    """Error of the image's pixel grid (scale, anisotropy, shear) that the grains agree on."""
    covariance: np.ndarray
    """Its covariance [3, 3]; nan where there was nothing to learn from."""

    @property
    def scale(self) -> float:
        """The first of them: log of the pixel over the header's, as k by the header over k."""
        return float(self.correction[0])

    @property
    def scale_sigma(self) -> float:
        """Its standard deviation."""
        return float(np.sqrt(self.covariance[0, 0]))

    def __len__(self) -> int:
        return len(self.kind)

    def probability(self, label: np.ndarray) -> np.ndarray:
        """Posterior of each grain's `label`, a class; of `unknown`, that it is no candidate."""
        full = self.full()
        column = np.where(label == UNKNOWN, full.shape[1] - 1, label.astype(int) - UNKNOWN - 1)
        return np.asarray(full[np.arange(len(full)), column])

    def full(self) -> np.ndarray:
        """Posterior with unknown last: [grain, candidate + 1]."""
        return np.concatenate([self.posterior, 1 - self.posterior.sum(1, keepdims=True)], axis=1)

    def keep(self, rows: np.ndarray) -> Grains:
        """Take some of the rows; reflections stay."""
        first = ("posterior", "kind", "zone", "residual", "spots", "y", "x", "area")
        names = (*first, "strain", "strain_sigma")
        return replace(self, **{name: getattr(self, name)[rows] for name in names})

    def place(self, y: np.ndarray, x: np.ndarray, area: np.ndarray) -> Grains:
        """Say where the grains are."""
        return replace(self, y=y, x=x, area=area)

    def classes(self, above: float, row_above: float) -> np.ndarray:
        """Class of each grain's label, uint8: unknown where no phase is probable enough."""
        if not len(self):
            return np.zeros(0, np.uint8)
        leader = self.posterior.argmax(axis=1)
        sure = self.posterior.max(axis=1) >= np.where(self.kind == ZONE, above, row_above)
        return np.where(sure, leader + UNKNOWN + 1, UNKNOWN).astype(np.uint8)


def name_grains(
    found: Reflections, grain: np.ndarray, known: Candidates, prior: Prior, calibrated: bool
) -> tuple[np.ndarray, Grains]:
    """Identify each group; what its phase leaves over may be another grain at the same place."""
    if not len(found):
        return grain, _nothing(len(known.phases))
    k = sheared(found.kx + 1j * found.ky, Correction(shear=prior.sheared))
    spots = gather(k, found.sigma, found.snr, found.diameter, grain, prior, found.along)
    if not calibrated:
        return grain, _table(spots.row, _unknown(spots, len(known.phases)), grain)
    identity = identify(spots, known, prior)
    parts = _split(grain, _left_over(spots.row, identity, grain), k)
    if (parts != grain).any():
        grain = parts
        spots = gather(k, found.sigma, found.snr, found.diameter, grain, prior, found.along)
        identity = identify(spots, known, prior, identity.ballot)
    return grain, _table(spots.row, identity, grain)


def _left_over(row: np.ndarray, identity: Identity, grain: np.ndarray) -> np.ndarray:
    """Reflections that a well identified zone does not explain, bool [reflection]."""
    sure = ~identity.line & (identity.posterior[:, :-1].max(axis=1) > 0.5)
    over = sure[:, None] & ~identity.explained & (row >= 0)
    left = np.zeros(len(grain), bool)
    left[row[over]] = True
    return left


def _split(grain: np.ndarray, left: np.ndarray, k: np.ndarray) -> np.ndarray:
    """Give the left-over reflections of each grain a new number, if they span a plane.

    One row of them may as well be double diffraction: it stays, unexplained.
    """
    moved = grain.copy()
    for parent in np.unique(grain[left]):
        rows = np.flatnonzero(left & (grain == parent))
        cross = (k[rows, None].conj() * k[None, rows]).imag
        if (np.abs(cross) > COLLINEAR * np.abs(k[rows, None] * k[None, rows])).any():
            moved[rows] = int(moved.max()) + 1
    return np.unique(moved, return_inverse=True)[1]


def _table(row: np.ndarray, identity: Identity, grain: np.ndarray) -> Grains:
    many = len(row)
    hkl, explained = np.zeros((len(grain), 3), int), np.zeros(len(grain), bool)
    used = row >= 0
    hkl[row[used]] = identity.hkl[used]
    explained[row[used]] = identity.explained[used]
    count = np.bincount(grain, minlength=many)
    kind = np.where(identity.line, np.where(count > 1, ROW, SPOT), ZONE).astype(np.uint8)
    zero = np.zeros(many)
    return Grains(
        identity.posterior[:, :-1],
        kind,
        identity.zone,
        identity.residual,
        count,
        hkl,
        explained,
        zero,
        zero,
        zero,
        identity.strain,
        identity.strain_sigma,
        identity.correction,
        identity.covariance,
    )


def _unknown(spots: Spots, phases: int) -> Identity:
    """What a grain alone says without a calibration: nothing."""
    shape = spots.k.shape
    posterior = np.zeros((shape[0], phases + 1))
    posterior[:, -1] = 1
    return Identity(
        posterior,
        bases(spots)[2],
        np.full(shape[0], -1),
        np.zeros((shape[0], 3), int),
        np.full(shape[0], np.nan),
        np.zeros((*shape, 3), int),
        np.zeros(shape, bool),
        np.full((shape[0], 3), np.nan),
        np.full((shape[0], 3), np.nan),
        np.zeros(3),
        np.full((3, 3), np.nan),
    )


def _nothing(phases: int) -> Grains:
    none = np.zeros(0)
    return Grains(
        np.zeros((0, phases)),
        np.zeros(0, np.uint8),
        np.zeros((0, 3), int),
        none,
        np.zeros(0, int),
        np.zeros((0, 3), int),
        np.zeros(0, bool),
        none,
        none,
        none,
        np.zeros((0, 3)),
        np.zeros((0, 3)),
        np.zeros(3),
        np.full((3, 3), np.nan),
    )
