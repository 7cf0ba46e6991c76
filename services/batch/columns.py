"""Rows out of the labelled arrays of a result: classes as their names, everything else as it is."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr


def columns_of(data: xr.Dataset, thing: str) -> list[str]:
    """Names of the columns of the table `thing`, without its name before them."""
    return [
        str(name).removeprefix(f"{thing}_")
        for name, variable in data.data_vars.items()
        if variable.dims == (thing,) and str(name) != f"{thing}_frame"
    ]


def rows_of(data: xr.Dataset, thing: str) -> list[dict[str, Any]]:
    """The rows of the table `thing`; none if there is no such table."""
    names = columns_of(data, thing)
    values = [worded(data[f"{thing}_{name}"]).tolist() for name in names]
    return [dict(zip(names, row, strict=True)) for row in zip(*values, strict=True)]


def worded(variable: xr.DataArray) -> np.ndarray:
    """Give classes by the names that the variable has for them (CF flags), else the values."""
    meanings = variable.attrs.get("flag_meanings")
    if meanings is None:
        return variable.values
    values = np.asarray(variable.attrs["flag_values"])
    words = np.array(str(meanings).split(), object)
    place = np.searchsorted(values, variable.values)
    return np.asarray(words[np.minimum(place, len(words) - 1)])
