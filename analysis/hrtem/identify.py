"""Which phase a group of spots is: posterior over the candidates and `unknown`.

Every match of a group's strongest spots with reflections of a candidate is scored on all spots of
the group. The scale error of the image is shared by its groups and integrated over.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .candidates import Candidates
from .evidence import Hypotheses, Scores, Spots, score, unknown_lattice
from .gather import MOST, Prior
from .matches import bases, matches

TEMPER = 1.5
"""Divides log evidences: the spots of a grain share errors (tilt, bending, a neighbour's spots)
that the sum over spots takes for independent. Set on phantoms, so that of the answers given with
more than 0.9 hardly any is wrong."""
CHUNK = 4096
"""Hypotheses scored at a time; bounds the memory."""


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


def identify(spots: Spots, known: Candidates, prior: Prior) -> Identity:
    """Weigh the candidates for each group."""
    group, base, line = bases(spots)
    these = matches(spots, group, base, known, prior)
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
    every = every / TEMPER
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
