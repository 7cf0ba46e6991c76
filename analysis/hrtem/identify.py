"""Which phase a group of spots is: posterior over the candidates and `unknown`.

Every reading of a group's strongest spots as reflections of a candidate is a vote, as for the
self-calibration. The correction of the pixel grid (scale, anisotropy, shear) is shared by the
groups of an image and integrated over; so is the abundance of the phases: a specimen holds a few
of the candidates, not all.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from .candidates import Candidates
from .correction import inverses
from .evidence import Spots
from .gather import Prior
from .matches import bases
from .selfcal_doubt import Belief, believe
from .selfcal_readings import Readings
from .selfcal_rows import FAR, TAILED, in_row, joined, row_votes
from .selfcal_votes import Votes, read, votes
from .strangers import strangers

TEMPER = 1.25
"""Divides log evidences: the spots of a grain share errors (tilt, bending, a neighbour's spots)
that the sum over spots takes for independent. Set on phantoms, so that of the answers given with
more than 0.9 hardly any is wrong."""
ROW_TEMPER = 1.2
"""The same for a single spot or row, which shares less."""
PART = 0.4
"""Of a grain that a single spot or row counts when phases are counted: less is known of it."""
FEW = 3.0
"""Weight of the prior that all candidates are as abundant, in grains."""
ROUNDS = 6
"""Passes until the abundances have settled."""
STRAYS = 0.05
"""Probability, before looking, that a single spot or row is of no grain of its own: a sum of
others, a neighbour's."""
FAINT, DOUBTFUL = np.log(22.0), 0.6
"""Log of the power over background below which a spot alone is doubtful, and its probability; so
is a row whose spots are at no orders of one spacing."""
ORDERS = 4
"""Largest order that the strongest spot of a row may have."""
COPIES = 0.7
"""Probability that a single spot or row with the k of a far stronger one of another grain is none
of its own: fringes that the lens carried off that grain. Seven in ten are, on phantoms."""
STRANGE = 0.5
"""Share of grains of no candidate that have the structure of one, with a cell of another size."""
CLIMBS = 3
"""Maxima of the posterior of the correction that are climbed."""


@dataclass(frozen=True, slots=True)
class Ballot:
    """All votes of some groups, to be counted again when other groups join them."""

    votes: Votes
    group: np.ndarray
    """Number of the group that each grain of `votes` is."""
    row: np.ndarray
    """`Spots.row` of the groups."""


@dataclass(frozen=True, slots=True)
class Identity:
    """What the groups are, one row each."""

    posterior: np.ndarray
    """[group, candidate + 1], the last is unknown."""
    line: np.ndarray
    """Whether all spots lie in one row (or there is but one), bool."""
    best: np.ndarray
    """The candidate whose indexing is given: the most probable one; -1 where none fits."""
    zone: np.ndarray
    """Zone axis uvw (row hkl for a line), int [group, 3]."""
    residual: np.ndarray
    """rms misfit in standard deviations, nan where none fits."""
    hkl: np.ndarray
    """int [group, spot, 3]"""
    explained: np.ndarray
    """bool [group, spot]"""
    strain: np.ndarray
    """(scale, anisotropy, shear) of the grain's lattice over the candidate's, the image's own
    taken out, [group, 3]; nan where nothing is known."""
    strain_sigma: np.ndarray
    correction: np.ndarray
    """Most probable error of the image's pixel grid, float64[3], and its covariance."""
    covariance: np.ndarray
    ballot: Ballot | None = None
    """What it was counted from."""


def identify(
    spots: Spots, known: Candidates, prior: Prior, before: Ballot | None = None
) -> Identity:
    """Weigh the candidates for each group.

    `before` is what others were counted from: groups of the same spots are not read again.
    """
    line = bases(spots)[2]
    ballot = _ballot(spots, line, known, prior, before)
    row, stray = ballot.group, _strays(spots, line)
    found = _doubted(ballot.votes, stray[row], prior.unknown)
    belief = believe(found, prior.grid, strangers=False, climbs=CLIMBS)
    own = 1 - _copies(spots, line)
    counted = np.where(line, PART * own, 1.0)[row]
    weights = _weights(found, belief, stray[row], line[row], counted, known, prior.unknown)
    weights *= own[row[found.grain]]
    phases = len(known.phases)
    posterior = np.zeros((len(spots.k), phases + 1))
    share = np.bincount(found.grain * phases + found.phase, weights, found.grains * phases)
    posterior[row, :-1] = share.reshape(-1, phases)
    none = float((1 - posterior[~line, :-1].sum(axis=1)).sum())
    odds = STRANGE * (FEW * prior.unknown + none) / (FEW * (1 - prior.unknown))
    another = strangers(found, belief.answers[0].peak.at, prior.grid, phases, odds)
    posterior[:, :-1] *= 1 - another
    posterior[:, -1] = 1 - posterior[:, :-1].sum(axis=1)
    said = _described(spots, line, known, prior, found, row, weights, posterior, belief)
    return replace(said, ballot=ballot)


def _ballot(
    spots: Spots, line: np.ndarray, known: Candidates, prior: Prior, before: Ballot | None
) -> Ballot:
    """Votes of all groups; those of groups that are as they were before are taken over."""
    if before is None:
        return Ballot(*_votes(spots, line, known, prior), spots.row)
    old = _same(spots.row, before.row)
    kept = np.flatnonzero(old[before.group])
    new = np.flatnonzero(~np.pad(old, (0, len(spots.row) - len(old))))
    votes, group = _votes(_of(spots, new), line[new], known, prior)
    return Ballot(
        joined(before.votes.of(kept), votes),
        np.concatenate([before.group[kept], new[group]]),
        spots.row,
    )


def _same(row: np.ndarray, before: np.ndarray) -> np.ndarray:
    """Which groups of `before` have the same spots in `row`; both [group, spot], padded by -1."""
    widest = max(row.shape[1], before.shape[1])
    now, then = (
        np.pad(r, ((0, 0), (0, widest - r.shape[1])), constant_values=-1) for r in (row, before)
    )
    return np.asarray((now[: len(then)] == then).all(axis=1))


def _votes(
    spots: Spots, line: np.ndarray, known: Candidates, prior: Prior
) -> tuple[Votes, np.ndarray]:
    """Votes of the zones, then of the rows; and which group each of their grains is."""
    settings = (known, prior.grid, prior.own, prior.k_max)
    two, one = np.flatnonzero(~line), np.flatnonzero(line)
    zones = votes(_of(spots, two), *settings, prior.unknown, STRANGE)
    rows = row_votes(_of(spots, one), *settings, prior.unknown, TAILED)
    return joined(zones, rows), np.concatenate([two, one])


def _of(spots: Spots, groups: np.ndarray) -> Spots:
    return Spots(*(getattr(spots, name)[groups] for name in Spots.__slots__))


def _strays(spots: Spots, line: np.ndarray) -> np.ndarray:
    """Probability, before looking, that each group belongs to something else."""
    faint = (spots.valid.sum(axis=1) == 1) & (spots.strength[:, 0] < FAINT)
    return np.where(line, np.where(faint | _uneven(spots), DOUBTFUL, STRAYS), 0.0)


def _uneven(spots: Spots) -> np.ndarray:
    """Which groups, if they are rows, are none of one crystal: its spots are at whole orders."""
    first, parts = spots.k[:, :1], np.arange(1, ORDERS + 1)
    ratio = (spots.k * first.conj()).real / np.abs(first) ** 2
    orders = ratio[..., None] * parts
    apart = (np.abs(orders - np.rint(orders)) / parts).min(axis=-1)
    sigma = np.hypot(spots.radial, ratio * spots.radial[:, :1]) / np.abs(first)
    return np.asarray((spots.valid & (apart > FAR * sigma)).any(axis=1))


def _copies(spots: Spots, line: np.ndarray) -> np.ndarray:
    """Probability that each group is what the lens carried off another grain.

    Such a spot lies where those of grains do, so its place speaks neither for nor against it.
    """
    return np.where(line & (spots.twin | ~spots.valid).all(axis=1), COPIES, 0.0)


def _doubted(found: Votes, stray: np.ndarray, unknown: float) -> Votes:
    """The votes where each grain may be `stray`, beside a grain of no candidate."""
    more = np.log((stray + (1 - stray) * unknown) / unknown)
    return replace(found, peak=found.peak + np.log1p(-stray)[found.grain], rival=found.rival + more)


def _weights(
    found: Votes,
    belief: Belief,
    stray: np.ndarray,
    line: np.ndarray,
    counted: np.ndarray,
    known: Candidates,
    unknown: float,
) -> np.ndarray:
    """Posterior probability of each vote, over all answers and with the abundances."""
    total, temper = np.zeros(len(found)), np.where(line, ROW_TEMPER, TEMPER)
    prior = np.append(np.full(len(known.phases), (1 - unknown) / len(known.phases)), unknown)
    likely = belief.probability > 0.01
    shares = belief.probability * likely / belief.probability[likely].sum()
    for p, answer in zip(shares, belief.answers, strict=True):
        if not p:
            continue
        off = found.at - answer.peak.at
        wide = inverses(inverses(found.precision) + answer.peak.covariance)
        loss = (np.linalg.slogdet(wide)[1] - np.linalg.slogdet(found.precision)[1]) / 2
        gain = found.peak + loss - np.einsum("ni,nij,nj->n", off, wide, off) / 2
        odds = (gain - found.rival[found.grain]) / temper[found.grain]
        total += p * _abundant(found, odds, stray, counted, prior)
    return total


def _abundant(
    found: Votes, gain: np.ndarray, stray: np.ndarray, counted: np.ndarray, prior: np.ndarray
) -> np.ndarray:
    """Posterior of each vote, given log odds against `unknown` with abundances as in `prior`.

    `unknown` holds what is `stray`[grain] too, whatever is abundant. Each grain says, for as much
    as it is `counted`, to all others what is abundant in the image.
    """
    phases, counts = len(prior) - 1, counted[:, None]
    top = np.zeros(found.grains)
    np.maximum.at(top, found.grain, gain)
    weight, none = np.exp(gain - top[found.grain]), np.exp(-top)
    target = found.grain * phases + found.phase
    likelihood = np.bincount(target, weight, found.grains * phases).reshape(-1, phases)
    likelihood = np.concatenate([likelihood, none[:, None]], axis=1)
    share = likelihood / likelihood.sum(axis=1, keepdims=True)
    before = np.tile(prior, (found.grains, 1))
    before[:, -1] = stray + (1 - stray) * prior[-1]
    for _ in range(ROUNDS):
        others = (counts * share).sum(axis=0) - counts * share
        more = (FEW * prior + others) / (FEW + others.sum(axis=1, keepdims=True))
        more[:, -1] = stray + (1 - stray) * more[:, -1]
        more /= before
        share = likelihood * more
        share /= share.sum(axis=1, keepdims=True)
    part = share[:, :-1].ravel()[target] / np.maximum(likelihood[:, :-1].ravel()[target], 1e-300)
    return np.asarray(weight * part)


def _described(
    spots: Spots,
    line: np.ndarray,
    known: Candidates,
    prior: Prior,
    found: Votes,
    row: np.ndarray,
    weights: np.ndarray,
    posterior: np.ndarray,
    belief: Belief,
) -> Identity:
    """Indices, zone, misfit and strain by the best vote of each group's most probable phase."""
    shape = spots.k.shape
    said = Identity(
        posterior,
        line,
        np.full(shape[0], -1),
        np.zeros((shape[0], 3), int),
        np.full(shape[0], np.nan),
        np.zeros((*shape, 3), int),
        np.zeros(shape, bool),
        np.full((shape[0], 3), np.nan),
        np.full((shape[0], 3), np.nan),
        belief.mean,
        belief.covariance,
    )
    chosen = found.keep(_leading(found, weights, posterior[row, :-1].argmax(axis=1)))
    group = row[chosen.grain]
    said.best[group] = chosen.phase
    in_line = line[group]
    these = replace(chosen.reading, group=group)
    _rows(said, spots, these.keep(np.flatnonzero(in_line)), known)
    _zones(said, spots, these.keep(np.flatnonzero(~in_line)), known, prior)
    return said


def _leading(found: Votes, weights: np.ndarray, leader: np.ndarray) -> np.ndarray:
    """Rows of the best vote of each grain for its `leader`."""
    rows = np.flatnonzero(found.phase == leader[found.grain])
    rows = rows[np.lexsort((weights[rows], found.grain[rows]))]
    return np.asarray(rows[np.flatnonzero(np.diff(found.grain[rows], append=-1))])


def _zones(said: Identity, spots: Spots, these: Readings, known: Candidates, prior: Prior) -> None:
    """Fill in what the readings of the zones make of their spots."""
    if not len(these):
        return
    group, seen = these.group, read(spots, these, known, prior.k_max)
    said.hkl[group], said.explained[group], said.zone[group] = seen.hkl, seen.used, seen.zone
    own = np.linalg.inv(seen.precision)
    own[:, 0, 0] += spots.shifted[group]
    off = said.correction - seen.at
    said.strain[group] = off
    said.strain_sigma[group] = np.sqrt(np.diagonal(own + said.covariance, axis1=1, axis2=2))
    shared = np.linalg.inv(own + said.covariance + np.diag(prior.own.values**2))
    pull = np.einsum("ni,nij,nj->n", off, shared, off)
    count = 2 * np.maximum(seen.used.sum(axis=1), 1)
    said.residual[group] = np.sqrt((seen.misfit + pull) / count)


def _rows(said: Identity, spots: Spots, these: Readings, known: Candidates) -> None:
    """Fill in the same of groups with one row of spots."""
    if not len(these):
        return
    group = these.group
    hkl, fits, misfit = in_row(spots, group, these.pair, known)
    first = known.line_hkl[these.pair]
    said.hkl[group], said.explained[group] = hkl, fits
    said.zone[group] = first // np.gcd.reduce(first, axis=1)[:, None]
    phase = known.line_phase[these.pair]
    length = np.array([known.phases[p].g(h) for p, h in zip(phase, first, strict=True)])
    k, radial = spots.k[group, 0], spots.radial[group, 0]
    twice = (k / np.abs(k)) ** 2
    along = np.stack([np.ones(len(k)), -twice.real / 2, twice.imag / 2], axis=1)
    off = np.log(np.abs(k) / np.linalg.norm(length, axis=1)) - along @ said.correction
    variance = (radial / np.abs(k)) ** 2 + ((along @ said.covariance) * along).sum(axis=1)
    misfit = np.where(fits, misfit, 0)[:, 1:].sum(axis=1) + off**2 / variance
    said.residual[group] = np.sqrt(misfit / np.maximum(2 * fits.sum(axis=1) - 1, 1))
