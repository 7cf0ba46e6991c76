"""The file that takes the results while the run runs, and becomes the master when it ends.

It is rebuilt from the spool after any crash, so it needs neither SWMR nor flushes that survive a
kill; only a full disk must not reach HDF5, and for that room is taken up first.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Sequence
from pathlib import Path

import h5py

from ..errors import WireError
from ..messages import Result, RunStart, RunStop
from . import tree
from .claims import claim_definition
from .closed import Segment
from .master import put_frames
from .results import Results
from .room import Room

NAME = "results.h5.part"
CACHE_BYTES = 1 << 17
MASTER_BYTES = 1 << 20
"""What a master takes beside the lists of its segments."""
SEGMENT_BYTES = 4096
"""What a master takes for a segment, or a range of late frames."""


class FinalFile:
    """The results of one run, and in the end all about it."""

    def __init__(self, folder: Path, start: RunStart, reserve: int) -> None:
        """Begin it in the folder of the run; OSError if the disk has no room for it."""
        self.path = folder / NAME
        self._start = start
        with contextlib.ExitStack() as opened:
            self._file = opened.enter_context(
                h5py.File(self.path, "x", libver="earliest", rdcc_nbytes=CACHE_BYTES)
            )
            self._room = Room(self.path, self._file.id.get_filesize, reserve)
            opened.callback(self._room.close)
            self._room.want(sum(array.nbytes for array in start.arrays.values()))
            self._entry = tree.begin_master(self._file, start, arrays=True)
            self._results = Results(self._entry, self._room.want)
            self.save()
            opened.pop_all()

    def add(self, result: Result) -> None:
        """Write a result; WireError `bad_result` if it is none of this house."""
        prepared = self._results.prepare(result)
        self._room.want(prepared.nbytes)
        try:
            self._results.put(prepared)
        except (TypeError, ValueError, KeyError) as error:
            raise WireError("bad_result", f"{result.analysis[:63]}: {error!r}"[:500]) from error

    def save(self) -> None:
        """Write out what is held back."""
        self._room.renew()
        self._results.save()
        self._file.flush()

    def finish(self, master: Path, segments: Sequence[Segment], folder: str, stop: RunStop) -> None:
        """Write frames and account, force it to the disk, and let it take the master's place."""
        self.save()
        self._room.want(room_for(segments) + 4 * len(repr(stop.account)))
        put_frames(self._entry, self._start, segments, folder, whole=True)
        tree.end(self._entry, stop)
        claim_definition(self._entry, self._start, stop)
        self._file.close()
        self._room.sync()
        self._room.close()
        os.replace(self.path, master)

    def abandon(self) -> None:
        """Close it as it is."""
        try:
            self.save()
        finally:
            self._file.close()
            self._room.close()


def write_master(
    folder: Path, master: Path, start: RunStart, segments: Sequence[Segment], reserve: int
) -> None:
    """Put a master without an end in place: frames of the closed segments, no results yet."""
    part = folder / "master.nxs.part"
    part.unlink(missing_ok=True)
    with h5py.File(part, "x", libver="earliest", rdcc_nbytes=CACHE_BYTES) as file:
        room = Room(part, file.id.get_filesize, reserve)
        try:
            room.want(room_for(segments))
            entry = tree.begin_master(file, start, arrays=False)
            put_frames(entry, start, segments, folder.name, whole=False)
            file.close()
            room.sync()
        finally:
            room.close()
    os.replace(part, master)


def room_for(segments: Sequence[Segment]) -> int:
    """Bytes that a master may need for the frames of these segments."""
    pieces = sum(1 if s.kind == "frames" else len(s.runs) + 1 for s in segments)
    rows = max((segment.stop for segment in segments if segment.kind != "far"), default=0)
    return MASTER_BYTES + SEGMENT_BYTES * pieces + 8 * rows
