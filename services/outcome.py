"""What an analysis gave, looked at before it travels: a wrong shape is the author's to hear of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import xarray as xr

KINDS = "biufSU"
"""numpy's kinds of values that may travel: booleans, numbers, bytes, texts."""


class InvalidResultError(Exception):
    """The analysis gave something that is no result; the text says what to change."""


def validated(data: object, frames: int) -> xr.Dataset:
    """Give `data` back if it is a result for so many frames; InvalidResultError if not."""
    if not isinstance(data, xr.Dataset):
        raise InvalidResultError(
            f"it gave a {type(data).__name__}; an analysis gives an xarray.Dataset"
        )
    _travels(data)
    if data.sizes.get("frame", frames) != frames:
        wrong = next(str(name) for name, v in data.variables.items() if "frame" in v.dims)
        raise InvalidResultError(
            f"{wrong!r} has {data.sizes['frame']} values along `frame` for {frames} frames"
        )
    things = {str(dim) for dim in data.dims if f"{dim}_frame" in data.variables}
    for thing in things:
        index = np.asarray(data[f"{thing}_frame"].values)
        if index.size and not (index.min() >= 0 and index.max() < frames):
            raise InvalidResultError(
                f"'{thing}_frame' must count the {frames} frames of the batch from 0"
            )
    return data


def with_facts(data: xr.Dataset, facts: Mapping[str, tuple[Sequence[float], str]]) -> xr.Dataset:
    """Add numbers that came with the frames as coordinates along `frame`: values and unit by name.

    What the analysis itself gave under such a name is left as it is.
    """
    added = {
        name: ("frame", np.asarray(values, float), {"units": unit, "long_name": _spelt(name)})
        for name, (values, unit) in facts.items()
        if name not in data.variables and name not in data.dims and name != "frame"
    }
    return data.assign_coords(added) if added else data


def _spelt(name: str) -> str:
    return f"{name.replace('_', ' ')}, as it came with the frame"


def grown_result(data: object, frames: Sequence[int]) -> xr.Dataset:
    """Give what has grown over the frames of a run, its frame numbers as places in `frames`.

    InvalidResultError if it can't travel. `frames` are sorted.
    """
    if not isinstance(data, xr.Dataset):
        raise InvalidResultError(f"finish gave a {type(data).__name__}; it gives an xarray.Dataset")
    _travels(data)
    if "frame" in data.dims:
        raise InvalidResultError(
            "what grows over a run has no dimension `frame`; call it otherwise, e.g. `shot`"
        )
    known = np.asarray(frames, np.int64)
    placed = {}
    for thing in [str(dim) for dim in data.dims if f"{dim}_frame" in data.variables]:
        numbers = np.asarray(data[f"{thing}_frame"].values)
        if numbers.size and not np.isin(numbers, known).all():
            raise InvalidResultError(f"'{thing}_frame' names frames that are not in it")
        placed[f"{thing}_frame"] = data[f"{thing}_frame"].copy(data=np.searchsorted(known, numbers))
    return data.assign(placed)


def _travels(data: xr.Dataset) -> None:
    """Refuse names that are no text and values that are neither numbers nor texts."""
    for name, variable in data.variables.items():
        texts = variable.dtype.kind == "O" and all(isinstance(v, str) for v in variable.values.flat)
        if not isinstance(name, str) or not (variable.dtype.kind in KINDS or texts):
            raise InvalidResultError(
                f"{name!r} of {variable.dtype} can't travel; allowed are names that are text, and "
                "booleans, whole numbers, floats and texts as values"
            )
