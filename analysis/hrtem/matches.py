"""Hypotheses: which reflections of the candidates the strongest spots of a group could be.

Every pair of a group's strongest spots is looked up among the candidates' pairs of reflections by
lengths and angle; a row of spots by the length of its strongest alone.
"""

from __future__ import annotations

import numpy as np
from scipy.spatial import cKDTree

from .candidates import Candidates, measure
from .evidence import Hypotheses, Spots, base_vectors
from .gather import Prior

STRONGEST = 5
"""Spots of a group from which pairs are made."""
COLLINEAR = 0.1
"""Sine of the angle below which two spots lie in one row."""
REACH = 3.5
"""Standard deviations within which a pair of reflections is tried."""


def bases(spots: Spots) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
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


def matches(
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
