"""One frame's part of a result, as JSON: by dims and attributes, whatever the analysis is.

Variables along `frame` are cut to the frame. A dimension `thing` whose variables are called
`thing_<column>` is a table; `thing_frame` says which rows are the frame's, but of a whole run's
result (`level` "run") all rows are told. A whole-number column
called like another table (`spot_grain`) refers to that table's rows and is renumbered.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any
from urllib.parse import quote

import numpy as np
import xarray as xr

from ...stream.messages import Result
from .attributes import attributes, spelled, text
from .state import Held

INLINE = 4096
"""Arrays of more values go by reference."""
ROWS = 5000
"""Tables are cut after so many rows; `total` tells how many there were."""


def describe(held: Held[Result], number: int) -> dict[str, Any]:
    """The part of a result that belongs to frame `number`: small values inline, images by href."""
    result = held.message
    data, index = result.data, _place(result, number)
    run = held.archive or result.run
    tables = {str(dim): _rows(data, str(dim), index) for dim in data.dims if _is_table(data, dim)}
    began = result.detector_ns or result.received_ns
    return {
        "seq": held.seq,
        "source": result.source,
        "run": result.run,
        "frame": number,
        "frames": result.frames,
        "id": held.archive or None,
        "from": "archive" if held.archive else "live",
        "permalink": f"/?run={quote(held.archive or result.run, safe='')}&frame={number}",
        "analysis": result.analysis,
        "error": result.error,
        "provenance": result.provenance,
        "latency_s": (result.done_ns - began) * 1e-9 if began and result.done_ns else None,
        "attrs": attributes(data.attrs),
        "dims": {
            str(dim): axis(data, dim)
            for dim in data.dims
            if str(dim) != "frame" and str(dim) not in tables
        },
        "variables": {
            str(name): _variable(result, run, number, str(name), variable)
            for name, variable in data.data_vars.items()
            if not variable.dims or str(variable.dims[0]) not in tables
        },
        "tables": {dim: _table(data, dim, rows, tables) for dim, rows in tables.items()},
    }


def values_of(result: Result, number: int, name: str) -> tuple[np.ndarray, tuple[str, ...]]:
    """What variable `name` holds for frame `number`, with its dims; KeyError if there is none."""
    variable = result.data[name]
    values, dims = variable.values, tuple(str(dim) for dim in variable.dims)
    if dims[:1] == ("frame",):
        values, dims = values[result.frames.index(number)], dims[1:]
    return np.asarray(values), dims


def shrunk(axis: Mapping[str, Any], step: int, width: int) -> dict[str, Any]:
    """Start, step and units of an axis of which every `step`-th is shown, `width` averaged.

    Where its positions are uneven a picture is drawn by index, and says so: in pixels.
    """
    if "values" in axis:
        axis = {"units": "px"}
    pitch = axis.get("step", 1.0)
    start = axis.get("start", 0.0) + (width - 1) / 2 * pitch
    return {"start": start, "step": step * pitch, "units": axis.get("units", "")}


def _is_table(data: xr.Dataset, dim: Hashable) -> bool:
    if str(dim) == "frame" or dim in data.coords:
        return False
    names = [str(name) for name, variable in data.data_vars.items() if dim in variable.dims]
    return bool(names) and all(name.startswith(f"{dim}_") for name in names)


def _place(result: Result, number: int) -> int | None:
    """Which of its frames it is; None where the result is of all of them together."""
    index = result.frames.index(number)
    return None if result.provenance.get("level") == "run" else index


def _rows(data: xr.Dataset, dim: str, index: int | None) -> np.ndarray:
    owner = f"{dim}_frame"
    if index is None or owner not in data:
        return np.arange(data.sizes[dim])
    return np.flatnonzero(data[owner].values == index)


def tables_of(result: Result) -> list[str]:
    """The names of a result's tables."""
    return [str(dim) for dim in result.data.dims if _is_table(result.data, dim)]


def table(result: Result, number: int, name: str, offset: int, limit: int) -> dict[str, Any] | None:
    """Rows of a frame's part of a table; None if there is no such table."""
    names, index = tables_of(result), _place(result, number)
    if name not in names:
        return None
    rows = {dim: _rows(result.data, dim, index) for dim in names}
    return _table(result.data, name, rows[name], rows, offset, limit) | {"offset": offset}


def _table(
    data: xr.Dataset,
    dim: str,
    rows: np.ndarray,
    tables: Mapping[str, np.ndarray],
    offset: int = 0,
    limit: int = ROWS,
) -> dict[str, Any]:
    shown = rows[offset : offset + limit]
    columns = {}
    for name, variable in data.data_vars.items():
        column = str(name).removeprefix(f"{dim}_")
        if variable.dims[:1] != (dim,) or column == "frame":
            continue
        values = variable.values[shown]
        if column in tables and values.dtype.kind in "iu":
            values = _renumber(values, tables[column])
        columns[column] = {
            "dims": [str(d) for d in variable.dims[1:]],
            "dtype": values.dtype.str,
            "attrs": attributes(variable.attrs),
            "values": inline(values),
        }
    return {"rows": len(shown), "total": len(rows), "columns": columns}


def _renumber(references: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Turn row numbers of a whole table into those of its part `rows`; -1 where not in it."""
    place = np.searchsorted(rows, references)
    found = place < len(rows)
    found[found] = rows[place[found]] == references[found]
    return np.where(found, place, -1)


def _variable(
    result: Result, run: str, number: int, name: str, variable: xr.DataArray
) -> dict[str, Any]:
    values, dims = values_of(result, number, name)
    described: dict[str, Any] = {
        "dims": dims,
        "shape": values.shape,
        "dtype": values.dtype.str,
        "attrs": attributes(variable.attrs),
    }
    if values.ndim < 2 and values.size <= INLINE:
        return described | {"values": inline(values)}
    place, last = quote(run, safe=""), quote(name, safe="")
    return described | {"href": f"/api/v1/results/{place}/{number}/{last}"}


def axis(data: xr.Dataset, dim: Hashable) -> dict[str, Any]:
    """Size, units and positions along a dimension: start and step if they are even, else all.

    Of more than INLINE uneven positions those in the middle of each `every` are told.
    """
    size = data.sizes[dim]
    if dim not in data.coords or data[dim].ndim != 1:
        return {"size": size}
    coordinate = data[dim]
    words = {key: text(coordinate.attrs.get(key, "")) for key in ("units", "long_name")}
    values = coordinate.values
    every = max(1, -(-size // INLINE))
    uneven = {"size": size, **words, "values": inline(values[every // 2 :: every])}
    uneven |= {"every": every} if every > 1 else {}
    if values.dtype.kind not in "iuf":
        return uneven
    start = float(values[0]) if size else 0.0
    with np.errstate(all="ignore"):
        step = (float(values[-1]) - start) / (size - 1) if size > 1 else 1.0
    if not np.isfinite([start, step]).all():
        return uneven
    if step and np.allclose(values, start + step * np.arange(size), rtol=0, atol=abs(step) * 1e-2):
        return {"size": size, **words, "start": start, "step": step}
    return uneven


def inline(values: np.ndarray) -> Any:
    """A list for JSON: numbers stay numbers, infinities are spelled, all else is text."""
    if values.dtype.kind == "c":
        values = np.abs(values)
    if values.dtype.kind in "biuf":
        infinite = values.dtype.kind == "f" and np.isinf(values).any()
        return spelled(values.tolist()) if infinite else values.tolist()
    if values.ndim == 0:
        return str(values[()])
    return [str(item) for item in values.ravel().tolist()]
