"""Votes: what each reading of a grain's spots says of the pixel grid.

Two spots that are not in one row, read as two reflections of a candidate, fix all three numbers of
the correction (lengths and angle; the turn of the crystal drops out). The indices of the grain's
other spots follow from those two, whatever the correction, as lattice coordinates do not change
with it; they sharpen the vote or speak against it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from .brightness import brightness
from .candidates import Candidates
from .correction import Spread, between, inverses
from .evidence import STRAY, Spots, area, unknown_lattice
from .matches import bases
from .selfcal_misfit import Expected, fit, rough
from .selfcal_readings import REACH, Readings, indexed, readings, vectors

MOST = 12
"""Spots of a grain that are looked at."""
CHUNK = 20_000
"""Readings at a time; bounds the memory."""
FAINT, WORTHLESS = 6.0, 2.0
"""Votes whose evidence (log) lies this far below the best of their grain, or below `unknown`, are
dropped."""
ROUGH = 6.0
"""How much further the first, rough look may be off."""
WIDTHS = (3, 5, 8, MOST)
"""Grains are looked at together with those of about as many spots."""
RANGE = 0.2
"""Width of the log of the size of the cells of phases that have the structure of a candidate."""


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
    reading: Readings
    """What each vote comes from."""

    def __len__(self) -> int:
        return len(self.grain)

    @property
    def grains(self) -> int:
        """How many grains there are, votes or none."""
        return len(self.rival)

    def keep(self, rows: np.ndarray) -> Votes:
        """Take some of the rows; the grains stay."""
        names = ("grain", "phase", "at", "precision", "peak", "spots")
        columns = {name: getattr(self, name)[rows] for name in names}
        return replace(self, reading=self.reading.keep(rows), **columns)

    def of(self, grains: np.ndarray) -> Votes:
        """Take some of the grains (rising numbers), which are counted anew."""
        number = np.full(self.grains, -1)
        number[grains] = np.arange(len(grains))
        some = self.keep(np.flatnonzero(number[self.grain] >= 0))
        grain = number[some.grain]
        reading = replace(some.reading, group=grain)
        return replace(some, grain=grain, rival=self.rival[grains], reading=reading)


def votes(
    spots: Spots,
    known: Candidates,
    reach: Spread,
    own: Spread,
    k_max: float,
    unknown: float,
    strange: float = 0.0,
) -> Votes:
    """Read every grain in every way within `reach` (prior); `own` is the spread among grains.

    `strange` is the share of the grains of no candidate that have the structure of one, with a cell
    of another size: without it a lattice that fits but nearly is taken for the candidate's.
    """
    some = _strongest(spots)
    group, base, line = bases(some)
    group, base = group[~line[group]], base[~line[group]]
    every = readings(some, group, base, known, reach)
    every = every.keep(_promising(some, every, known, reach, k_max))
    parts = [
        _weigh(part, rows, every.keep(rows), known, own, k_max)
        for part, rows in _by_width(some, every)
    ]
    parts = parts or [_nothing()]
    columns = [np.concatenate(column) for column in zip(*parts, strict=True)]
    every = every.keep(columns[0])
    at, precision, peak, used = columns[1:]
    # Each base is as likely the right one as any other: the mean over them, not the sum.
    many = np.maximum(np.bincount(group, minlength=len(some.k)), 1)
    peak = peak - np.log(many)[every.group]
    rival = np.full(len(some.k), -np.inf)
    np.maximum.at(rival, group, unknown_lattice(some, group, base, k_max))
    phase = known.pair_phase[every.pair]
    found = Votes(every.group, phase, at, precision, peak, used, rival, every)
    found = replace(found, rival=_rival(found, len(known.phases), strange) + np.log(unknown))
    found = replace(found, peak=found.peak + np.log((1 - unknown) / len(known.phases)))
    return _worthwhile(found, reach)


@dataclass(frozen=True, slots=True)
class Reading:
    """What readings make of the spots of their grains, one row each."""

    hkl: np.ndarray
    """int [n, spot, 3]"""
    used: np.ndarray
    """Which spots are explained, bool [n, spot]."""
    misfit: np.ndarray
    """Sum of their squared misfits in standard deviations."""
    zone: np.ndarray
    """Zone axis, int [n, 3]."""
    at: np.ndarray
    """The correction at which they fit best, [n, 3]."""
    precision: np.ndarray
    """[n, 3, 3], without the grain's own strain and tilt."""


def read(spots: Spots, these: Readings, known: Candidates, k_max: float) -> Reading:
    """Look again at the spots of the grains `these.group` with chosen readings."""
    there, hkl, basis = _expected(spots, these, known, k_max)
    best = fit(spots.k[these.group], there, between(*basis))
    axis = np.cross(*np.moveaxis(known.pair_hkl[these.pair], 1, 0))
    axis = axis // np.maximum(np.gcd.reduce(axis, axis=1), 1)[:, None]
    return Reading(hkl, best.used, best.misfit, axis, best.at, best.precision)


def _rival(found: Votes, phases: int, strange: float) -> np.ndarray:
    """Log evidence of no candidate: any lattice, or the structure of one with another cell."""
    if not strange:
        return found.rival
    size = 0.5 * np.log(2 * np.pi / found.precision[:, 0, 0]) - np.log(RANGE * phases)
    like = np.full(found.grains, -np.inf)
    np.logaddexp.at(like, found.grain, found.peak + size)
    return np.asarray(np.logaddexp(found.rival + np.log(1 - strange), like + np.log(strange)))


def _strongest(spots: Spots) -> Spots:
    return Spots(*(getattr(spots, name)[:, :MOST] for name in Spots.__slots__))


def _by_width(spots: Spots, these: Readings) -> Iterator[tuple[Spots, np.ndarray]]:
    """Rows of grains of about as many spots, with the spots in as few columns as will do."""
    many = spots.valid.sum(axis=1)[these.group]
    least = 0
    for most in WIDTHS:
        rows = np.flatnonzero((many > least) & (many <= most))
        part = Spots(*(getattr(spots, name)[:, :most] for name in Spots.__slots__))
        for n in range(0, len(rows), CHUNK):
            yield part, rows[n : n + CHUNK]
        least = most


def _promising(
    spots: Spots, every: Readings, known: Candidates, reach: Spread, k_max: float
) -> np.ndarray:
    """Rows of the readings that are worth a fit, by what the correction of their base gives."""
    gain = np.full(len(every), -np.inf)
    for part, rows in _by_width(spots, every):
        these = every.keep(rows)
        there, _, _ = _expected(part, these, known, k_max)
        at = between(*vectors(part, these, known))
        own = (part.radial / np.abs(part.k))[these.group[:, None], these.base].max(axis=1)
        pull = (at**2 / (reach.values**2 + 2 * own[:, None] ** 2)).sum(axis=1) / 2
        chance = known.pair_chance[these.pair]
        gain[rows] = rough(part.k[these.group], there, at) + chance - np.minimum(pull, 4.5)
    top = np.full(len(spots.k), -np.inf)
    np.maximum.at(top, every.group, gain)
    return np.flatnonzero(gain > top[every.group] - FAINT - ROUGH)


def _weigh(
    spots: Spots, rows: np.ndarray, these: Readings, known: Candidates, own: Spread, k_max: float
) -> tuple[np.ndarray, ...]:
    """Rows, then the columns of `Votes` from `at` to `spots`."""
    there, hkl, basis = _expected(spots, these, known, k_max)
    best = fit(spots.k[these.group], there, between(*basis))
    left = (spots.valid[these.group] & ~best.used).sum(axis=1) * there.stray
    phase = known.pair_phase[these.pair]
    power = known.amplitude(np.broadcast_to(phase[:, None], best.used.shape), hkl)
    shine = brightness(
        spots.strength[these.group],
        2 * np.log(np.maximum(power, 1e-3)),
        spots.second[these.group],
        best.used,
        np.abs(spots.k[these.group]),
        known.pair_sheet[these.pair],
        known.sheets,
    )
    peak = best.peak + left + shine + known.pair_chance[these.pair]
    precision, gain = _widened(best.precision, own, spots.shifted[these.group])
    return rows, best.at, precision, peak + gain, best.used.sum(axis=1)


def _expected(
    spots: Spots, these: Readings, known: Candidates, k_max: float
) -> tuple[Expected, np.ndarray, tuple[np.ndarray, np.ndarray]]:
    """Where the spots should be, their indices, and the vectors (seen, true) of the bases."""
    basis, plane = vectors(spots, these, known)
    na, nb, hkl = indexed(spots, these, known)
    phase = known.pair_phase[these.pair]
    visible = known.visibility(np.broadcast_to(phase[:, None], na.shape), hkl)
    columns = np.arange(na.shape[1])
    is_base = (columns == these.base[:, :1]) | (columns == these.base[:, 1:])
    there = Expected(
        ideal=na * plane[:, :1] + nb * plane[:, 1:],
        along=spots.radial[these.group],
        across=spots.sigma[these.group],
        spread=np.sqrt(1 + na**2 + nb**2),
        share=np.full(na.shape, np.log(1 - STRAY)),
        possible=spots.valid[these.group] & ((visible > 0) | is_base),
        base=is_base,
        stray=float(np.log(STRAY / area(k_max))),
    )
    return there, hkl, (basis, plane)


def _nothing() -> tuple[np.ndarray, ...]:
    flat, number = np.zeros(0), np.zeros(0, np.intp)
    return number, np.zeros((0, 3)), np.zeros((0, 3, 3)), flat, number


def _widened(
    precision: np.ndarray, own: Spread, shifted: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Let each grain's lattice differ by `own`: strain and tilt are its, not the image's.

    `shifted[n]` is the variance by which the lens moves all of its spots alike. Gives the precision
    then, and what is lost (log) at the peak.
    """
    variance = inverses(precision) + np.diag(own.values**2)
    variance[:, 0, 0] += shifted
    wide = inverses(variance)
    return wide, (np.linalg.slogdet(wide)[1] - np.linalg.slogdet(precision)[1]) / 2


def _worthwhile(found: Votes, reach: Spread) -> Votes:
    """Drop readings beyond the prior, and those too weak to matter; sort by grain."""
    variance = np.diagonal(inverses(found.precision), axis1=1, axis2=2)
    limit = (REACH + 0.5) * np.sqrt(reach.values**2 + variance)
    inside = (np.abs(found.at) < limit).all(axis=1)
    top = np.full(found.grains, -np.inf)
    np.maximum.at(top, found.grain[inside], found.peak[inside])
    floor = np.maximum(top - FAINT, found.rival - WORTHLESS)
    rows = np.flatnonzero(inside & (found.peak > floor[found.grain]))
    return found.keep(rows[np.argsort(found.grain[rows], kind="stable")])
