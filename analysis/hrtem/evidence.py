"""The spots of a group, and the evidence that they are a lattice of which nothing is known.

Positions in the plane are complex numbers, x + i y.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

STRAY = 0.05
"""Prior probability that a spot of a group belongs to something else."""
SECOND = 0.1
"""Probability of a spot where two others add up."""
RING = 0.03
"""Relative difference below which two lengths are one."""
WHOLE, HALF = 0.35, 0.1
"""Probability that a node of an unknown lattice is seen: of that of two strong spots, and between
its nodes."""
ABSENT = -2.0
"""log of the probability that the nodes that are not seen are not."""


@dataclass(frozen=True, slots=True)
class Spots:
    """Spots by group, padded: arrays [group, spot], strongest first."""

    k: np.ndarray
    """complex, kx + i ky [1/nm]"""
    sigma: np.ndarray
    """Standard error of k across its direction, everything but the scale [1/nm]."""
    radial: np.ndarray
    """Standard error of k along its direction: larger, as the lens shifts spots along it [1/nm]."""
    valid: np.ndarray
    second: np.ndarray
    """Where two stronger spots of the group add up (or one doubles): nonlinear imaging puts a spot
    there whatever the structure factor, bool."""
    strength: np.ndarray
    """log of power over local background."""
    row: np.ndarray
    """Row of each spot in the table it came from."""
    twin: np.ndarray
    """Whether a far stronger spot of another group has the same k, bool: the lens carries fringes
    off their grain, and what they leave there looks like a grain of one spot."""

    @property
    def shifted(self) -> np.ndarray:
        """Variance of the relative error that the spots of each group share, [group].

        The lens shifts reflections of one length alike; the more of a group's spots are of one
        length, the more its lattice as a whole seems larger or smaller.
        """
        k = np.abs(self.k)
        pairs = self.valid[:, :, None] & self.valid[:, None, :]
        alike = pairs & (np.abs(np.log(k[:, :, None] / k[:, None, :])) < RING)
        one = alike.sum(axis=(1, 2)) / np.maximum(pairs.sum(axis=(1, 2)), 1)
        mean = np.where(self.valid, (self.radial / k) ** 2, 0).sum(axis=1)
        mean = mean / np.maximum(self.valid.sum(axis=1), 1)
        return np.asarray(one * mean / 2)


def area(k_max: float) -> float:
    """Area of the half plane below `k_max`, where a spot of nothing known may lie."""
    return float(np.pi * k_max**2 / 2)


def base_vectors(spots: Spots, group: np.ndarray, base: np.ndarray) -> np.ndarray:
    """The two observed vectors, the second turned to the acute side; complex [n, 2].

    For a line the second is the perpendicular.
    """
    one, two = spots.k[group, base[:, 0]], spots.k[group, base[:, 1]]
    two = np.where((one.conj() * two).real < 0, -two, two)
    return np.stack([one, np.where(base[:, 0] == base[:, 1], 1j * one, two)], axis=1)


def coordinates(basis: np.ndarray, k: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Write k[n, spot] as a * basis[:, 0] + b * basis[:, 1]."""
    one, two = basis[:, :1], basis[:, 1:]
    area_of = (one.conj() * two).imag
    return (k.conj() * two).imag / area_of, (one.conj() * k).imag / area_of


def unknown_lattice(spots: Spots, group: np.ndarray, base: np.ndarray, k_max: float) -> np.ndarray:
    """Log evidence that the spots are the nodes of any lattice, spanned by two of them: [n].

    Without this rival a phase that is not among the candidates would be taken for the one that
    fits by chance.
    """
    k, valid = spots.k[group], spots.valid[group]
    sigma = np.sqrt(spots.sigma[group] * spots.radial[group])
    a, b = coordinates(base_vectors(spots, group, base), k)
    na, nb = np.rint(2 * a) / 2, np.rint(2 * b) / 2
    whole = (na % 1 == 0) & (nb % 1 == 0)
    line = (base[:, 0] == base[:, 1])[:, None]
    occupied = np.where(whole, WHOLE, HALF)
    near = (np.abs(na) <= 3) & (np.abs(nb) <= 3) & ((na != 0) | (nb != 0)) & (~line | (nb == 0))
    basis = base_vectors(spots, group, base)
    rest = np.abs(k - na * basis[:, :1] - nb * basis[:, 1:]) ** 2
    rows = np.arange(len(group))
    s1, s2 = sigma[rows, base[:, 0]][:, None], sigma[rows, base[:, 1]][:, None]
    variance = sigma**2 + (na * s1) ** 2 + np.where(line, 0.0, (nb * s2) ** 2)
    node = np.log((1 - STRAY) * occupied / (2 * np.pi * variance)) - rest / variance / 2
    free = np.log(1 / area(k_max))
    gain = np.maximum(np.where(near, node, -np.inf), free + np.log(STRAY))
    columns = np.arange(k.shape[1])
    is_base = (columns == base[:, :1]) | (columns == base[:, 1:])
    total: np.ndarray = np.where(valid, np.where(is_base, free, gain), 0.0).sum(axis=1)
    total += ABSENT * (1 - line[:, 0] / 2)
    return total
