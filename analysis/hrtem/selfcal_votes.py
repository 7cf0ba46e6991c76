"""Votes: what each reading of a grain's spots says of the pixel grid.

Two spots that are not in one row, read as two reflections of a candidate, fix all three numbers of
the correction (lengths and angle; the turn of the crystal drops out). The indices of the grain's
other spots follow from those two, whatever the correction, as lattice coordinates do not change
with it; they sharpen the vote or speak against it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from .candidates import Candidates
from .correction import Spread, between
from .evidence import STRAY, Spots, area, unknown_lattice
from .matches import bases
from .selfcal_misfit import Expected, fit
from .selfcal_readings import REACH, Readings, indexed, readings, vectors

MOST = 12
"""Spots of a grain that are looked at."""
SECOND = 0.1
"""Probability of a spot where two others add up."""
CHUNK = 20_000
"""Readings at a time; bounds the memory."""
FAINT, WORTHLESS = 6.0, 2.0
"""Votes whose evidence (log) lies this far below the best of their grain, or below `unknown`, are
dropped."""


@dataclass(frozen=True, slots=True)
class Votes:
    """One row for each reading; sorted by grain.

    At the correction v the log evidence of a reading is peak - (v - at)^T precision (v - at) / 2.
    """

    grain: np.ndarray
    phase: np.ndarray
    at: np.ndarray
    """[vote, 3]"""
    precision: np.ndarray
    """[vote, 3, 3]"""
    peak: np.ndarray
    spots: np.ndarray
    """How many the reading explains."""
    rival: np.ndarray
    """[grain]: log evidence that the grain is no candidate."""

    def __len__(self) -> int:
        return len(self.grain)

    @property
    def grains(self) -> int:
        """How many grains there are, votes or none."""
        return len(self.rival)

    def keep(self, rows: np.ndarray) -> Votes:
        """Take some of the rows; the grains stay."""
        names = ("grain", "phase", "at", "precision", "peak", "spots")
        return replace(self, **{name: getattr(self, name)[rows] for name in names})


def votes(
    spots: Spots, known: Candidates, reach: Spread, own: Spread, k_max: float, unknown: float
) -> Votes:
    """Read every grain in every way within `reach` (prior); `own` is the spread among grains."""
    some = _strongest(spots)
    group, base, line = bases(some)
    group, base = group[~line[group]], base[~line[group]]
    every = readings(some, group, base, known, reach)
    parts = [
        _weigh(some, every.keep(slice(n, n + CHUNK)), known, own, k_max)
        for n in range(0, max(len(every), 1), CHUNK)
    ]
    columns = [np.concatenate(column) for column in zip(*parts, strict=True)]
    rival = np.full(len(some.k), -np.inf)
    np.maximum.at(rival, group, unknown_lattice(some, group, base, k_max))
    # Each base is as likely the right one as any other: the mean over them, not the sum.
    many = np.maximum(np.bincount(group, minlength=len(some.k)), 1)
    grain, phase, at, precision, peak, used = columns
    peak = peak + np.log((1 - unknown) / len(known.phases) / many)[grain]
    found = Votes(grain, phase, at, precision, peak, used, rival + np.log(unknown))
    return _worthwhile(found, reach)


def _strongest(spots: Spots) -> Spots:
    return Spots(*(getattr(spots, name)[:, :MOST] for name in Spots.__slots__))


def _weigh(
    spots: Spots, these: Readings, known: Candidates, own: Spread, k_max: float
) -> tuple[np.ndarray, ...]:
    """The columns of `Votes` but the last."""
    basis, plane = vectors(spots, these, known)
    there, phase = _expected(spots, these, known, plane, k_max)
    best = fit(spots.k[these.group], there, between(basis, plane))
    left = (spots.valid[these.group] & ~best.used).sum(axis=1) * there.stray
    peak = best.peak + left + known.pair_weight[these.pair]
    precision, gain = _widened(best.precision, own)
    return these.group, phase, best.at, precision, peak + gain, best.used.sum(axis=1)


def _expected(
    spots: Spots, these: Readings, known: Candidates, plane: np.ndarray, k_max: float
) -> tuple[Expected, np.ndarray]:
    """Where the spots should be, and the phase of each reading."""
    na, nb, hkl = indexed(spots, these, known)
    phase = known.pair_phase[these.pair]
    visible = known.visibility(np.broadcast_to(phase[:, None], na.shape), hkl)
    columns = np.arange(na.shape[1])
    is_base = (columns == these.base[:, :1]) | (columns == these.base[:, 1:])
    likely = visible / known.pair_zone[these.pair, None]
    likely = np.where(spots.second[these.group], np.maximum(likely, SECOND), likely)
    with np.errstate(divide="ignore"):
        share = np.where(is_base, 0.0, np.log((1 - STRAY) * likely))
    there = Expected(
        ideal=na * plane[:, :1] + nb * plane[:, 1:],
        along=spots.radial[these.group],
        across=spots.sigma[these.group],
        share=share,
        possible=spots.valid[these.group] & ((visible > 0) | is_base),
        base=is_base,
        stray=float(np.log(STRAY / area(k_max))),
    )
    return there, phase


def _widened(precision: np.ndarray, own: Spread) -> tuple[np.ndarray, np.ndarray]:
    """Let each grain's lattice differ by `own`: strain and tilt are its, not the image's.

    The precision then, and what is lost (log) at the peak.
    """
    wide = np.linalg.inv(np.linalg.inv(precision) + np.diag(own.values**2))
    return wide, (np.linalg.slogdet(wide)[1] - np.linalg.slogdet(precision)[1]) / 2


def _worthwhile(found: Votes, reach: Spread) -> Votes:
    """Drop readings beyond the prior, and those too weak to matter; sort by grain."""
    inside = (np.abs(found.at) < (REACH + 0.5) * reach.values).all(axis=1)
    top = np.full(found.grains, -np.inf)
    np.maximum.at(top, found.grain[inside], found.peak[inside])
    floor = np.maximum(top - FAINT, found.rival - WORTHLESS)
    rows = np.flatnonzero(inside & (found.peak > floor[found.grain]))
    return found.keep(rows[np.argsort(found.grain[rows], kind="stable")])
