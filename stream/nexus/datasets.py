"""Results read back from an archive, as the one labelled dataset that the analysis gave."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import xarray as xr

from .chunks import lines, safely
from .stored import attributes, stored
from .variables import FRAME


def read_dataset(path: Path, process: h5py.Group) -> xr.Dataset:
    """Put the variables of an analysis together; frames in the order of their numbers.

    A variable that came in several kinds is there as `name`, `name_2`..., as are dimensions of
    several sizes. `frame` has the frame numbers as coordinate, tables are in the order of arrival.
    """
    numbers = process["frames"].get("frame", np.empty(0))
    order = np.argsort(numbers[:], kind="stable")
    dims = _Dims()
    variables: dict[str, Any] = {}
    coordinates: dict[str, Any] = {}
    for item in stored(process):
        values = _values(path, item.dataset)
        if item.dims[0] == FRAME:
            values = values[order]
        names = [item.dims[0]]
        for dim, size in zip(item.dims[1:], values.shape[1:], strict=True):
            axis = item.axes.get(dim)
            known = None if axis is None else (_values(path, axis), attributes(axis))
            names.append(dims.name(dim, size, known))
        ours = item.dataset.parent.name == f"{process.name}/frames"
        home = coordinates if item.coordinate or ours else variables
        home[_free(item.name, variables, coordinates)] = (names, values, attributes(item.dataset))
    attrs = [line["attrs"] for line in lines(process["frames"], "notes") if not line["variable"]]
    return xr.Dataset(variables, coordinates | dims.coordinates, attrs[-1] if attrs else {})


def placed(data: xr.Dataset, positions: xr.Dataset) -> xr.Dataset:
    """Add what is known of frames as coordinates, by frame number; what is there stays."""
    if FRAME not in data.coords or FRAME not in positions.coords:
        return data
    last = positions.isel(frame=~positions.get_index(FRAME).duplicated(keep="last"))
    wanted = last.reindex(frame=data[FRAME].values)
    added = {
        str(name): (FRAME, variable.values, variable.attrs)
        for name, variable in wanted.data_vars.items()
        if variable.dims == (FRAME,) and name not in data.variables and name not in data.dims
    }
    return data.assign_coords(added)


class _Dims:
    """Dimensions by name; one that has another size or coordinate is another dimension."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[int, bytes]] = {}
        self.coordinates: dict[str, Any] = {}

    def name(self, dim: str, size: int, axis: tuple[np.ndarray, dict[str, Any]] | None) -> str:
        said = (size, b"" if axis is None else axis[0].tobytes())
        name, count = dim, 1
        while self._known.setdefault(name, said) != said:
            count += 1
            name = f"{dim}_{count}"
        if axis is not None:
            self.coordinates[name] = (name, *axis)
        return name


def _free(name: str, *taken: dict[str, Any]) -> str:
    free, count = name, 1
    while any(free in names for names in taken):
        count += 1
        free = f"{name}_{count}"
    return free


def _values(path: Path, dataset: h5py.Dataset) -> np.ndarray:
    values = safely(path, dataset)
    return np.char.decode(values, "utf-8", "replace") if values.dtype.kind == "S" else values
