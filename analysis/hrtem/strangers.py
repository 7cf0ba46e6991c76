"""Whether all grains read as one candidate are another phase of its structure.

An unlisted phase of the structure of a listed one (Na2O is Li2S with a cell 3 % smaller, Au is LiH
to 0.1 %) makes all of its grains agree, so each of them seems to confirm the others. They are one
question and not many: does the cell on which these grains agree fit the scale that the grains of
the other phases give? Where those say little of the scale, or leave much that is no candidate, the
doubt stays, however many grains of the phase there are.
"""

from __future__ import annotations

import numpy as np

from .correction import Spread
from .selfcal_doubt import CELL
from .selfcal_fit import shares
from .selfcal_votes import RANGE, Votes

LEAST = 1e-6
"""Precision that a phase has at least, relative to the prior's: none has no votes at all."""


def strangers(found: Votes, at: np.ndarray, grid: Spread, phases: int, odds: float) -> np.ndarray:
    """Probability that the grains read as each of the `phases` are another one of its structure.

    `at` is the correction (scale, anisotropy, shear) that the votes agree on, `grid` its prior, and
    `odds` those, before looking at the cell, of a phase of that structure with any other cell
    against the candidate.
    """
    share = shares(found, at)[0]
    weight = np.diag(grid.values**-2.0)
    pull = found.precision @ found.at[:, :, None]
    own, toward = np.zeros((phases, 3, 3)), np.zeros((phases, 3))
    np.add.at(own, found.phase, share[:, None, None] * found.precision)
    np.add.at(toward, found.phase, share[:, None] * pull[:, :, 0])
    rest = weight + own.sum(axis=0) - own
    spread = np.linalg.inv(rest)
    by_rest = (spread @ (toward.sum(axis=0) - toward)[:, :, None])[:, 0, 0]
    alone = np.linalg.inv(own + LEAST * weight)
    by_own = (alone @ toward[:, :, None])[:, 0, 0]
    variance = spread[:, 0, 0] + alone[:, 0, 0] + CELL**2
    listed = np.exp(-((by_own - by_rest) ** 2) / variance / 2) / np.sqrt(2 * np.pi * variance)
    other = odds / RANGE
    return np.asarray(other / (other + listed))
