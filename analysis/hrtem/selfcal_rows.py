"""Votes of grains that show one row of spots: lengths along one direction.

They fix one of the three numbers of the correction at a time, so many of them are needed; where
the phase is known (a reference) each is worth having.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .candidates import Candidates
from .correction import Spread
from .evidence import HALF, SECOND, STRAY, WHOLE, Spots, area
from .selfcal_readings import REACH, Readings
from .selfcal_votes import Votes

LEAST = 0.1
"""Precision in the directions that a row says nothing of, over the prior's."""
FAR = 3.5
"""Standard deviations from its place beyond which a spot is none of the row."""
EXACT = ((1.0, 1.0),)
"""Errors of spots are as they are said to be."""
TAILED = ((0.7, 0.85), (2.5, 0.15))
"""Errors of spots, over those said, and their shares: most are smaller, some far larger (a zero of
the lens, a neighbour's fringes); found on phantoms."""


def row_votes(
    spots: Spots,
    known: Candidates,
    reach: Spread,
    own: Spread,
    k_max: float,
    unknown: float,
    errors: Sequence[tuple[float, float]] = EXACT,
) -> Votes:
    """Read the strongest spot of each grain as each family of reflections within `reach`.

    `errors` are those of its length over the one said, with their shares: one vote for each.
    """
    k, radial = spots.k[:, 0], spots.radial[:, 0]
    twice = (k / np.abs(k)) ** 2
    along = np.stack([np.ones(len(k)), -twice.real / 2, twice.imag / 2], axis=1)
    error = np.log(np.abs(k)[:, None] / known.line_k)
    variance = (along**2 @ own.values**2) + (radial / np.abs(k)) ** 2
    width = np.sqrt(along**2 @ reach.values**2)
    grain, line = np.nonzero(np.abs(error) < REACH * np.sqrt(width**2 + variance)[:, None])
    others, same = _others(spots, grain, line, known, k_max)
    wide, share = (np.tile(column, len(grain)) for column in zip(*errors, strict=True))
    grain, line, others, same = (np.repeat(v, len(errors)) for v in (grain, line, others, same))
    n, error, variance = along[grain], error[grain, line], variance[grain] * wide**2
    covariance = np.diag(reach.values**2)
    # The likeliest correction of those that bring the spot to its place.
    at = (error / width[grain] ** 2)[:, None] * (n @ covariance)
    precision = n[:, :, None] * n[:, None, :] / variance[:, None, None]
    precision = precision + LEAST * np.linalg.inv(covariance)
    # Any azimuth; the length with its error.
    density = -np.log(2 * np.pi * np.abs(k[grain])) - 0.5 * np.log(2 * np.pi * variance)
    peak = known.line_weight[line] + density - np.log(np.abs(k[grain])) + others
    peak = peak + np.log(share * (1 - unknown) / len(known.phases))
    rival = np.log(unknown) - np.log(area(k_max)) + _any_row(spots, k_max)
    reading = Readings(grain, np.zeros((len(grain), 2), np.intp), line, np.zeros(len(grain), bool))
    return Votes(grain, known.line_phase[line], at, precision, peak, same, rival, reading)


def in_row(
    spots: Spots, grain: np.ndarray, line: np.ndarray, known: Candidates
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Indices of all spots, int [n, spot, 3], whether each fits, and its misfit squared, [n, spot].

    All relative to the strongest, which fits anyway.
    """
    hkl = known.line_hkl[line]
    order = np.gcd.reduce(hkl, axis=1)
    k = spots.k[grain]
    ratio = (k * k[:, :1].conj()).real / np.abs(k[:, :1]) ** 2
    step = np.rint(ratio * order[:, None])
    place = step / order[:, None]
    rest = (k - place * k[:, :1]) * (k[:, :1].conj() / np.abs(k[:, :1]))
    radial, sigma = spots.radial[grain], spots.sigma[grain]
    apart = 1 + place**2  # the strongest spot has an error too
    misfit = (rest.real**2 / radial**2 + rest.imag**2 / sigma**2) / apart
    indices = (step[..., None] * (hkl // order[:, None])[:, None]).astype(int)
    fits = spots.valid[grain] & (misfit < FAR**2) & (step != 0)
    return indices, fits, misfit


def _others(
    spots: Spots, grain: np.ndarray, line: np.ndarray, known: Candidates, k_max: float
) -> tuple[np.ndarray, np.ndarray]:
    """Log evidence of the spots beside the strongest, and how many are explained in all."""
    hkl, fits, misfit = in_row(spots, grain, line, known)
    phase = np.broadcast_to(known.line_phase[line][:, None], fits.shape)
    likely = known.visibility(phase, hkl) / known.line_zone[line, None]
    likely = np.where(spots.second[grain], np.maximum(likely, SECOND), likely)
    with np.errstate(divide="ignore"):
        gain = np.log((1 - STRAY) * likely) - misfit / 2
    gain -= np.log(2 * np.pi * spots.radial * spots.sigma)[grain]
    stray = np.log(STRAY / area(k_max))
    gain = np.where(fits, np.maximum(gain, stray), stray)
    rest = spots.valid[grain][:, 1:]
    used = 1 + (rest & (gain[:, 1:] > stray)).sum(axis=1)
    return np.where(rest, gain[:, 1:], 0).sum(axis=1), used


def _any_row(spots: Spots, k_max: float) -> np.ndarray:
    """Log evidence of the spots beside the strongest, in a row of which nothing is known."""
    ratio = (spots.k * spots.k[:, :1].conj()).real / np.abs(spots.k[:, :1]) ** 2
    place = np.rint(2 * ratio) / 2
    rest = np.abs(spots.k - place * spots.k[:, :1]) ** 2
    variance = spots.sigma * spots.radial + place**2 * (spots.sigma * spots.radial)[:, :1]
    occupied = np.where(place % 1 == 0, WHOLE, HALF)
    node = np.log((1 - STRAY) * occupied / (2 * np.pi * variance)) - rest / variance / 2
    gain = np.maximum(np.where(place != 0, node, -np.inf), np.log(STRAY / area(k_max)))
    return np.asarray(np.where(spots.valid, gain, 0)[:, 1:].sum(axis=1))


def joined(one: Votes, other: Votes) -> Votes:
    """Put the votes of different grains together."""

    def both(name: str) -> np.ndarray:
        return np.concatenate([getattr(one, name), getattr(other, name)])

    def read(name: str) -> np.ndarray:
        return np.concatenate([getattr(v.reading, name) for v in (one, other)])

    group = np.concatenate([one.reading.group, other.reading.group + one.grains])
    return Votes(
        grain=np.concatenate([one.grain, other.grain + one.grains]),
        phase=both("phase"),
        at=both("at"),
        precision=both("precision"),
        peak=both("peak"),
        spots=both("spots"),
        rival=both("rival"),
        reading=Readings(group, read("base"), read("pair"), read("flip")),
    )
