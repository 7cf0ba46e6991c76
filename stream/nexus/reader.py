"""Reading an archive back: its start, its frames as the detector packed them, its results.

An archive is its master, or the folder of its segments: while a run goes on, and after a crash,
the folder tells more. Nothing is decoded before its block headers were walked, so that a damaged
archive is an error and not the end of the process.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np

from ..errors import FileError
from ..framenumbers import Numbers
from ..messages import Frame, RunStart
from .chunks import parsed, reading, safely, text
from .columns import from_json
from .names import POSITIONS, SUFFIX
from .opened import SegmentFile, Segments
from .tree import FORMAT

if TYPE_CHECKING:
    import xarray as xr

MOST_FRAMES = 10_000_000
"""In one segment; who lists more is damaged or wants to harm."""


def is_archive(path: Path) -> bool:
    """Whether `path` is an archive of beamside, finished or not, that can be opened."""
    try:
        with open_archive(path):
            return True
    except FileError:
        return False


@contextlib.contextmanager
def open_archive(path: Path) -> Iterator[ArchiveFile]:
    """Open a master, or the folder of a run that has none yet; FileError if it is none."""
    if path.is_dir():
        master = path.with_name(path.name + SUFFIX)
        if master.is_file():
            path = master
    with contextlib.ExitStack() as opened:
        with reading(path):
            entry, folder = None, path
            if not path.is_dir():
                entry = _master(path, opened.enter_context(h5py.File(path, "r")))
                folder = path.parent / (text(entry["account"], "folder") or path.stem)
            segments = Segments(folder)
            opened.callback(segments.close)
            archive = ArchiveFile(path, entry, segments)
        yield archive


def _master(path: Path, file: h5py.File) -> h5py.Group:
    account = file.get("entry/account")
    if not isinstance(account, h5py.Group) or text(account, "format") != FORMAT:
        raise FileError(f"{path} is no archive of beamside ({FORMAT}), but other HDF5")
    return file["entry"]


def read_frame(path: Path, number: int) -> Frame:
    """Read one frame as the detector packed it; FileError if the archive does not hold it."""
    with open_archive(path) as archive:
        return archive.frame(number)


def read_result(path: Path, analysis: str) -> xr.Dataset:
    """Read all that an analysis found as one dataset, `frame` with the frame numbers.

    What bluesky said of the frames is there as coordinates, NaN where it said nothing.
    """
    from .datasets import placed, read_dataset  # xarray takes half a second

    with open_archive(path) as archive, reading(path):
        data = read_dataset(path, archive.process(analysis))
        if analysis == POSITIONS or POSITIONS not in archive.processes:
            return data
        return placed(data, read_dataset(path, archive.process(POSITIONS)))


@dataclass(frozen=True, slots=True)
class ChannelKind:
    """The images of a channel."""

    shape: tuple[int, int]
    """(ny, nx)"""
    dtype: str
    stored_bytes: int


def _kind(said: dict[str, Any]) -> ChannelKind:
    ny, nx = said["shape"]
    return ChannelKind((int(ny), int(nx)), np.dtype(said["dtype"]).str, int(said["bytes"]))


class ArchiveFile:
    """An open archive."""

    def __init__(self, path: Path, entry: h5py.Group | None, segments: Segments) -> None:
        """`entry` is the master's, None where there is none yet."""
        self.path = path
        self.entry = entry
        self.segments = segments
        self.problems: list[str] = []
        """Segments that are missing or damaged, in words; their frames are not among `numbers`."""
        self._where: dict[str, Numbers] = {}
        self._kinds: list[dict[str, ChannelKind]] = []
        self.status = "unfinished" if entry is None else text(entry["account"], "status")
        self.status = self.status or "unfinished"
        if self.status == "unfinished":
            self._look()
        else:
            self._believe()

    def _believe(self) -> None:
        """Take the master's word for which frames are where, if the files are there."""
        for said in self.listed:
            path = self.segments.folder / Path(str(said["file"])).name
            if not path.is_file():
                self.problems.append(f"{path} is missing")
                continue
            ranges = [(int(first), int(last)) for first, last in said["ranges"]]
            if sum(last - first + 1 for first, last in ranges) > MOST_FRAMES:
                raise FileError(f"{self.path} is damaged: it lists too many frames for {path}")
            self._kinds.append({n: _kind(kind) for n, kind in said["channels"].items()})
            self._where[path.name] = Numbers()
            self._where[path.name].add_ranges(ranges)

    def _look(self) -> None:
        """Look into all files of a run that goes on, or was cut off."""
        found = list(self.segments.there())
        if self.entry is None and not found:
            raise FileError(f"{self.path} is a folder without segments; name an archive in it")
        for name in found:
            try:
                segment = self.segments.get(name)
            except FileError as error:
                self.problems.append(str(error))
            else:
                self._where[name] = Numbers(segment.known.numbers())
                known = segment.known.channels.items()
                self._kinds.append(
                    {n: ChannelKind(c.shape, c.dtype, c.stored_bytes) for n, c in known}
                )
        if self.entry is None and not self._where:
            raise FileError(f"{self.path}: {'; '.join(self.problems)}")

    @property
    def listed(self) -> list[dict[str, Any]]:
        """What the master says of its segments: file, kind, rows, ranges of numbers."""
        if self.entry is None:
            return []
        said = from_json(text(self.entry["account"], "segments").encode() or b"[]")
        return list(said) if isinstance(said, list) else []

    @property
    def numbers(self) -> Numbers:
        """The numbers of the frames in it."""
        return Numbers(number for numbers in self._where.values() for number in numbers)

    @property
    def channels(self) -> dict[str, ChannelKind]:
        """The images of the frames, by channel."""
        found: dict[str, ChannelKind] = {}
        for said in self._kinds:
            for name, kind in said.items():
                before = found.get(name, kind)
                stored = kind.stored_bytes + (before.stored_bytes if name in found else 0)
                found[name] = replace(before, stored_bytes=stored)
        return found

    def opened(self) -> Iterator[SegmentFile]:
        """Open one segment after the other; those that can't be become `problems`."""
        for name in list(self._where):
            try:
                yield self.segments.get(name)
            except FileError as error:
                self.problems.append(str(error))
                del self._where[name]

    @property
    def start(self) -> RunStart:
        """The start of the run, with what the detector said."""
        channels = self.channels
        first = next(iter(channels.values()), None)
        with reading(self.path):
            said, arrays = self._said()
            return RunStart(
                source=str(said["source"]),
                run=str(said["run"]),
                expected=said["expected"],
                shape=None if first is None else first.shape,
                dtype=None if first is None else first.dtype,
                channels=tuple(channels) or ("data",),
                calibration=said["calibration"],
                metadata=said["metadata"],
                arrays=arrays,
                time_ns=int(said["start_ns"]),
            )

    def _said(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """What the start said, from the master or any segment; and its arrays."""
        if self.entry is None:
            return next(self.opened()).about, {}
        header = self.entry["header"]
        arrays = [array for array in header.values() if "name" in array.attrs]
        said = {
            "source": text(header, "source"),
            "run": text(header, "run"),
            "expected": int(header["expected"][()]) if "expected" in header else None,
            "calibration": parsed(header, "calibration"),
            "metadata": parsed(header, "metadata"),
            "start_ns": int(header["start_ns"][()]),
        }
        return said, {str(array.attrs["name"]): safely(self.path, array) for array in arrays}

    def frame(self, number: int) -> Frame:
        """Read one frame as the detector packed it; FileError if it is not in the archive."""
        for name, numbers in self._where.items():
            if number in numbers:
                segment = self.segments.get(name)
                with reading(segment.path, "a segment of an archive"):
                    row = segment.row(number)
                    if row is not None:
                        return segment.frame(row)
                raise FileError(f"{segment.path} does not hold frame {number} as the master says")
        for said in self.listed:
            if any(first <= number <= last for first, last in said["ranges"]):
                raise FileError(f"frame {number} was in {said['file']}: {'; '.join(self.problems)}")
        raise FileError(f"{self.path} holds no frame {number}; see `beamside inspect {self.path}`")

    def process(self, analysis: str) -> h5py.Group:
        """Find the results of an analysis; FileError lists what there is."""
        found = self.processes
        if analysis not in found:
            raise FileError(
                f"{self.path} has no results of {analysis!r}; it has {', '.join(found) or 'none'}"
            )
        return found[analysis]

    @property
    def processes(self) -> dict[str, h5py.Group]:
        """The analyses' groups, by name, in the order of their first results."""
        entry = {} if self.entry is None else self.entry
        groups = [g for g in entry.values() if g.attrs.get("NX_class") == "NXprocess"]
        groups.sort(key=lambda group: int(group["sequence_index"][()]))
        return {text(group, "program").removeprefix("beamside "): group for group in groups}
