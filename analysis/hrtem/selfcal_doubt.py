"""Doubt about the phases themselves: a session may hold one that is not among the candidates.

Where it has the structure of a candidate (Na2O and Li2S differ by 3 % of scale and nothing else),
all of its grains agree on a wrong scale. So the answers in which one candidate's lattice is off by
any factor take part, at their price.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from .correction import Spread
from .selfcal_fit import CLIMBS, SAME, Peak, climbed, mixture, peaks, shares, stages
from .selfcal_votes import Votes

STRANGER = 0.03
"""Prior probability that the grains read as one candidate are another phase of its structure."""
STRANGE = 0.05
"""Standard deviation of the relative difference of that phase's lattice."""
CELL = 0.001
"""Standard deviation of a listed cell's relative error: composition, temperature, its source."""
TRUST = 0.5
"""Exponent of the odds of the answers: grains share errors that the model does not know (focus,
phases that are no candidates), and few of them were too sure; found on phantoms."""
FEW = 2
"""Grains that may be read as a phase, from which on it is doubted."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One possible correction, with the phase that is a stranger in it."""

    peak: Peak
    mass: float
    """log of its posterior probability, up to a constant."""
    stranger: int = -1
    """Row of the candidate that is another phase; -1 none."""
    off: float = 0.0
    """log of that phase's lattice parameter over the candidate's."""


@dataclass(frozen=True, slots=True)
class Belief:
    """All possible answers with their probabilities, most probable first."""

    answers: tuple[Answer, ...]
    probability: np.ndarray

    @property
    def mean(self) -> np.ndarray:
        """Expected correction, float64[3]."""
        at = np.stack([answer.peak.at for answer in self.answers])
        return np.asarray(self.probability @ at)

    @property
    def covariance(self) -> np.ndarray:
        """Covariance float64[3, 3], within the answers and between them."""
        mean, total = self.mean, np.zeros((3, 3))
        for p, answer in zip(self.probability, self.answers, strict=True):
            off = answer.peak.at - mean
            total += p * (answer.peak.covariance + np.outer(off, off))
        return total


def believe(
    votes: Votes,
    prior: Spread,
    strangers: bool = True,
    climbs: int = CLIMBS,
    trust: float = TRUST,
) -> Belief:
    """Weigh every possible answer, one that nothing is known among them."""
    found = peaks(votes, prior, climbs)
    answers = [Answer(_with_cells(peak, votes), peak.mass) for peak in found]
    flat = Peak(np.zeros(3), 0.0, np.diag(prior.values**2))
    answers.append(Answer(flat, flat.mass))
    if strangers and found:
        for phase in _suspects(votes):
            answers += _stranger(votes, phase, prior)
    answers.sort(key=lambda answer: -answer.mass)
    mass = np.array([answer.mass for answer in answers])
    probability = np.exp(trust * (mass - mass.max()))
    return Belief(tuple(answers), probability / probability.sum())


def moved(votes: Votes, answer: Answer) -> Votes:
    """Give the votes as they are in an answer: its stranger's as for the lattice that it has."""
    if answer.stranger < 0:
        return votes
    at = votes.at.copy()
    at[votes.phase == answer.stranger, 0] += answer.off
    return replace(votes, at=at)


def _suspects(votes: Votes) -> list[int]:
    """Phases that enough grains may be read as: a stranger's grains need not fit with any scale."""
    pairs = np.unique(np.stack([votes.phase, votes.grain], axis=1), axis=0)
    return [int(p) for p in np.flatnonzero(np.bincount(pairs[:, 0]) >= FEW)]


def _with_cells(peak: Peak, votes: Votes) -> Peak:
    """Widen a peak by the error of the cells, which all grains of a phase share."""
    share = shares(votes, peak.at)[0] * votes.precision[:, 0, 0]
    by_phase = np.bincount(votes.phase, share)
    part = by_phase / max(by_phase.sum(), 1e-12)
    covariance = peak.covariance.copy()
    covariance[0, 0] += CELL**2 * float((part**2).sum())
    return replace(peak, covariance=covariance)


def _stranger(votes: Votes, phase: int, prior: Spread) -> list[Answer]:
    """Answers in which `phase` is a stranger: its lattice is a fourth unknown."""
    rest, own = (votes.keep(np.flatnonzero((votes.phase == phase) == is_it)) for is_it in (0, 1))
    curve, grid = mixture(own), np.linspace(-3, 3, 121) * STRANGE
    levels = [_freed(level, phase) for level in stages(votes)]
    weight = np.diag(np.r_[prior.values, STRANGE] ** -2.0)
    found: list[Answer] = []
    for start in peaks(rest, prior, 3)[:2]:
        line = start.at - grid[:, None] * np.array([1.0, 0, 0])
        off = grid[(curve.log(line) - 0.5 * (grid / STRANGE) ** 2).argmax()]
        top = climbed(levels, np.r_[start.at, off], weight)
        if all(np.abs(top.at[:3] - other.peak.at).max() > SAME for other in found):
            mass = top.mass + float(np.log(STRANGER / (np.sqrt(2 * np.pi) * STRANGE)))
            three = Peak(top.at[:3], top.height, top.covariance[:3, :3])
            found.append(Answer(_with_cells(three, rest), mass, phase, float(top.at[3])))
    return found


def _freed(votes: Votes, phase: int) -> Votes:
    """Make the lattice of a phase a fourth unknown: log of its parameter over the listed one.

    A larger lattice has smaller k: the same spots then speak for larger pixels by as much.
    """
    away = np.zeros((len(votes), 3, 4))
    away[:, :, :3] = np.eye(3)
    away[votes.phase == phase, 0, 3] = -1.0
    precision = away.transpose(0, 2, 1) @ votes.precision @ away
    at = np.concatenate([votes.at, np.zeros((len(votes), 1))], axis=1)
    return replace(votes, at=at, precision=precision)
