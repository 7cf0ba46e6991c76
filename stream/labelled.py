"""A labelled dataset in a file of its own: NeXus (all of it), or CSV (its table).

/entry                NXentry, with `program` and `date`
/entry/data           NXdata: a field for each variable and coordinate, `dims` name its axes;
                      what the dataset says of itself is in the text `attributes` (JSON)
"""

from __future__ import annotations

import csv
import os
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np

from .errors import FileError
from .files.guard import reading
from .nexus.columns import from_json, plain_text, put_attributes, put_text, to_json

if TYPE_CHECKING:
    import xarray as xr

FORMAT = "beamside-labelled-1"
IN_WORDS = " (words)"
"""Ends the title of a column that says another in words."""
LARGEST_TABLE = 1 << 28
"""Bytes of a CSV; more is no table of things."""


def write_labelled(path: Path, data: xr.Dataset, thing: str = "") -> None:
    """Write a dataset to `path` (.nxs, or .csv for the table `thing`), whole or not at all.

    A CSV holds only the columns of the table, units in their names, and flags in words in a column
    beside their numbers. FileError if it can't be written, or the ending is another.
    """
    write = {".nxs": _write_nexus, ".h5": _write_nexus, ".csv": _write_csv}.get(path.suffix.lower())
    if write is None:
        raise FileError(
            f"{path}: files ending in {path.suffix!r} can't be written; .nxs or .csv can"
        )
    aside = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write(aside, data, thing)
        os.replace(aside, path)
    except OSError as error:
        raise FileError(f"{path}: can't be written: {error.strerror or error}") from error
    finally:
        aside.unlink(missing_ok=True)


def read_labelled(path: Path, thing: str = "") -> xr.Dataset:
    """Read what `write_labelled` wrote; FileError if the file is another, or damaged."""
    if path.suffix.lower() == ".csv":
        with reading(path, "a table"):
            return _read_csv(path, thing)
    with reading(path, "a labelled dataset"), h5py.File(path, "r") as file:
        group = file.get("entry/data")
        if not isinstance(group, h5py.Group) or group.attrs.get("format") != FORMAT:
            raise FileError(
                f"{path} holds no table of beamside; `beamside inspect` tells of archives"
            )
        return _read_nexus(group)


def _write_nexus(path: Path, data: xr.Dataset, thing: str) -> None:
    del thing
    with h5py.File(path, "w") as file:
        entry = file.create_group("entry")
        entry.attrs["NX_class"] = "NXentry"
        put_labelled(entry, data)
        _plot(file, entry["data"], data)


def put_labelled(entry: h5py.Group, data: xr.Dataset) -> None:
    """Write a dataset into an NXentry, where `read_labelled` finds it."""
    put_text(entry, "program", "beamside")
    put_text(entry, "date", datetime.now(UTC).isoformat(timespec="seconds"))
    group = entry.create_group("data")
    group.attrs["NX_class"] = "NXdata"
    group.attrs["format"] = FORMAT
    put_text(group, "attributes", to_json(data.attrs).decode())
    for name, variable in data.variables.items():
        values = variable.values
        if values.dtype.kind in "UO":
            values = np.char.encode(values.astype(str), "utf-8")
            values = values.astype(h5py.string_dtype("utf-8", max(1, values.dtype.itemsize)))
        small = values.ndim == 0 or values.nbytes < 1 << 16
        packing: dict[str, Any] = {} if small else {"compression": "gzip", "shuffle": True}
        field = group.create_dataset(plain_text(str(name)), data=values, **packing)
        put_attributes(field, variable.attrs)
        field.attrs["dims"] = [plain_text(str(dim)) for dim in variable.dims]
        field.attrs["coordinate"] = name in data.coords


def _plot(file: h5py.File, group: h5py.Group, data: xr.Dataset) -> None:
    """Say what a viewer of NeXus files shows by default: the first variable with dimensions."""
    for name, variable in data.data_vars.items():
        if variable.dims and variable.dtype.kind in "iuf" and plain_text(str(name)) in group:
            file.attrs["default"], file["entry"].attrs["default"] = "entry", "data"
            group.attrs["signal"] = plain_text(str(name))
            shown = (str(dim) if dim in data.coords else "." for dim in variable.dims)
            group.attrs["axes"] = [plain_text(dim) for dim in shown]
            return


def _read_nexus(group: h5py.Group) -> xr.Dataset:
    import xarray as xr

    variables: dict[bool, dict[str, Any]] = {False: {}, True: {}}
    for name, field in group.items():
        if "dims" not in field.attrs:
            continue
        values = field[()]
        if values.dtype.kind == "S":
            values = np.char.decode(values, "utf-8", "replace")
        ours = ("dims", "coordinate")
        attrs = {key: value for key, value in field.attrs.items() if key not in ours}
        dims = [str(dim) for dim in field.attrs["dims"]]
        variables[bool(field.attrs["coordinate"])][name] = (dims, values, attrs)
    said = from_json(bytes(group["attributes"][()]))
    return xr.Dataset(variables[False], variables[True], said if isinstance(said, Mapping) else {})


def _write_csv(path: Path, data: xr.Dataset, thing: str) -> None:
    columns = {
        str(name).removeprefix(f"{thing}_"): variable
        for name, variable in data.data_vars.items()
        if variable.dims == (thing,)
    }
    head = [
        f"{name} [{variable.attrs['units']}]" if "units" in variable.attrs else name
        for name, variable in columns.items()
    ]
    values = {name: variable.values.tolist() for name, variable in columns.items()}
    for name, variable in columns.items():
        if "flag_masks" in variable.attrs:
            head.append(f"{name}{IN_WORDS}")
            values[f"{name}{IN_WORDS}"] = _meanings(variable)
    # with its mark of byte order, or spreadsheets take UTF-8 for something else
    with path.open("w", newline="", encoding="utf-8-sig") as file:
        out = csv.writer(file)
        out.writerow(head)
        for row in zip(*values.values(), strict=True):
            out.writerow([_shown(value) for value in row])


def _meanings(flags: xr.DataArray) -> list[str]:
    """The words of each set of flags (CF: flag_masks, flag_meanings)."""
    words = str(flags.attrs["flag_meanings"]).split()
    masks = np.asarray(flags.attrs["flag_masks"]).tolist()
    each = [*zip(masks, words, strict=True)]
    return [
        " ".join(word for mask, word in each if value & mask)
        for value in flags.values.astype(np.int64).tolist()
    ]


def _shown(value: Any) -> Any:
    if isinstance(value, float):
        return repr(value) if value == value else ""
    return value


def _read_csv(path: Path, thing: str) -> xr.Dataset:
    import xarray as xr

    if path.stat().st_size > LARGEST_TABLE:
        raise FileError(f"{path} is too large for a table")
    with path.open(newline="", encoding="utf-8-sig") as file:
        lines = csv.reader(file)
        head = next(lines, [])
        rows = [row for row in lines if row]
    if not head or any(len(row) != len(head) for row in rows):
        raise FileError(f"{path} is no table: its rows are not all as long as its head")
    variables = {}
    for place, title in enumerate(head):
        if title.endswith(IN_WORDS):
            continue
        name, _, units = title.partition(" [")
        texts = [row[place] for row in rows]
        try:
            values = np.array([float(text) if text else np.nan for text in texts])
        except ValueError:
            raise FileError(f"{path}: the column {title!r} holds more than numbers") from None
        if np.isfinite(values).all() and not units and np.array_equal(values, np.rint(values)):
            values = values.astype(np.int64)
        attrs = {"units": units.rstrip("]")} if units else {}
        variables[f"{thing}_{name}"] = (thing, values, attrs)
    return xr.Dataset(variables)
