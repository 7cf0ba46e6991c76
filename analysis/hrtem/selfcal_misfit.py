"""The correction at which one reading of a grain fits best, and how sharp that is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .correction import straightened

LOOSE, LOOSER = 0.1, 3.0
"""Share of spots that are displaced far more than the others, and how much more."""
STEPS = 2


@dataclass(frozen=True, slots=True)
class Expected:
    """Where the spots of each reading should be, [reading, spot]."""

    ideal: np.ndarray
    """Place in the crystal's plane, complex [1/nm]."""
    along: np.ndarray
    """Standard error of k along its direction."""
    across: np.ndarray
    spread: np.ndarray
    """How much larger its error is where the lattice is that of the base alone."""
    share: np.ndarray
    """log of the prior probability of a spot there."""
    possible: np.ndarray
    """Whether the reading allows a spot there, bool."""
    base: np.ndarray
    """Whether it is one of the two spots that the reading is made of, bool."""
    stray: float
    """log density of a spot that belongs to something else."""


@dataclass(frozen=True, slots=True)
class Best:
    """One row for each reading."""

    at: np.ndarray
    """float64 [n, 3]"""
    precision: np.ndarray
    """float64 [n, 3, 3]"""
    peak: np.ndarray
    """log evidence of the explained spots at `at`."""
    used: np.ndarray
    """Which spots it explains, bool [n, spot]."""
    misfit: np.ndarray
    """Sum of their squared misfits in standard deviations, [n]."""


def fit(k: np.ndarray, there: Expected, start: np.ndarray) -> Best:
    """Fit the correction of each reading to the spots `k`[reading, spot], from `start`[n, 3]."""
    at, used = start, there.base & there.possible
    for _ in range(STEPS):
        rest, jacobian = _residual(k, there, used, at)
        weights, gain = _tight_or_loose(rest, there)
        used = there.possible & ((gain + there.share > there.stray) | there.base)
        normal, slope = _normal(jacobian, rest, np.where(used[..., None], weights, 0))
        at = at - np.linalg.solve(normal, slope[..., None])[:, :3, 0]
    rest, jacobian = _residual(k, there, used, at)
    weights, gain = _tight_or_loose(rest, there)
    normal, _ = _normal(jacobian, rest, np.where(used[..., None], weights, 0))
    # The turn of the crystal, uniform over the circle, is integrated about its best value.
    turn = normal[:, 3, 3]
    precision = normal[:, :3, :3] - normal[:, :3, 3:] * normal[:, 3:, :3] / turn[:, None, None]
    peak = np.where(used, gain + there.share, 0).sum(axis=1) - 0.5 * np.log(2 * np.pi * turn)
    misfit = (np.where(used[..., None], weights, 0) * rest**2).sum(axis=(1, 2))
    return Best(at, precision, peak, used, misfit)


def rough(k: np.ndarray, there: Expected, at: np.ndarray) -> np.ndarray:
    """Log evidence of the explained spots at the correction `at` that the base asks for, [n]."""
    straight = straightened(k, at[:, None])
    overlap = np.where(there.base, there.ideal.conj() * straight, 0).sum(axis=1)
    turn = (overlap / np.maximum(np.abs(overlap), 1e-30))[:, None]
    apart = straight - turn * there.ideal
    # Along and across alike: this is a first look.
    variance = there.along * there.across
    chi2 = (apart.real**2 + apart.imag**2) / (variance * there.spread**2)
    gain = -np.log(2 * np.pi * variance) - np.minimum(chi2 / 2, 2 * np.log(LOOSER) + chi2 / 18)
    better = there.possible & ((gain + there.share > there.stray) | there.base)
    return np.asarray(np.where(better, gain + there.share - there.stray, 0).sum(axis=1))


def _residual(
    k: np.ndarray, there: Expected, used: np.ndarray, at: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """How far each spot is from its place, (along, across), [n, spot, 2]; derivative [.., 4]."""
    straight = straightened(k, at[:, None])
    overlap = np.where(used, there.ideal.conj() * straight / there.across**2, 0).sum(axis=1)
    turn = (overlap / np.maximum(np.abs(overlap), 1e-30))[:, None]
    place = turn * there.ideal
    out = (place / np.maximum(np.abs(place), 1e-12)).conj()
    rest = (straight - place) * out
    moved = [-straight, straight.conj() / 2, -0.5j * straight.conj(), -1j * place]
    jacobian = np.stack(moved, axis=-1) * out[..., None]
    # Errors are those of k by the header.
    size = np.exp(at[:, 0])[:, None, None]
    parts = np.stack([rest.real, rest.imag], axis=-1) * size
    return parts, np.stack([jacobian.real, jacobian.imag], axis=-2) * size[..., None]


def _tight_or_loose(rest: np.ndarray, there: Expected) -> tuple[np.ndarray, np.ndarray]:
    """Weights [n, spot, 2] and log density of the likelier misplacement."""
    sigma = np.stack([there.along, there.across], axis=-1)
    chi2 = ((rest / sigma) ** 2).sum(axis=-1)
    norm = -np.log(2 * np.pi * there.along * there.across)
    tight = np.log(1 - LOOSE) + norm - chi2 / 2
    loose = np.log(LOOSE / LOOSER**2) + norm - chi2 / (2 * LOOSER**2)
    wider = np.where(loose > tight, LOOSER, 1.0)
    return (sigma * wider[..., None]) ** -2, np.maximum(tight, loose)


def _normal(
    jacobian: np.ndarray, rest: np.ndarray, weights: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Normal matrix [n, 4, 4] and gradient [n, 4]."""
    flat = (len(rest), 2 * rest.shape[1])
    j = jacobian.reshape(*flat, 4)
    w = (j * weights.reshape(*flat, 1)).transpose(0, 2, 1)
    return w @ j + 1e-9 * np.eye(4), (w @ rest.reshape(*flat, 1))[..., 0]
