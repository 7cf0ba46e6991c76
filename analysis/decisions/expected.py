"""What to expect where nobody has looked yet, and how far to trust it: a Gaussian process.

Matern 5/2 over the places; its length and its noise are the likeliest of a few (Rasmussen and
Williams, Gaussian Processes for Machine Learning, 2006: eq. 2.25, 2.26, 2.30, 4.17).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.linalg import cho_factor, cho_solve

MOST = 1000
"""Places that may be known: the work grows with their cube."""
LENGTHS = (0.05, 0.1, 0.2, 0.4, 0.8)
"""Over the largest extent of the places."""
NOISES = (0.01, 0.1, 0.5)
"""Share of the variance that is no property of the place."""


@dataclass(frozen=True, slots=True)
class Expected:
    """Mean and standard deviation at each place, float64 [m]."""

    mean: np.ndarray
    sigma: np.ndarray


def expected(places: np.ndarray, values: np.ndarray, at: np.ndarray) -> Expected:
    """What `values[n]` at `places[n, 2]` let expect at `at[m, 2]`; values that are none count not.

    `sigma` is that of the value itself, without the noise of a measurement. ValueError with less
    than 3 values, or with more than MOST.
    """
    known = np.isfinite(values)
    x, y = np.asarray(places, float)[known], np.asarray(values, float)[known]
    if not 3 <= len(y) <= MOST:
        raise ValueError(f"3 to {MOST} values tell what to expect, not {len(y)}")
    extent = float(np.ptp(x, axis=0).max()) or 1.0
    spread = float(y.std())
    if not spread > 0:
        return Expected(np.full(len(at), y.mean()), np.zeros(len(at)))
    z = (y - y.mean()) / spread
    apart = _apart(x, x) / extent
    kernels = [(length, noise) for length in LENGTHS for noise in NOISES]
    length, noise = max(kernels, key=lambda kernel: _likelihood(apart, z, *kernel))
    factor = _factor(apart, length, noise)
    near = (1 - noise) * _matern(_apart(np.asarray(at, float), x) / extent / length)
    variance = 1 - noise - (near * cho_solve(factor, near.T).T).sum(axis=1)
    mean = y.mean() + spread * (near @ cho_solve(factor, z))
    return Expected(mean, spread * np.sqrt(np.maximum(variance, 0)))


def _factor(apart: np.ndarray, length: float, noise: float) -> tuple[np.ndarray, bool]:
    covariance = (1 - noise) * _matern(apart / length) + noise * np.eye(len(apart))
    factor: tuple[np.ndarray, bool] = cho_factor(covariance, lower=True)
    return factor


def _likelihood(apart: np.ndarray, z: np.ndarray, length: float, noise: float) -> float:
    """The logarithm of it, but for a constant."""
    factor = _factor(apart, length, noise)
    return float(-0.5 * z @ cho_solve(factor, z) - np.log(np.diag(factor[0])).sum())


def _matern(r: np.ndarray) -> np.ndarray:
    s = np.sqrt(5.0) * r
    return np.asarray((1 + s + s * s / 3) * np.exp(-s))


def _apart(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.asarray(np.sqrt(((a[:, None, :] - b[None, :, :]) ** 2).sum(axis=-1)))
