"""Numbers out of a result: what a device reads, a suspender watches and an optimiser is told."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import numpy as np
import xarray as xr

from ...stream.messages import Result

Field: TypeAlias = str | Callable[[xr.Dataset], float]
"""A variable's name (`sharpness`), one with places along its dimensions (`area_fraction[phase=Li]`,
`spectrum[3]`), the number of rows of a table (`count(spot)`), an attribute (`@scale_error`), or a
function of the frame's dataset."""

_NAMED = re.compile(r"^(?P<name>@?[\w.-]+)(\[(?P<places>[^\]]*)\])?$")
_COUNT = re.compile(r"^count\((?P<name>\w+)\)$")


def number(result: Result, frame: int, field: Field) -> float:
    """The number that `field` names in the result of `frame`.

    NaN where the analysis gave an error. LookupError where the result holds no such number: the
    text lists what it holds.
    """
    if result.error is not None:
        return float("nan")
    found = None if callable(field) else _scalar(result, frame, field)
    if found is not None:
        return found
    data = result.data
    if callable(field):
        return float(field(of_frame(result, frame)))
    if count := _COUNT.match(field):
        return float(_rows(data, count["name"], result.frames.index(frame)))
    named = _NAMED.match(field)
    if named is None:
        raise LookupError(f"{field!r} is no field: NAME, NAME[dim=place], count(TABLE) or @ATTR")
    if named["name"].startswith("@"):
        return _attribute(data.attrs, named["name"][1:])
    return _element(of_frame(result, frame), named["name"], named["places"])


def _scalar(result: Result, frame: int, name: str) -> float | None:
    """One number a frame, which needs no Dataset; None where it is not as simple as that."""
    variable = result.labels.variables.get(name)
    if variable is None or variable.dims not in ((), ("frame",)):
        return None
    values = np.asarray(variable.values)
    return float(values[result.frames.index(frame)] if variable.dims else values[()])


def of_frame(result: Result, frame: int) -> xr.Dataset:
    """The part of a result that is about one of its frames: no dimension `frame` is left."""
    row = result.frames.index(frame)
    data = result.data
    tables = [n for n in data.dims if f"{n}_frame" in data and data[f"{n}_frame"].dims == (n,)]
    rows = {n: np.flatnonzero(data[f"{n}_frame"].values == row) for n in tables}
    chosen = data.isel(rows)
    return chosen.isel(frame=row) if "frame" in chosen.dims else chosen


def _rows(data: xr.Dataset, table: str, row: int) -> int:
    if table not in data.dims:
        raise LookupError(f"the result has no table {table!r}; dimensions: {_list(data.dims)}")
    owner = f"{table}_frame"
    return int((data[owner].values == row).sum()) if owner in data else int(data.sizes[table])


def _element(data: xr.Dataset, name: str, places: str | None) -> float:
    if name not in data.variables:
        raise LookupError(f"the result has no variable {name!r}; it has: {_list(data.data_vars)}")
    values = data[name]
    for n, place in enumerate(part.strip() for part in (places or "").split(",") if part.strip()):
        dim, _, label = place.rpartition("=")
        values = _at(values, dim.strip() or str(values.dims[min(n, 0)]), label.strip())
    if values.size != 1:
        raise LookupError(f"{name!r} has {values.size} values, {dict(values.sizes)}: say which one")
    return float(values.item())


def _at(values: xr.DataArray, dim: str, label: str) -> xr.DataArray:
    if dim not in values.dims:
        raise LookupError(f"{values.name!r} has no dimension {dim!r}; it has {_list(values.dims)}")
    if dim in values.coords and values.coords[dim].dtype.kind in "UOS":
        known = [str(v) for v in values.coords[dim].values]
        if label not in known:
            raise LookupError(f"{dim} has no {label!r}; it has: {', '.join(known)}")
        return values.isel({dim: known.index(label)})
    try:
        return values.isel({dim: int(label)})
    except (ValueError, IndexError) as error:
        size = values.sizes[dim]
        raise LookupError(f"{dim}={label}: give a whole number below {size}") from error


def _attribute(attrs: Mapping[Any, Any], name: str) -> float:
    if name not in attrs:
        raise LookupError(f"the result has no attribute {name!r}; it has: {_list(attrs)}")
    return float(np.asarray(attrs[name], float).ravel()[0])


def _list(names: Any) -> str:
    return ", ".join(map(str, names)) or "none"
