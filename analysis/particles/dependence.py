"""Dependence: how a feature's share in damage goes with its value, and whether it turns."""

from __future__ import annotations

from typing import Any

import numpy as np


def curves(values: np.ndarray, shares: np.ndarray, bins: int) -> dict[str, Any]:
    """Mean Shapley value over values[particle, feature], in bins of equally many particles.

    Variables along `feature` and `bin`: place, mean with standard error, particles, NaN where a
    bin is empty. `non_monotonic`: the least share of the curve's variance that no rising and no
    falling curve explains; 0 for a monotonic effect, about .6 for a U.
    """
    many = values.shape[1]
    place, mean, sigma = (np.full((many, bins), np.nan) for _ in range(3))
    count = np.zeros((many, bins), np.int64)
    turning = np.full(many, np.nan)
    for n in range(many):
        known = np.isfinite(shares[:, n])
        x, y = values[known, n], shares[known, n]
        if not len(x):
            continue
        where = _bins(x, bins)
        count[n] = np.bincount(where, minlength=bins)
        some = count[n] > 0
        place[n, some] = (np.bincount(where, x, bins) / np.maximum(count[n], 1))[some]
        mean[n, some] = (np.bincount(where, y, bins) / np.maximum(count[n], 1))[some]
        residual = y - mean[n][where]
        more = count[n] > 1
        variance = np.bincount(where, residual**2, bins)[more] / (count[n][more] - 1)
        sigma[n, more] = np.sqrt(variance / count[n][more])
        turning[n] = non_monotonic(mean[n, some], count[n, some])
    dims = ("feature", "bin")
    one = {"units": "1"}
    words = "share of the curve that is neither rising nor falling"
    return {
        "curve_value": (dims, place, {"long_name": "mean value, in the feature's units"}),
        "curve": (dims, mean, {**one, "long_name": "mean Shapley value"}),
        "curve_sigma": (dims, sigma, {**one, "long_name": "standard error"}),
        "curve_particles": (dims, count, {**one, "long_name": "particles"}),
        "non_monotonic": ("feature", turning, {**one, "long_name": words}),
    }


def _bins(x: np.ndarray, bins: int) -> np.ndarray:
    """Bin of each value; equal values share one."""
    order = np.sort(x)
    first = np.searchsorted(order, x, side="left")
    return np.asarray(np.minimum(first * bins // len(x), bins - 1))


def non_monotonic(curve: np.ndarray, weight: np.ndarray) -> float:
    """Share of the variance of a curve that its best monotonic fit leaves; NaN for a flat one."""
    from scipy.optimize import isotonic_regression

    middle = np.average(curve, weights=weight)
    total = np.average((curve - middle) ** 2, weights=weight)
    if total <= 1e-24:
        return np.nan
    left = []
    for rising in (True, False):
        fit = isotonic_regression(curve, weights=weight, increasing=rising).x
        left.append(np.average((curve - fit) ** 2, weights=weight))
    return float(min(left) / total)
