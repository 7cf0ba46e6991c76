"""What a Result holds, taken apart into rows: per frame, per thing of a table, per result."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import h5py
import numpy as np

from ..errors import WireError
from ..labels import Labels
from ..messages import Result
from .columns import to_json

FRAME = "frame"
BATCH = "batch"
"""The table, and the dimension, of what is neither per frame nor per thing: a row a result."""
MEANING = ("units", "flag_values", "flag_meanings")
"""Attributes that change what values mean: another one is another column."""
WIDTHS = (32, 128, 512, 2048)
"""Bytes of a text; a longer one is cut, and ends with `…`."""
MOST_VARIABLES = 512
UNKNOWN = np.iinfo(np.int64).max


@dataclass(frozen=True, slots=True)
class Axis:
    """The coordinate along a dimension."""

    values: np.ndarray
    attrs: Mapping[Any, Any]


@dataclass(frozen=True, slots=True)
class Variable:
    """One variable of a result, its rows first."""

    name: str
    table: str
    """What a row is: FRAME, BATCH, or a thing (`spot`)."""
    dims: tuple[str, ...]
    """The dimensions of a row."""
    values: np.ndarray
    """Numbers, or UTF-8 bytes of one of WIDTHS."""
    attrs: Mapping[Any, Any] = field(default_factory=dict)
    axes: Mapping[str, Axis] = field(default_factory=dict)
    coordinate: bool = False
    refers: str = ""
    """The table whose rows the values count, if any."""
    ours: bool = False
    """Whether the archive added it."""

    @property
    def meaning(self) -> bytes:
        """What sets it apart from a variable of the same name, shape and type."""
        return to_json({key: self.attrs[key] for key in MEANING if key in self.attrs})


def take_apart(result: Result) -> list[Variable]:
    """Give the variables of a result as rows; WireError `bad_result` if they are not as agreed."""
    data = result.labels
    if len(data.variables) > MOST_VARIABLES:
        raise _bad(result, f"{len(data.variables)} variables; allowed are {MOST_VARIABLES}")
    if not result.frames or not all(0 <= number < UNKNOWN for number in result.frames):
        raise _bad(result, f"it is of the frames {result.frames[:5]}")
    sizes = data.sizes
    if sizes.get(FRAME, len(result.frames)) != len(result.frames):
        raise _bad(result, f"{sizes[FRAME]} along frame for {len(result.frames)} frames")
    tables = {str(dim) for dim in sizes if _is_table(data, str(dim))}
    axes = {
        str(dim): _axis(result, data, dim) for dim in sizes if dim in data.coords and dim != FRAME
    }
    variables = [
        _variable(result, str(name), variable, tables, axes, name in data.coords)
        for name, variable in data.variables.items()
        if name not in sizes
    ]
    return _with_frames(result, variables)


def _is_table(data: Labels, dim: str) -> bool:
    if dim == FRAME or dim in data.coords:
        return False
    names = [
        str(name)
        for name, variable in data.variables.items()
        if dim in variable.dims and name not in data.coords
    ]
    return f"{dim}_frame" in names or (
        bool(names) and all(name.startswith(f"{dim}_") for name in names)
    )


def _axis(result: Result, data: Labels, dim: Any) -> Axis:
    coordinate = data.variables[dim]
    return Axis(_storable(result, str(dim), coordinate.values), dict(coordinate.attrs))


def _variable(
    result: Result,
    name: str,
    variable: Any,
    tables: set[str],
    axes: Mapping[str, Axis],
    coordinate: bool,
) -> Variable:
    dims = [str(dim) for dim in variable.dims]
    values = _storable(result, name, variable.values)
    table = FRAME if FRAME in dims else next((dim for dim in dims if dim in tables), BATCH)
    if table == BATCH:
        values = values[None]
    else:
        if dims[0] != table:  # numpy takes its time to move nothing
            values = np.moveaxis(values, dims.index(table), 0)
        dims.remove(table)
    refers = ""
    if values.dtype.kind in "iu" and table != FRAME and values.ndim == 1:
        other = name.removeprefix(f"{table}_")
        if other == FRAME and table in tables:
            values = _frames(result, name, values)
        elif other in tables:
            refers, values = other, values.astype(np.int64)
    return Variable(
        name,
        table,
        tuple(dims),
        values,
        dict(variable.attrs),
        {dim: axes[dim] for dim in dims if dim in axes},
        coordinate,
        refers,
    )


def _frames(result: Result, name: str, index: np.ndarray) -> np.ndarray:
    """Turn indices in the batch into frame numbers."""
    if index.size and (index.min() < 0 or index.max() >= len(result.frames)):
        raise _bad(result, f"{name} points beyond its {len(result.frames)} frames")
    return np.asarray(np.array(result.frames, np.int64)[index])


def _with_frames(result: Result, variables: Sequence[Variable]) -> list[Variable]:
    """Add the column that says which frame a row belongs to, where a table has none."""
    added = []
    names = {variable.name for variable in variables}
    for table in dict.fromkeys(variable.table for variable in variables):
        if table != FRAME and f"{table}_{FRAME}" not in names:
            rows = next(len(v.values) for v in variables if v.table == table)
            known = len(result.frames) == 1 or table == BATCH
            number = result.frames[0] if known else UNKNOWN
            column = np.full(rows, number, np.int64)
            added.append(Variable(f"{table}_{FRAME}", table, (), column, ours=True))
    return [*variables, *added]


def _storable(result: Result, name: str, values: np.ndarray) -> np.ndarray:
    values = np.asarray(values)
    if values.dtype.kind in "USO":
        return texts(values)
    if values.dtype.kind not in "biuf" or values.dtype.itemsize > 8:
        raise _bad(result, f"{name[:63]!r} is of {values.dtype}; allowed are numbers and texts")
    return values.astype(values.dtype.newbyteorder("="), copy=False)


def texts(values: np.ndarray) -> np.ndarray:
    """Give texts as UTF-8 bytes of one of WIDTHS; what is longer is cut and says so by `…`."""
    encoded = [_text(value) for value in values.ravel().tolist()]
    longest = max(map(len, encoded), default=0)
    width = next(width for width in WIDTHS if width >= longest)
    return np.array(encoded, h5py.string_dtype("utf-8", width)).reshape(values.shape)


def _text(value: Any) -> bytes:
    data = value if isinstance(value, bytes) else str(value).encode("utf-8", "replace")
    if len(data) > WIDTHS[-1]:
        data = data[: WIDTHS[-1] - 3].decode("utf-8", "ignore").encode() + "…".encode()
    return data


def _bad(result: Result, detail: str) -> WireError:
    return WireError("bad_result", f"{result.analysis[:63]}: {detail}", run=result.run)
