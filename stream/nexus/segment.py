"""A segment while it is written: `<kind>-<index>.h5.part`, readable live by SWMR.

    frames-000003   a row a number: numbers 3 N to 4 N - 1
    late-000000     rows in order of arrival, of numbers whose own segment is closed already
    far-000000      the same, of numbers far beyond the others

Decided 2026-11: HDF5's 1.10 format, all datasets made before SWMR begins, and as long as they can
become (nothing is ragged, and no frame costs a change of length). Rejected: one file a run in the
earliest format, which is safe to kill but not to read meanwhile.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from h5py import h5s

from ..messages import Frame, RunStart
from . import tree
from .columns import TextLog, plain_text, put_text, to_json
from .frames import (
    COLUMNS,
    VALID,
    VALID_COLUMN,
    crc_column,
    facts,
    frame_dataset,
    put_column,
    put_columns,
    runs,
)
from .names import free_name
from .payload import Chunk
from .room import Room

FORMAT = "beamside-segment-1"
GRID, LATE, FAR = "frames", "late", "far"
VERSION = ("v110", "v110")
CACHE_BYTES = 1 << 17
"""Of each dataset; what waits in caches must fit into the room's margin."""
METADATA = "JSON of each frame's metadata, UTF-8"
ROW_BYTES = 256
"""What HDF5's tables take for a chunk, with room to spare."""
PART = ".part"


class OpenSegment:
    """One segment file, written by one thread."""

    def __init__(
        self, folder: Path, kind: str, index: int, rows: int, start: RunStart, reserve: int
    ) -> None:
        """Begin an empty file; OSError if the disk has no room for it."""
        self.kind = kind
        self.index = index
        self.name = f"{kind}-{index:06d}.h5"
        self.part = folder / (self.name + PART)
        self.numbers: set[int] = set()
        """Frames that are in it."""
        self._by_number = kind == GRID
        self._first = index * rows if self._by_number else 0
        self.span = range(self._first, self._first + rows if self._by_number else 0)
        """The numbers that have a row here."""
        self._rows = rows
        self._used = 0
        self._channels: dict[str, Any] = {}
        """HDF5's dataset of each."""
        self._crcs: dict[str, Any] = {}
        self._pending: dict[int, tuple[tuple[int, ...], dict[str, int]]] = {}
        self._columns: dict[str, Any] = {}
        with contextlib.ExitStack() as opened:
            self._file = opened.enter_context(
                h5py.File(self.part, "x", libver=VERSION, rdcc_nbytes=CACHE_BYTES)
            )
            self.room = Room(self.part, self._file.id.get_filesize, reserve)
            opened.callback(self.room.close)
            said = {"format": FORMAT, "kind": kind, "first": self._first, "rows": rows}
            frames = begin(self._file, start, said)
            put_columns(frames, rows)
            self._metadata = TextLog(frames, "metadata", METADATA, summed=True)
            opened.pop_all()

    @property
    def full(self) -> bool:
        """Whether no further frame fits in."""
        return len(self.numbers) == self._rows

    @property
    def channels(self) -> set[str]:
        """The channels that its frames have."""
        return {plain_text(channel) for channel in self._channels}

    def put(self, frame: Frame, chunks: Mapping[str, Chunk]) -> None:
        """Write a frame's chunks at its row; its facts wait for `save`."""
        row = frame.number - self._first if self._by_number else self._used
        channels = self._channels
        if chunks.keys() - channels.keys():
            channels = self._widen({n: c for n, c in chunks.items() if n not in channels})
        said = to_json(frame.metadata) if frame.metadata else b""
        self.room.want(sum([len(chunk.data) + ROW_BYTES for chunk in chunks.values()], len(said)))
        if row >= self._used:
            self._used = row + 1
        start, length = self._metadata.add(said) if said else (0, 0)
        for name, chunk in chunks.items():
            channels[name].write_direct_chunk((row, 0, 0), chunk.data, chunk.mask)
        self._pending[row] = (
            facts(frame, start, length),
            {name: chunk.crc for name, chunk in chunks.items()},
        )
        self.numbers.add(frame.number)

    def _widen(self, chunks: Mapping[str, Chunk]) -> dict[str, Any]:
        """Make the datasets of channels; SWMR forbids it, so it is left and begun again."""
        if self._channels:
            self.save()
            self._file.close()
            self._file = h5py.File(self.part, "r+", libver=VERSION, rdcc_nbytes=CACHE_BYTES)
            self.room.measure(self._file.id.get_filesize)
            self.room.renew()
        entry = self._file["entry"]
        frames = entry["frames"]
        for channel, chunk in chunks.items():
            plot = "data" if "data" not in entry else free_name(f"data_{channel}", entry)
            group = tree.put_group(entry, plot, "NXdata")
            dataset = frame_dataset(group, "data", channel, self._rows, (chunk.shape, chunk.dtype))
            group.attrs["signal"] = "data"
            name = free_name(crc_column(channel), frames)
            put_column(frames, name, self._rows, np.int64)
            dataset.attrs["crc"] = name
            if "default" not in entry.attrs:
                entry.attrs["default"] = plot
        self._find(entry)
        self._file.flush()
        self._file.swmr_mode = True
        return self._channels

    def _find(self, entry: h5py.Group) -> None:
        """Keep HDF5's own handles: h5py's take ten times as long."""
        frames = entry["frames"]
        self._metadata.moved(frames["metadata"])
        self._columns = {name: frames[name].id for name in (*COLUMNS, VALID_COLUMN)}
        for group in entry.values():
            if group.attrs.get("signal") == "data":
                dataset = group["data"]
                channel = str(dataset.attrs["channel"])
                self._channels[channel] = dataset.id
                self._crcs[channel] = frames[dataset.attrs["crc"]].id

    def save(self) -> list[int]:
        """Write the facts of the frames since the last time, flush; give their numbers."""
        if not self._pending:
            return []
        self.room.renew()
        self._metadata.save()
        rows = np.array(sorted(self._pending))
        pending = [self._pending[row] for row in rows.tolist()]
        table = np.array([known for known, _ in pending], np.int64)
        for index, name in enumerate(COLUMNS):
            _write(self._columns[name], rows, table[:, index])
        valid = np.full(len(rows), VALID["whole"], np.uint8)
        for channel, column in self._crcs.items():
            has = np.array([channel in known for _, known in pending])
            crcs = np.array([known[channel] for _, known in pending if channel in known], np.int64)
            _write(column, rows[has], crcs)
            valid[~has] = VALID["partial"]
        self._file.flush()
        _write(self._columns[VALID_COLUMN], rows, valid)
        self._columns[VALID_COLUMN].flush()
        numbers: list[int] = table[:, 0].tolist()
        self._pending.clear()
        return numbers

    def close(self) -> list[int]:
        """Save, cut off the rows that never came, close the file; `part` keeps its name.

        It is closed whatever happens.
        """
        try:
            saved = self.save()
            self.room.renew()
            if self._used < self._rows and self._channels:
                columns = (self._columns, self._crcs, self._channels)
                for dataset in (dataset for group in columns for dataset in group.values()):
                    dataset.set_extent((self._used, *dataset.shape[1:]))
        finally:
            try:
                self._file.close()
            finally:
                self.room.close()
        return saved


def begin(file: h5py.File, start: RunStart, said: Mapping[str, Any]) -> h5py.Group:
    """Write what a segment says of its run, so that it can be understood alone; give `frames`."""
    file.attrs["NX_class"] = "NXroot"
    file.attrs["default"] = "entry"
    entry = tree.put_group(file, "entry", "NXentry")
    about = tree.put_group(entry, "segment", "NXcollection")
    run = {
        "source": start.source,
        "run": start.run,
        "expected": start.expected,
        "calibration": start.calibration,
        "metadata": start.metadata,
        "start_ns": start.time_ns,
    }
    put_text(about, "json", to_json(dict(said) | run).decode())
    return tree.put_group(entry, "frames", "NXcollection")


def _write(column: Any, rows: np.ndarray, values: np.ndarray) -> None:
    space = column.get_space()
    for first, stop in runs(rows):
        count = (int(stop - first),)
        space.select_hyperslab((int(rows[first]),), count)
        part = np.ascontiguousarray(values[first:stop])
        column.write(h5s.create_simple(count), space, part)
