"""The correction on which most grains agree, and how sure that is.

The log posterior is the prior's plus, for each grain, the log of the sum of its votes and of
`unknown`: a grain that fits nothing says nothing. It has many maxima (a wrong scale turns one cubic
phase into another), so votes themselves are the places to begin at, and every maximum that counts
takes part in the answer's covariance.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from .correction import Spread, inverses
from .selfcal_votes import Votes

BEGINNINGS = 600
"""Votes of the best grains from which maxima are looked for."""
BLUR = 0.004
"""Width that votes are given while looking."""
CLIMBS = 8
"""Maxima that are climbed to the top."""
SETTLED = 1e-5
"""A step shorter than this is the last."""
SAME = 1e-3
"""Maxima nearer than this are one."""


@dataclass(frozen=True, slots=True)
class Peak:
    """One maximum of the posterior."""

    at: np.ndarray
    """float64[3]; with a fourth where a phase is a stranger."""
    height: float
    """log posterior; 0 = all unknown, at the middle of the prior."""
    covariance: np.ndarray
    """float64[3, 3], or [4, 4]"""

    @property
    def mass(self) -> float:
        """Log of the posterior's integral over this maximum."""
        return self.height + 0.5 * float(np.linalg.slogdet(2 * np.pi * self.covariance)[1])


@dataclass(frozen=True, slots=True)
class Mixture:
    """Votes prepared for the evaluation at many places."""

    terms: np.ndarray
    """[10, vote]: coefficients of 1, v and products of v in the log evidence."""
    first: np.ndarray
    """Where each grain's votes begin."""

    def log(self, at: np.ndarray) -> np.ndarray:
        """Sum over grains of log (votes + unknown) / unknown at `at[n, 3]`."""
        if not len(self.first):
            return np.zeros(len(at))
        total = np.empty(len(at))
        step = max(1, 2_000_000 // max(1, self.terms.shape[1]))
        for n in range(0, len(at), step):
            gain = np.exp(np.minimum(_monomials(at[n : n + step]) @ self.terms, 600))
            total[n : n + step] = np.log1p(np.add.reduceat(gain, self.first, axis=1)).sum(axis=1)
        return total


def _monomials(at: np.ndarray) -> np.ndarray:
    a, b, c = at.T
    return np.stack([np.ones_like(a), a, b, c, a * a, b * b, c * c, a * b, a * c, b * c], axis=1)


def mixture(votes: Votes) -> Mixture:
    """Prepare the votes."""
    pull = (votes.precision @ votes.at[:, :, None])[:, :, 0]
    constant = votes.peak - votes.rival[votes.grain] - (pull * votes.at).sum(axis=1) / 2
    square = [-votes.precision[:, n, n] / 2 for n in range(3)]
    cross = [-votes.precision[:, i, j] for i, j in ((0, 1), (0, 2), (1, 2))]
    terms = np.stack([constant, *pull.T, *square, *cross])
    first = np.flatnonzero(np.r_[True, np.diff(votes.grain) != 0]) if len(votes) else np.zeros(0)
    return Mixture(terms, first.astype(np.intp))


def peaks(votes: Votes, prior: Spread, climbs: int = CLIMBS) -> list[Peak]:
    """Find the maxima of the posterior, that of the largest integral first."""
    weight = np.diag(prior.values**-2.0)
    starts = np.concatenate([np.zeros((1, 3)), votes.at[_beginnings(votes)]])
    levels = stages(votes)
    log = mixture(levels[0]).log(starts) - 0.5 * ((starts / prior.values) ** 2).sum(axis=1)
    found: list[Peak] = []
    for start in _apart(starts, log, 2 * BLUR, climbs):
        top = climbed(levels, start, weight)
        if all(np.abs(top.at - other.at).max() > SAME for other in found):
            found.append(top)
    return sorted(found, key=lambda peak: -peak.mass)


def _beginnings(votes: Votes) -> np.ndarray:
    """Rows of the votes of most weight: at most BEGINNINGS, from as many grains as there are."""
    lead = votes.peak - votes.rival[votes.grain]
    order = np.lexsort((-lead, votes.grain))
    rank = np.arange(len(order)) - np.searchsorted(votes.grain[order], votes.grain[order])
    order = order[np.lexsort((-lead[order], rank))]
    return np.asarray(order[:BEGINNINGS])


def _apart(places: np.ndarray, value: np.ndarray, distance: float, most: int) -> list[np.ndarray]:
    """Best places by falling value, none within `distance` of a better one."""
    kept: list[np.ndarray] = []
    for row in np.argsort(-value, kind="stable"):
        if all(np.abs(places[row] - other).max() > distance for other in kept):
            kept.append(places[row])
            if len(kept) == most:
                break
    return kept


def climbed(stages: Sequence[Votes], start: np.ndarray, weight: np.ndarray) -> Peak:
    """Climb from `start` by expectation-maximisation over votes less and less blurred.

    `weight` is the inverse of the prior's covariance, about zero.
    """
    at = start
    for votes in stages:
        for _ in range(30):
            share, pull, _ = shares(votes, at)
            normal = np.tensordot(share, votes.precision, 1) + weight
            step = np.linalg.solve(normal, share @ pull - weight @ at)
            at = at + step
            if np.abs(step).max() < SETTLED:
                break
    height = shares(stages[-1], at)[2] - float(at @ weight @ at) / 2
    return Peak(at, height, _covariance(stages[-1], at, weight))


def stages(votes: Votes) -> list[Votes]:
    """The votes from blurred to sharp."""
    return [blurred(votes, blur) for blur in (BLUR, BLUR / 2, 0.0)]


def blurred(votes: Votes, blur: float) -> Votes:
    """Widen each vote by `blur`; its integral stays."""
    if not blur or not len(votes):
        return votes
    wide = inverses(inverses(votes.precision) + blur**2 * np.eye(3))
    gain = np.linalg.slogdet(wide)[1] - np.linalg.slogdet(votes.precision)[1]
    return replace(votes, precision=wide, peak=votes.peak + gain / 2)


def shares(votes: Votes, at: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
    """Probability of each vote in its grain, its pull on the correction, the log likelihood."""
    off = votes.at - at
    pull = (votes.precision @ off[:, :, None])[:, :, 0]
    gain = votes.peak - votes.rival[votes.grain] - (pull * off).sum(axis=1) / 2
    weight = np.exp(np.minimum(gain, 600))
    total = 1 + np.bincount(votes.grain, weight, votes.grains)
    return weight / total[votes.grain], pull, float(np.log(total).sum())


def _covariance(votes: Votes, at: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Inverse of the curvature; where that is no maximum in some direction, of the prior's."""
    share, pull, _ = shares(votes, at)
    outer = (share[:, None] * pull).T @ pull
    mean = np.stack([np.bincount(votes.grain, share * p, votes.grains) for p in pull.T], axis=1)
    upper = np.tensordot(share, votes.precision, 1) + weight
    values, vectors = np.linalg.eigh(upper - outer + mean.T @ mean)
    least = np.linalg.eigvalsh(weight)[0]
    return np.asarray((vectors / np.maximum(values, least)) @ vectors.T)
