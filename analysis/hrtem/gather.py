"""Spots sorted into groups, with the errors that identification must allow for."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from .correction import Spread
from .evidence import Spots

MOST = 24
"""Spots of a group that are looked at."""
ACROSS, ALONG = 0.05, 0.2
"""Shifts of a spot over its width 1 / diameter, across and along k, found on phantoms."""
STEEP = 4.5
"""1/nm from which the transfer function is as steep as a spot is wide."""
FAR_STRONGER = 5.0
"""Power over that of another spot from which it may leave a copy elsewhere."""
TWIN = 1.0
"""Spots of two groups that are nearer, over the wider one's width 1 / diameter, have one k."""
TILTED = 0.002
"""Standard deviation of one grain's own anisotropy and shear: tilt, strain."""


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
    anisotropy: float = 0.012
    """Standard deviation of pixel height over width, unless it was corrected for."""
    shear: float = 0.008
    """The same for the angle between the axes, radian."""
    sheared: float = 0.0
    """Shear that is known of: spots are straightened by it."""

    @property
    def grid(self) -> Spread:
        """What is known of the image's pixel grid."""
        return Spread(self.scale_tolerance, self.anisotropy, self.shear)

    @property
    def own(self) -> Spread:
        """How far one grain's lattice is from the candidate's."""
        return Spread(self.strain, TILTED, TILTED)


def gather(
    k: np.ndarray,
    sigma: np.ndarray,
    snr: np.ndarray,
    size: np.ndarray,
    group: np.ndarray,
    prior: Prior,
    along: np.ndarray | None = None,
) -> Spots:
    """Sort the spots (k complex) into groups numbered 0..; at most MOST, the strongest.

    `sigma` is the standard error of k from noise, `size` the diameter of its region, `along` the
    shift along k over the width of a spot, where the lens is known.
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
    errors = _errors(k, sigma, size, prior, steep(np.abs(k)) if along is None else along)
    padded = [np.where(valid, values[row], 1.0) for values in (k, *errors)]
    second = _second_order(padded[0], padded[2], valid)
    strength = np.where(valid, np.log(np.maximum(snr, 1))[row], 0.0)
    twin = valid & _twins(k, snr, size, group)[row]
    return Spots(padded[0], padded[1], padded[2], valid, second, strength, row, twin)


def _twins(k: np.ndarray, snr: np.ndarray, size: np.ndarray, group: np.ndarray) -> np.ndarray:
    """Which spots have the k (or -k) of a far stronger one of another group."""
    both = np.concatenate([k, -k])
    here, there = (cKDTree(np.stack([each.real, each.imag], axis=1)) for each in (k, both))
    reach = TWIN / max(float(size.min()), float(np.median(size)) / 4)
    near = here.sparse_distance_matrix(there, reach, output_type="coo_matrix")
    one, other = near.row, near.col % len(k)
    alike = near.data < TWIN / np.minimum(size[one], size[other])
    alike &= (
        (snr[other] > FAR_STRONGER * snr[one]) & (group[other] != group[one]) & (group[other] >= 0)
    )
    twin = np.zeros(len(k), bool)
    twin[one[alike]] = True
    return twin


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


def steep(k: np.ndarray) -> np.ndarray:
    """Shift along k over the width of a spot, where nothing is known of the lens.

    The spot of a grain of diameter D is 1 / D wide, and the transfer function's slope, which grows
    with k, shifts it along k by a part of that.
    """
    return np.asarray(ALONG * np.minimum((k / STEEP) ** 2, 1.0))


def _errors(
    k: np.ndarray, sigma: np.ndarray, size: np.ndarray, prior: Prior, along: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Standard errors of k across and along its direction."""
    other = sigma**2 + (prior.distortion * np.abs(k)) ** 2
    return np.sqrt(other + (ACROSS / size) ** 2), np.sqrt(other + (along / size) ** 2)
