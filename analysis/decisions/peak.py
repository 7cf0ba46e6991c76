"""The maximum of a smooth curve that is expensive and noisy to measure, as of focus against z."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

COARSE = 5
"""Places over the whole range that are measured first."""
SHARP = 3
"""Places about the best one that its parabola is fitted to, at least."""


@dataclass(frozen=True, slots=True)
class Peak:
    """Where a curve is highest."""

    place: float
    sigma: float
    """Standard deviation of the place; inf while it is not bracketed."""


def peak(places: np.ndarray, values: np.ndarray) -> Peak:
    """The vertex of the parabola through the best place and its neighbours on both sides.

    `places` and `values` are [n], in any order; equal places are averaged, values that are no
    numbers left out. `sigma` is that of the vertex by the residuals of the fit, at least a
    hundredth of the bracket. At an end of the range nothing is bracketed: the best place itself,
    sigma inf. ValueError if there is no value.
    """
    x, y = _averaged(places, values)
    best = int(np.argmax(y))
    low, high = max(best - 1, 0), min(best + 2, len(x))
    if high - low < SHARP:
        return Peak(float(x[best]), np.inf)
    wide = slice(max(best - 2, 0), min(best + 3, len(x)))
    near = wide if _bends(x[wide], y[wide]) else slice(low, high)
    bracket = float(x[high - 1] - x[low])
    (a, b, _), spread = _parabola((x[near] - x[best]) / bracket, y[near])
    if a >= 0:
        return Peak(float(x[best]), bracket / 2)
    vertex = -b / (2 * a)
    slope = np.array([b / (2 * a * a), -1 / (2 * a), 0.0])
    sigma = float(np.sqrt(max(slope @ spread @ slope, 1e-4)))
    inside = np.clip(x[best] + bracket * vertex, x[low], x[high - 1])
    return Peak(float(inside), sigma * bracket)


def next_place(
    places: np.ndarray, values: np.ndarray, low: float, high: float, tolerance: float
) -> float | None:
    """Where to measure next to find the maximum in [low, high]; None when it is known well enough.

    First COARSE places over the whole range; beyond an end that is best, nothing: the range is the
    caller's word. Then the vertex, and where that was measured already, the middle of the wider gap
    beside it, until both neighbours of the best place are within twice `tolerance`, or the vertex
    has a standard deviation below half of it.
    """
    places = np.asarray(places, float)
    start = np.linspace(low, high, COARSE)
    for place in start[[2, 0, 4, 1, 3]]:  # the middle first: it is where people start
        if not np.isclose(places, place, atol=tolerance / 100).any():
            return float(place)
    x, y = _averaged(places, values)
    best = int(np.argmax(y))
    left = x[best] - x[best - 1] if best else 0.0
    right = x[best + 1] - x[best] if best + 1 < len(x) else 0.0
    if max(left, right) <= 2 * tolerance:
        return None
    found = peak(places, values)
    if found.sigma < tolerance / 2 and np.abs(places - found.place).min() <= tolerance:
        return None
    if np.abs(places - found.place).min() > tolerance:
        return found.place
    return float(x[best] - left / 2 if left > right else x[best] + right / 2)


def _averaged(places: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    places, values = np.asarray(places, float), np.asarray(values, float)
    known = np.isfinite(values)
    if not known.any():
        raise ValueError("no place has a value yet: measure one that the analysis can judge")
    x, row, count = np.unique(places[known], return_inverse=True, return_counts=True)
    return x, np.bincount(row, values[known]) / count


def _bends(x: np.ndarray, y: np.ndarray) -> bool:
    """Whether five places look like one parabola: the outer ones do not rise again."""
    middle = int(np.argmax(y))
    return bool(
        len(x) >= SHARP + 1
        and (np.diff(y[: middle + 1]) > 0).all()
        and (np.diff(y[middle:]) < 0).all()
        and np.ptp(x) > 0
    )


def _parabola(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Coefficients (a, b, c) and their covariance by the residuals; exact fits have none."""
    matrix = np.stack([x * x, x, np.ones_like(x)], axis=1)
    fit, *_ = np.linalg.lstsq(matrix, y, rcond=None)
    freedom = len(x) - 3
    rest = float(((matrix @ fit - y) ** 2).sum()) / freedom if freedom > 0 else 0.0
    return fit, rest * np.linalg.pinv(matrix.T @ matrix)
