"""Pairs of a group's strongest spots: what readings are made of."""

from __future__ import annotations

import numpy as np

from .evidence import Spots

STRONGEST = 5
"""Spots of a group from which pairs are made."""
COLLINEAR = 0.1
"""Sine of the angle below which two spots lie in one row."""


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
