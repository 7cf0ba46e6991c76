"""Crystals where the specimen looks like vacuum: thick ones hold nothing amorphous to be seen."""

from __future__ import annotations

import numpy as np

from .detect import Reflections
from .matches import COLLINEAR

ALONE = 0.1
"""Share of a region that may lie in the specimen, where it is to be a bare crystal by itself: the
lens carries fringes of a grain out of the specimen, but part of them stays."""
TOGETHER = 0.5
"""The same where reflections in two directions lie at one place: the lens carries each its own
way."""
FEW = 2
"""Regions of a grain that cover a place, so that it is of the grain."""


def bare(found: Reflections, grain: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """Where crystals are though `inside` says vacuum; both bool [y, x] on the regions' samples.

    `grain` is the group of each reflection.
    """
    mask = found.regions.mask
    share = (mask @ inside.ravel().astype(np.float32)) / np.maximum(mask.sum(axis=1), 1)
    there = np.asarray(mask[np.flatnonzero(share < ALONE)].sum(axis=0)) > 0
    k = found.kx + 1j * found.ky
    for number in np.unique(grain[(share >= ALONE) & (share < TOGETHER)]):
        rows = np.flatnonzero((grain == number) & (share < TOGETHER))
        unit = k[rows] / np.abs(k[rows])
        if (np.abs((unit[:, None].conj() * unit).imag) > COLLINEAR).any():
            there |= np.asarray(mask[rows].sum(axis=0)) >= FEW
    return np.asarray(there.reshape(inside.shape))
