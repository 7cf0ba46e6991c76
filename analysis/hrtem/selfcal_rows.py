"""Votes of grains that show one row of spots: one length along one direction.

They fix one of the three numbers of the correction at a time, so many of them are needed; where
the phase is known (a reference) each is worth having.
"""

from __future__ import annotations

import numpy as np

from .candidates import Candidates
from .correction import Spread
from .evidence import Spots, area
from .selfcal_readings import REACH
from .selfcal_votes import Votes

LEAST = 0.1
"""Precision in the directions that a row says nothing of, over the prior's."""


def row_votes(
    spots: Spots, known: Candidates, reach: Spread, own: Spread, k_max: float, unknown: float
) -> Votes:
    """Read the strongest spot of each grain as each family of reflections within `reach`."""
    k, radial = spots.k[:, 0], spots.radial[:, 0]
    twice = (k / np.abs(k)) ** 2
    along = np.stack([np.ones(len(k)), -twice.real / 2, twice.imag / 2], axis=1)
    error = np.log(np.abs(k)[:, None] / known.line_k)
    variance = (along**2 @ own.values**2) + (radial / np.abs(k)) ** 2
    width = np.sqrt(along**2 @ reach.values**2)
    grain, line = np.nonzero(np.abs(error) < REACH * np.sqrt(width**2 + variance)[:, None])
    n, error, variance = along[grain], error[grain, line], variance[grain]
    covariance = np.diag(reach.values**2)
    # The likeliest correction of those that bring the spot to its place.
    at = (error / width[grain] ** 2)[:, None] * (n @ covariance)
    precision = n[:, :, None] * n[:, None, :] / variance[:, None, None]
    precision = precision + LEAST * np.linalg.inv(covariance)
    # Any azimuth; the length with its error.
    density = -np.log(2 * np.pi * np.abs(k[grain])) - 0.5 * np.log(2 * np.pi * variance)
    peak = known.line_weight[line] + density - np.log(np.abs(k[grain]))
    peak = peak + np.log((1 - unknown) / len(known.phases))
    rival = np.full(len(k), np.log(unknown) - np.log(area(k_max)))
    one = np.ones(len(grain), int)
    return Votes(grain, known.line_phase[line], at, precision, peak, one, rival)


def joined(one: Votes, other: Votes) -> Votes:
    """Put the votes of different grains together."""

    def both(name: str) -> np.ndarray:
        return np.concatenate([getattr(one, name), getattr(other, name)])

    return Votes(
        np.concatenate([one.grain, other.grain + one.grains]),
        *(both(name) for name in ("phase", "at", "precision", "peak", "spots", "rival")),
    )
