"""What an analysis gave, looked at before it travels: a wrong shape is the author's to hear of."""

from __future__ import annotations

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
    if data.sizes.get("frame", frames) != frames:
        wrong = next(str(name) for name, v in data.variables.items() if "frame" in v.dims)
        raise InvalidResultError(
            f"{wrong!r} has {data.sizes['frame']} values along `frame` for {frames} frames"
        )
    for name, variable in data.variables.items():
        texts = variable.dtype.kind == "O" and all(isinstance(v, str) for v in variable.values.flat)
        if not isinstance(name, str) or not (variable.dtype.kind in KINDS or texts):
            raise InvalidResultError(
                f"{name!r} of {variable.dtype} can't travel; allowed are names that are text, and "
                "booleans, whole numbers, floats and texts as values"
            )
    things = {str(dim) for dim in data.dims if f"{dim}_frame" in data.variables}
    for thing in things:
        index = np.asarray(data[f"{thing}_frame"].values)
        if index.size and not (index.min() >= 0 and index.max() < frames):
            raise InvalidResultError(
                f"'{thing}_frame' must count the {frames} frames of the batch from 0"
            )
    return data
