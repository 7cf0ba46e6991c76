"""Two states compared: what went with damage early (10 cycles), and what goes with it late (50)."""

from __future__ import annotations

import numpy as np
import xarray as xr

from ..operators import AnalysisError


def compare(early: xr.Dataset, late: xr.Dataset) -> xr.Dataset:
    """Compare the answers of `Why` to two tables, feature by feature.

    Along `feature`: `share` of the whole importance in each `state` (so that states of other
    damage compare), its difference with standard deviation over repeats, and its rank. For each
    `kind` of repeat. AnalysisError if no feature is in both.
    """
    names = [name for name in early["feature"].values if name in late["feature"].values]
    if not names:
        raise AnalysisError("the two states have no feature in common")
    share, sigma = [], []
    for state in (early, late):
        each = state["importance_each"].sel(feature=names).values
        total = each.sum(axis=2, keepdims=True)
        parts = np.divide(each, total, out=np.full(each.shape, np.nan), where=total > 0)
        mean, spread = _over_repeats(parts)
        share.append(mean)
        sigma.append(spread)
    rank = np.argsort(np.argsort(-np.stack(share), axis=2), axis=2) + 1
    dims, one = ("state", "kind", "feature"), {"units": "1"}
    difference = share[1] - share[0]
    return xr.Dataset(
        {
            "share": (dims, np.stack(share), {**one, "long_name": "share of all importance"}),
            "share_sigma": (dims, np.stack(sigma), {**one, "long_name": "spread over repeats"}),
            "rank": (dims, rank, {**one, "long_name": "rank of importance, 1 the first"}),
            "difference": (dims[1:], difference, {**one, "long_name": "late less early"}),
            "difference_sigma": (
                dims[1:],
                np.hypot(*sigma),
                {**one, "long_name": "spread over repeats, both states"},
            ),
        },
        {"state": ["early", "late"], "kind": early["kind"].values, "feature": names},
        {"title": "two states compared"},
    )


def _over_repeats(parts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and spread of [kind, repeat, feature] over the repeats that are there."""
    count = np.isfinite(parts).sum(axis=1)
    total = np.nansum(parts, axis=1)
    mean = np.divide(total, count, out=np.full(total.shape, np.nan), where=count > 0)
    square = np.nansum((parts - mean[:, None]) ** 2, axis=1)
    variance = np.divide(square, count - 1, out=np.full(total.shape, np.nan), where=count > 1)
    return mean, np.sqrt(variance)
