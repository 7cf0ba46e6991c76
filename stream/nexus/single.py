"""One frame's results from an archive: only its rows are read, however long the run was."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np

from .. import decompress
from ..errors import FileError, WireError
from ..framenumbers import Numbers
from ..messages import Result
from .chunks import UNSIGNED, filters, lines, parsed, read_chunk, reading
from .columns import fill_value
from .reader import ArchiveFile
from .stored import Stored, attributes, stored
from .variables import BATCH, FRAME, UNKNOWN

if TYPE_CHECKING:
    import xarray as xr

OURS = ("provenance", "received_time", "detector_time", "done_time", "frame")


def frames_with_results(archive: ArchiveFile) -> dict[str, Numbers]:
    """The numbers of the frames for which each analysis has something, by its name."""
    with reading(archive.path):
        return {name: _numbers(process) for name, process in archive.processes.items()}


def _numbers(process: h5py.Group) -> Numbers:
    frame = process["frames"].get("frame", ())
    found = Numbers(int(number) for number in frame[:])
    for line in lines(process["frames"], "errors"):
        for number in line["frames"]:
            found.add(int(number))
    return found


def frame_result(archive: ArchiveFile, analysis: str, number: int) -> Result:
    """What an analysis said of one frame, as a result of that frame alone.

    Tables are cut to the frame's rows, and columns that count rows of another table are counted
    anew (-1: a row of another frame). FileError if there is no result of this frame.
    """
    with reading(archive.path):
        process = archive.process(analysis)
        frame = process["frames"].get("frame", ())
        rows = np.flatnonzero(frame[:] == number)
        if not rows.size:
            return _error(archive, process, analysis, number)
        row = int(rows[-1])
        facts = {name: int(process[f"frames/{name}"][row]) for name in OURS[:-1]}
        start = archive.start
        return Result(
            source=start.source,
            run=start.run,
            frames=(number,),
            analysis=analysis,
            data=_dataset(archive.path, process, number, row),
            provenance=_provenance(process, facts["provenance"]),
            detector_ns=_time(facts["detector_time"]),
            received_ns=_time(facts["received_time"]) or 0,
            done_ns=_time(facts["done_time"]) or 0,
        )


def _error(archive: ArchiveFile, process: h5py.Group, analysis: str, number: int) -> Result:
    import xarray as xr

    for line in reversed(lines(process["frames"], "errors")):
        if number in line["frames"]:
            start = archive.start
            return Result(
                start.source,
                start.run,
                (number,),
                analysis,
                xr.Dataset(),
                _provenance(process, int(line.get("provenance", 0))),
                str(line["error"]),
                done_ns=int(line.get("done_time", 0)),
            )
    raise FileError(f"{archive.path} has no result of {analysis!r} for frame {number}")


def _provenance(process: h5py.Group, which: int) -> dict[str, Any]:
    if which < 1:
        return {}
    return parsed(process["provenance"], "json" if which == 1 else f"json_{which}")


def _time(value: int) -> int | None:
    return None if value in (UNKNOWN, 0) else value


def _dataset(path: Path, process: h5py.Group, number: int, row: int) -> xr.Dataset:
    import xarray as xr  # takes half a second

    places = _places(process, number, row)
    came: dict[str, _Came] = {}
    for item in stored(process):
        if _is_ours(process, item):
            continue
        place = places.get(item.dims[0], np.empty(0, np.int64))
        if item.dims[0] in (FRAME, BATCH) and not place.size:
            continue
        one = _Came(item, _rows(path, item.dataset, place))
        if item.name not in came or (came[item.name].left_out and not one.left_out):
            came[item.name] = one
    variables: dict[str, Any] = {}
    coordinates: dict[str, Any] = {}
    sizes: dict[str, int] = {}
    for one in sorted(came.values(), key=lambda one: one.left_out):
        names, values = one.cut(places, number)
        if any(sizes.get(d, n) != n for d, n in zip(names, values.shape, strict=True)):
            continue  # what this frame's result left out, in the size of another's
        sizes |= dict(zip(names, values.shape, strict=True))
        home = coordinates if one.item.coordinate else variables
        home[one.item.name] = (names, values, attributes(one.item.dataset))
        for dim, axis in one.item.axes.items():
            coordinates.setdefault(dim, (dim, _whole(path, axis), attributes(axis)))
    return xr.Dataset(variables, coordinates, _attrs(process, row))


@dataclass(frozen=True, slots=True)
class _Came:
    """The rows of one variable that belong to the frame."""

    item: Stored
    values: np.ndarray

    @property
    def left_out(self) -> bool:
        """Whether there is nothing but fill values: the result may have had no such variable."""
        kind = self.values.dtype.kind
        if not self.values.size or kind not in "iuf":
            return not self.values.size and self.item.dims[0] == FRAME
        fill = fill_value(self.values.dtype)
        return bool(np.isnan(self.values).all() if kind == "f" else (self.values == fill).all())

    def cut(self, places: dict[str, np.ndarray], number: int) -> tuple[list[str], np.ndarray]:
        """Dimensions and values as the analysis gave them for this frame alone."""
        dims, values = list(self.item.dims), self.values
        if dims[0] == BATCH:
            return dims[1:], values[0]
        column = self.item.name.removeprefix(f"{dims[0]}_")
        if dims[0] == FRAME or values.dtype.kind not in "iu" or values.ndim != 1:
            return dims, values
        if column == FRAME:
            return dims, np.where(values == number, 0, -1)
        if column not in places or column in (FRAME, BATCH):
            return dims, values
        return dims, _counted_anew(values, places[column])


def _counted_anew(references: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Turn row numbers of a whole table into those of its part `rows`; -1 where not in it."""
    place = np.searchsorted(rows, references)
    found = place < len(rows)
    found[found] = rows[place[found]] == references[found]
    return np.where(found, place, -1)


def _is_ours(process: h5py.Group, item: Stored) -> bool:
    return item.dataset.parent.name == f"{process.name}/frames" and item.name in OURS


def _places(process: h5py.Group, number: int, row: int) -> dict[str, np.ndarray]:
    """The rows of the frame in each table."""
    places = {FRAME: np.array([row])}
    for name, column in _owners(process):
        owner = column[:]
        if name == BATCH:
            frames = process["frames/frame"][: row + 1]
            began = [int(r) for r in np.flatnonzero(np.isin(owner, frames))]
            places[BATCH] = np.array(began[-1:], np.int64)
        else:
            places[name] = np.flatnonzero(owner == number)
    return places


def _owners(process: h5py.Group) -> Iterator[tuple[str, h5py.Dataset]]:
    for item in stored(process):
        table = item.dims[0]
        if table != FRAME and item.name == f"{table}_{FRAME}":
            yield table, item.dataset


def _rows(path: Path, dataset: h5py.Dataset, rows: np.ndarray) -> np.ndarray:
    if not rows.size:
        values = np.empty((0, *dataset.shape[1:]), dataset.dtype)
    else:
        first, stop = int(rows[0]), int(rows[-1]) + 1
        for row in range(first, stop) if filters(dataset) else ():
            _walk(path, dataset, row)
        values = dataset[first:stop][rows - first]
    return np.char.decode(values, "utf-8", "replace") if values.dtype.kind == "S" else values


def _walk(path: Path, dataset: h5py.Dataset, row: int) -> None:
    """Check the packed block of a row before it is decoded: a damaged one would crash us."""
    per = dataset.chunks[0]
    offset = (row // per * per, *[0] * (dataset.ndim - 1))
    try:
        pixels = read_chunk(dataset, offset)
        if pixels is not None:
            decompress.check(replace(pixels, dtype=UNSIGNED[dataset.dtype.itemsize]))
    except WireError as error:
        raise FileError(f"{path}: {dataset.name} at {offset} is damaged ({error})") from error


def _whole(path: Path, dataset: h5py.Dataset) -> np.ndarray:
    values = np.asarray(dataset[...])
    return np.char.decode(values, "utf-8", "replace") if values.dtype.kind == "S" else values


def _attrs(process: h5py.Group, row: int) -> dict[str, Any]:
    """The attributes of the result: they were noted where they changed."""
    frames = process["frames/frame"][: row + 1]
    found: dict[str, Any] = {}
    for line in lines(process["frames"], "notes"):
        if not line["variable"] and np.isin(line["frames"], frames).any():
            found = dict(line["attrs"])
    return found
