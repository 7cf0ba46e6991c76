"""Which phase a group of spots is: posterior over the candidates and `unknown`.

Every pair of a group's strongest spots is looked up among the candidates' pairs of reflections by
lengths and angle; every match is scored on all spots of the group. The scale error of the image is
shared by its groups and integrated over.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from .candidates import Candidates, measure
from .evidence import Hypotheses, Scores, Spots, base_vectors, score, unknown_lattice

STRONGEST = 5
"""Spots of a group from which pairs are made."""
MOST = 24
"""Spots of a group that are looked at."""
COLLINEAR = 0.1
"""Sine of the angle below which two spots lie in one row."""
REACH = 3.5
"""Standard deviations within which a pair of reflections is tried."""
CHUNK = 4096
ACROSS, ALONG = 0.05, 0.2
"""Shifts of a spot over its width 1 / diameter, across and along k, found on phantoms."""
STEEP = 4.5
"""1/nm from which the transfer function is as steep as a spot is wide."""


@dataclass(frozen=True, slots=True)
class Prior:
    """What is known before looking at the spots."""

    scale_tolerance: float
    """Standard deviation of the relative error of the image's scale."""
    strain: float
    """Standard deviation of the relative error of one grain's lattice."""
    distortion: float
    """Standard deviation of each spot's relative misplacement: tilt, anisotropic pixels."""
    unknown: float
    """Prior probability that a grain is none of the candidates."""
    k_max: float


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
    scale: float
    """Most probable scale error of the image, and its standard deviation."""
    scale_sigma: float


def gather(
    k: np.ndarray,
    sigma: np.ndarray,
    snr: np.ndarray,
    size: np.ndarray,
    group: np.ndarray,
    prior: Prior,
) -> Spots:
    """Sort the spots (k complex) into groups numbered 0..; at most MOST, the strongest.

    `sigma` is the standard error of k from noise, `size` the diameter of its region.
    """
    order = np.lexsort((-snr, group))
    order = order[group[order] >= 0]
    sorted_group = group[order]
    starts = np.searchsorted(sorted_group, sorted_group)
    rank = np.arange(len(order)) - starts
    order, rank = order[rank < MOST], rank[rank < MOST]
    shape = (int(group.max()) + 1, int(rank.max()) + 1)
    row = np.full(shape, -1)
    row[group[order], rank] = order
    valid = row >= 0
    across, along = _errors(k, sigma, size, prior)
    padded = [np.where(valid, values[row], 1.0) for values in (k, across, along)]
    second = _second_order(padded[0], padded[2], valid)
    return Spots(padded[0], padded[1], padded[2], valid, second, row)


def _second_order(k: np.ndarray, radial: np.ndarray, valid: np.ndarray) -> np.ndarray:
    """Which spots lie where two stronger ones of their group add up; arrays [group, spot]."""
    second = np.zeros(valid.shape, bool)
    for n in range(1, k.shape[1]):
        strong = k[:, :n]
        sums = [strong[:, :, None] + sign * strong[:, None, :] for sign in (1, -1)]
        places = np.concatenate([s.reshape(len(k), -1) for s in sums], axis=1)
        aim = k[:, n, None]
        apart = np.minimum(np.abs(places - aim), np.abs(places + aim)).min(axis=1)
        second[:, n] = (apart < 3 * radial[:, n]) & valid[:, n]
    return second


def _errors(
    k: np.ndarray, sigma: np.ndarray, size: np.ndarray, prior: Prior
) -> tuple[np.ndarray, np.ndarray]:
    """Standard errors of k across and along its direction.

    The spot of a grain of diameter `size` is 1 / size wide, and the transfer function's slope,
    which grows with k, shifts it along k by a part of that.
    """
    other = sigma**2 + (prior.distortion * np.abs(k)) ** 2
    slope = np.minimum((np.abs(k) / STEEP) ** 2, 1.0)
    return np.sqrt(other + (ACROSS / size) ** 2), np.sqrt(other + (ALONG * slope / size) ** 2)


def identify(spots: Spots, known: Candidates, prior: Prior) -> Identity:
    """Weigh the candidates for each group."""
    group, base, line = _bases(spots)
    these = _matches(spots, group, base, known, prior)
    scores = _score_all(spots, these, known, prior)
    grid = prior.scale_tolerance * np.linspace(-3, 3, 61)
    many, phases = len(spots.k), len(known.phases)
    parabola = np.stack([np.ones_like(grid), grid, grid**2])
    logs = scores.constant[:, None] - scores.chi2 @ parabola / 2
    evidence = _by_phase(logs, these, many, phases)
    rival = np.full(many, -np.inf)
    np.maximum.at(rival, group, unknown_lattice(spots, group, base, prior.k_max))
    evidence += np.log((1 - prior.unknown) / phases)
    rival += np.log(prior.unknown)
    return _conclude(spots, these, scores, evidence, rival, line, grid, prior)


def _bases(spots: Spots) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Pairs of the strongest spots that are not in one row; for a line its strongest spot."""
    some = min(STRONGEST, spots.k.shape[1])
    i, j = np.triu_indices(some, 1)
    unit = spots.k / np.abs(spots.k)
    sine = np.abs((unit[:, i].conj() * unit[:, j]).imag)
    good = (sine > COLLINEAR) & spots.valid[:, i] & spots.valid[:, j]
    line = ~good.any(axis=1)
    group, which = np.nonzero(good)
    base = np.stack([i[which], j[which]], axis=1)
    one, two = (np.abs(spots.k[group, base[:, n]]) for n in (0, 1))
    base = np.where((one > two)[:, None], base[:, ::-1], base)
    alone = np.flatnonzero(line)
    return (
        np.concatenate([group, alone]),
        np.concatenate([base, np.zeros((len(alone), 2), base.dtype)]),
        line,
    )


def _matches(
    spots: Spots, group: np.ndarray, base: np.ndarray, known: Candidates, prior: Prior
) -> Hypotheses:
    """The pairs (and lines) of reflections that could be those spots."""
    line = base[:, 0] == base[:, 1]
    relative = (spots.radial / np.abs(spots.k))[group[:, None], base].max(axis=1, initial=0)
    pairs = _pair_matches(spots, group[~line], base[~line], relative[~line], known, prior)
    k = np.abs(spots.k[group[line], base[line, 0]])
    tolerance = REACH * np.hypot(relative[line], prior.scale_tolerance)
    which, row = np.nonzero(np.abs(np.log(known.line_k / k[:, None])) < tolerance[:, None])
    zero = np.zeros((len(row), 3), int)
    lines = Hypotheses(
        group[line][which],
        base[line][which],
        known.line_phase[row],
        np.stack([known.line_hkl[row], zero], axis=1),
        np.stack([known.line_k[row] + 0j, 1j * known.line_k[row]], axis=1),
        known.line_weight[row],
        known.line_zone[row],
    )
    return Hypotheses(
        *(
            np.concatenate([getattr(pairs, name), getattr(lines, name)])
            for name in Hypotheses.__slots__
        )
    )


def _pair_matches(
    spots: Spots,
    group: np.ndarray,
    base: np.ndarray,
    relative: np.ndarray,
    known: Candidates,
    prior: Prior,
) -> Hypotheses:
    """Search the tree of pairs; nearly equal lengths are tried in both orders."""
    order = np.concatenate([base, base[:, ::-1]])
    group, relative = np.tile(group, 2), np.tile(relative, 2)
    k = base_vectors(spots, group, order)
    feature = measure(*(np.stack([v.real, v.imag], axis=-1) for v in (k[:, 0], k[:, 1])))
    slack = REACH * np.sqrt(2) * relative
    use = feature[:, 1] < slack
    group, order, feature, slack = group[use], order[use], feature[use], slack[use]
    widest = slack.max(initial=1e-6)
    wide = np.hypot(REACH * prior.scale_tolerance, widest)
    size = np.array([wide, widest, widest])
    table = known.features() / size
    found = cKDTree(feature / size).sparse_distance_matrix(
        cKDTree(table), 1.0, p=np.inf, output_type="coo_matrix"
    )
    one, row = found.row, found.col
    apart = np.abs(table[row] * size - feature[one])
    near = (apart[:, 1:] < slack[one][:, None]).all(axis=1)
    one, row = one[near], row[near]
    plane = known.pair_plane[row]
    return Hypotheses(
        group[one],
        order[one],
        known.pair_phase[row],
        known.pair_hkl[row],
        plane[..., 0] + 1j * plane[..., 1],
        known.pair_weight[row],
        known.pair_zone[row],
    )


def _score_all(spots: Spots, these: Hypotheses, known: Candidates, prior: Prior) -> Scores:
    parts = [
        score(
            spots,
            these.keep(np.arange(start, min(start + CHUNK, len(these.group)))),
            known,
            prior.scale_tolerance,
            prior.k_max,
        )
        for start in range(0, max(len(these.group), 1), CHUNK)
    ]
    return Scores(
        *(np.concatenate([getattr(part, name) for part in parts]) for name in Scores.__slots__)
    )


def _by_phase(logs: np.ndarray, these: Hypotheses, many: int, phases: int) -> np.ndarray:
    """Sum over the pairs of one base, then the best base: [group, phase, scale]."""
    evidence = np.full((many * phases, logs.shape[1]), -np.inf)
    if not len(logs):
        return evidence.reshape(many, phases, -1)
    target = these.group * phases + these.phase
    side = np.sort(these.base, axis=1)
    key = (target * MOST + side[:, 0]) * MOST + side[:, 1]
    order = np.argsort(key, kind="stable")
    starts = np.flatnonzero(np.r_[True, np.diff(key[order]) != 0])
    rows = logs[order]
    top = np.maximum.reduceat(rows, starts)
    lengths = np.diff(np.r_[starts, len(order)])
    total = top + np.log(np.add.reduceat(np.exp(rows - np.repeat(top, lengths, axis=0)), starts))
    np.maximum.at(evidence, target[order][starts], total)
    return evidence.reshape(many, phases, -1)


def _conclude(
    spots: Spots,
    these: Hypotheses,
    scores: Scores,
    evidence: np.ndarray,
    rival: np.ndarray,
    line: np.ndarray,
    grid: np.ndarray,
    prior: Prior,
) -> Identity:
    """Integrate over the scale that all groups share."""
    every = np.concatenate(
        [evidence, np.broadcast_to(rival[:, None, None], (len(rival), 1, len(grid)))], axis=1
    )
    top = every.max(axis=(1, 2), keepdims=True)
    likelihood = np.exp(every - top)
    likelihood = np.einsum("gps,gst->gpt", likelihood, _blur(grid, _common(spots, prior)))
    total = likelihood.sum(axis=1)
    log_scale = (
        np.log(np.maximum(total, 1e-300)).sum(axis=0) - (grid / prior.scale_tolerance) ** 2 / 2
    )
    weight = np.exp(log_scale - log_scale.max())
    weight /= weight.sum()
    posterior = (likelihood / np.maximum(total, 1e-300)[:, None] * weight).sum(axis=2)
    scale = float((weight * grid).sum())
    spread = float(np.sqrt((weight * (grid - scale) ** 2).sum()))
    best = _best(these, scores, posterior, scale)
    phase, zone, residual, hkl, explained = _describe(spots, these, scores, best, scale)
    return Identity(posterior, line, phase, zone, residual, hkl, explained, scale, spread)


def _common(spots: Spots, prior: Prior) -> np.ndarray:
    """Standard deviation of the relative scale error that the spots of each group share.

    Strain; and reflections of one length are shifted alike by the transfer function.
    """
    shift = np.where(spots.valid, (spots.radial / np.abs(spots.k)) ** 2, 0).sum(axis=1)
    mean = shift / np.maximum(spots.valid.sum(axis=1), 1)
    common: np.ndarray = np.sqrt(prior.strain**2 + mean / 4)
    return common


def _blur(grid: np.ndarray, width: np.ndarray) -> np.ndarray:
    """Matrices that let each group's lattice differ from the shared scale by `width`."""
    apart = (grid[:, None] - grid[None, :]) ** 2
    kernel = np.exp(-apart / (2 * width[:, None, None] ** 2 + 1e-30))
    blur: np.ndarray = kernel / kernel.sum(axis=1, keepdims=True)
    return blur


def _best(these: Hypotheses, scores: Scores, posterior: np.ndarray, scale: float) -> np.ndarray:
    """Row of the best hypothesis of each group's most probable candidate, -1 for none."""
    value = scores.constant - scores.chi2 @ np.array([1, scale, scale**2]) / 2
    leader = posterior[:, :-1].argmax(axis=1)
    rows = np.flatnonzero(these.phase == leader[these.group])
    rows = rows[np.lexsort((value[rows], these.group[rows]))]
    best = np.full(len(posterior), -1)
    best[these.group[rows]] = rows
    return best


def _describe(
    spots: Spots,
    these: Hypotheses,
    scores: Scores,
    best: np.ndarray,
    scale: float,
) -> tuple[np.ndarray, ...]:
    """Candidate, zone axis, residual, indices and explained spots of each group's best row."""
    found = best >= 0
    shape = spots.k.shape
    if not len(these.group):
        return (
            np.full(shape[0], -1),
            np.zeros((shape[0], 3), int),
            np.full(shape[0], np.nan),
            np.zeros((*shape, 3), int),
            np.zeros(shape, bool),
        )
    hkl = np.where(found[:, None, None], scores.hkl[best], 0)
    explained = scores.explained[best] & found[:, None]
    one, two = these.hkl[best, 0], these.hkl[best, 1]
    zone = np.where((two == 0).all(axis=1, keepdims=True), one, np.cross(one, two))
    zone = zone // np.maximum(np.gcd.reduce(zone, axis=1), 1)[:, None]
    chi2 = scores.chi2[best] @ np.array([1, scale, scale**2])
    count = 2 * np.maximum(explained.sum(axis=1), 1)
    residual = np.where(found, np.sqrt(np.maximum(chi2, 0) / count), np.nan)
    return np.where(found, these.phase[best], -1), zone, residual, hkl, explained
