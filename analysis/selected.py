"""Some frames of a batch's result, as if only they had been in the batch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr


def selected(said: xr.Dataset, frames: Sequence[int]) -> xr.Dataset:
    """Give what `said` says of the frames at the places `frames` of its batch.

    Variables along `frame` are cut, tables keep the rows of these frames, and `<thing>_frame` and
    references from one table to another count anew. Tables that do not say their frames stay.
    """
    place = np.full(said.sizes.get("frame", max(frames, default=-1) + 1), -1)
    place = _long_enough(place, said)
    place[np.asarray(frames, np.intp)] = np.arange(len(frames))
    things = [str(dim) for dim in said.dims if f"{dim}_frame" in said]
    rows = {thing: np.flatnonzero(place[said[f"{thing}_frame"].values] >= 0) for thing in things}
    cut: Mapping[Any, Any] = {"frame": list(frames)} if "frame" in said.dims else {}
    found = said.isel({**cut, **rows})
    renewed = {}
    for thing in things:
        column = found[f"{thing}_frame"].values
        renewed[f"{thing}_frame"] = place[column].astype(column.dtype)
    for thing in things:
        for other in things:
            if other != thing and f"{thing}_{other}" in found:
                column = found[f"{thing}_{other}"].values
                renewed[f"{thing}_{other}"] = _anew(column, rows[other])
    return found.assign({name: found[name].copy(data=data) for name, data in renewed.items()})


def _long_enough(place: np.ndarray, said: xr.Dataset) -> np.ndarray:
    """A batch without a variable along `frame` has as many frames as its tables speak of."""
    most = max(
        (int(said[f"{dim}_frame"].max()) + 1 for dim, n in said.sizes.items()
         if n and f"{dim}_frame" in said),
        default=0,
    )  # fmt: skip
    return place if len(place) >= most else np.full(most, -1)


def _anew(references: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Row numbers of a whole table as those of its part `rows`; -1 where they are not in it."""
    at = np.searchsorted(rows, references)
    there = at < len(rows)
    there[there] = rows[at[there]] == references[there]
    return np.where(there, at, -1).astype(references.dtype)
