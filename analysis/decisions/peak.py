"""The maximum of a smooth curve that is expensive and noisy to measure, as of focus against z."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

COARSE = 5
"""Places over the whole range that are measured first."""
NEAR = 16
"""The range over the distance of the places beside the maximum: on its slopes, where a curve says
most about its middle; at the top it says nearly nothing."""


@dataclass(frozen=True, slots=True)
class Peak:
    """Where a curve is highest."""

    place: float
    sigma: float
    """Standard deviation of the place; inf while it is not bracketed."""


def peak(places: np.ndarray, values: np.ndarray, reach: float = np.inf) -> Peak:
    """The vertex of the parabola through the best place and those within `reach` of it.

    `places` and `values` are [n], in any order; equal places are averaged, values that are no
    numbers left out. Where all values are positive the parabola is of their logarithm: focus curves
    are bells. `sigma` is that of the vertex by the residuals of the fit, at least a hundredth of
    the bracket. At an end of the range nothing is bracketed: the best place itself, sigma inf.
    ValueError if there is no value.
    """
    x, y = _averaged(places, values)
    best = int(np.argmax(y))
    if best in (0, len(x) - 1):
        return Peak(float(x[best]), np.inf)
    near = np.abs(x - x[best]) <= reach
    near[best - 1 : best + 2] = True
    height = np.log(y) if (y > 0).all() else y
    bracket = float(x[best + 1] - x[best - 1])
    (a, b, _), spread = _parabola((x[near] - x[best]) / bracket, height[near])
    if a >= 0:
        return Peak(float(x[best]), bracket / 2)
    vertex = -b / (2 * a)
    slope = np.array([b / (2 * a * a), -1 / (2 * a), 0.0])
    sigma = float(np.sqrt(max(slope @ spread @ slope, 1e-4)))
    inside = np.clip(x[best] + bracket * vertex, x[best - 1], x[best + 1])
    return Peak(float(inside), sigma * bracket)


def next_place(
    places: np.ndarray, values: np.ndarray, low: float, high: float, tolerance: float
) -> float | None:
    """Where to measure next to find the maximum in [low, high]; None when it is known well enough.

    First COARSE places over the whole range; beyond an end that is best, nothing: the range is the
    caller's word. Then the vertex and both its slopes, again where it moved by more than a quarter
    of their distance, until the vertex was measured to `tolerance` with a slope on both sides.
    """
    places = np.asarray(places, float)
    for place in np.linspace(low, high, COARSE)[[2, 0, 4, 1, 3]]:  # where people start, first
        if not np.isclose(places, place, atol=tolerance / 100).any():
            return float(place)
    away = max((high - low) / NEAR, 2 * tolerance)
    centre = peak(places, values, 1.5 * away).place
    for place, slack in ((centre, away / 4), (centre - away, away / 2), (centre + away, away / 2)):
        if low <= place <= high and np.abs(places - place).min() > slack:
            return float(place)
    if np.abs(places - centre).min() > tolerance:
        return centre
    return None


def flat(values: np.ndarray) -> bool:
    """Whether measured values tell one place from another nowhere; non-finite ones tell nothing."""
    values = np.asarray(values, float)
    known = values[np.isfinite(values)]
    return known.size == 0 or bool(np.ptp(known) <= 1e-9 * np.abs(known).max())


def _averaged(places: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    places, values = np.asarray(places, float), np.asarray(values, float)
    known = np.isfinite(values)
    if not known.any():
        raise ValueError("no place has a value yet: measure one that the analysis can judge")
    x, row, count = np.unique(places[known], return_inverse=True, return_counts=True)
    return x, np.bincount(row, values[known]) / count


def _parabola(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Coefficients (a, b, c) and their covariance by the residuals; exact fits have none."""
    matrix = np.stack([x * x, x, np.ones_like(x)], axis=1)
    fit, *_ = np.linalg.lstsq(matrix, y, rcond=None)
    freedom = len(x) - 3
    rest = float(((matrix @ fit - y) ** 2).sum()) / freedom if freedom > 0 else 0.0
    return fit, rest * np.linalg.pinv(matrix.T @ matrix)
