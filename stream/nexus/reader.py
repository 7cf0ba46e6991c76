"""Reading an archive back: its start, its frames as the detector packed them, its results.

Nothing is decoded before its block headers were walked, so that a damaged archive is an error and
not the end of the process.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np

from ..errors import FileError
from ..framenumbers import Numbers
from ..messages import Frame, RunStart
from .chunks import parsed, read_chunk, reading, safely, text
from .columns import from_json
from .frames import COLUMNS, NO_TIME, VALID
from .tree import FORMAT

if TYPE_CHECKING:
    import xarray as xr


def is_archive(path: Path) -> bool:
    """Whether `path` is an archive of beamside, finished or not, that can be opened."""
    try:
        with open_archive(path):
            return True
    except FileError:
        return False


@contextlib.contextmanager
def open_archive(path: Path) -> Iterator[ArchiveFile]:
    """Open an archive; FileError if it is none, is damaged, or is being written."""
    with contextlib.ExitStack() as opened:
        with reading(path):
            file = opened.enter_context(h5py.File(path, "r"))
            account = file.get("entry/account")
            if not isinstance(account, h5py.Group) or text(account, "format") != FORMAT:
                raise FileError(f"{path} is no archive of beamside ({FORMAT}), but other HDF5")
            archive = ArchiveFile(path, file)
        yield archive


def read_frame(path: Path, number: int) -> Frame:
    """Read one frame as the detector packed it; FileError if the archive does not hold it."""
    with open_archive(path) as archive:
        return archive.frame(number)


def read_result(path: Path, analysis: str) -> xr.Dataset:
    """Read all that an analysis found as one dataset, `frame` with the frame numbers."""
    from .datasets import read_dataset  # xarray takes half a second

    with open_archive(path) as archive, reading(path):
        return read_dataset(path, archive.process(analysis))


class ArchiveFile:
    """An open archive."""

    def __init__(self, path: Path, file: h5py.File) -> None:
        self.path = path
        self.entry = file["entry"]
        self._tables = [_FrameTable(self.entry["frames"], self._detectors())]
        if "far_frames" in self.entry:
            far = self.entry["far_frames"]
            self._tables.append(_FrameTable(far, list(far.values())))

    def _detectors(self) -> list[Any]:
        groups = self.entry["instrument"].values()
        return [group["data"] for group in groups if isinstance(group, h5py.Group)]

    @property
    def numbers(self) -> Numbers:
        """The numbers of the frames in it."""
        return Numbers(number for table in self._tables for number in table.numbers)

    @property
    def channels(self) -> dict[str, h5py.Dataset]:
        """The datasets [n, ny, nx] of the frames, by channel."""
        return {n: d for table in reversed(self._tables) for n, d in table.channels.items()}

    @property
    def start(self) -> RunStart:
        """The start of the run, with what the detector said."""
        with reading(self.path):
            header, account = self.entry["header"], self.entry["account"]
            first = next(iter(self.channels.values()), None)
            arrays = [array for array in header.values() if "name" in array.attrs]
            return RunStart(
                source=text(account, "source"),
                run=text(account, "run"),
                expected=int(header["expected"][()]) if "expected" in header else None,
                shape=None if first is None else (int(first.shape[1]), int(first.shape[2])),
                dtype=None if first is None else first.dtype.str,
                channels=tuple(self.channels) or ("data",),
                calibration=parsed(header, "calibration"),
                metadata=parsed(header, "metadata"),
                arrays={str(array.attrs["name"]): safely(self.path, array) for array in arrays},
                time_ns=int(account["start_ns"][()]),
            )

    def frame(self, number: int) -> Frame:
        """Read one frame as the detector packed it; FileError if it is not in the archive."""
        with reading(self.path):
            for table in self._tables:
                row = table.row(number)
                if row is not None:
                    account = self.entry["account"]
                    return table.frame(row, text(account, "source"), text(account, "run"))
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
        groups = [g for g in self.entry.values() if g.attrs.get("NX_class") == "NXprocess"]
        groups.sort(key=lambda group: int(group["sequence_index"][()]))
        return {text(group, "program").removeprefix("beamside "): group for group in groups}


class _FrameTable:
    """Frames in rows."""

    def __init__(self, group: h5py.Group, datasets: list[Any]) -> None:
        columns = {name: group[name][:] for name in COLUMNS}
        self._rows = min(map(len, columns.values()))
        self._columns = {name: column[: self._rows] for name, column in columns.items()}
        self._metadata = group["metadata"]
        came = np.flatnonzero(self._columns["frame_valid"] != VALID["missing"])
        self._places = {int(self._columns["frame_number"][row]): int(row) for row in came}
        self.channels = {
            str(dataset.attrs["channel"]): dataset
            for dataset in datasets
            if "channel" in dataset.attrs
        }

    @property
    def numbers(self) -> list[int]:
        """The numbers of its frames."""
        return list(self._places)

    def row(self, number: int) -> int | None:
        """Where a frame is, if it is here."""
        return self._places.get(number)

    def frame(self, row: int, source: str, run: str) -> Frame:
        """Read the frame in a row."""
        facts = {name: int(column[row]) for name, column in self._columns.items()}
        start, length = facts["metadata_start"], facts["metadata_length"]
        detector, received = facts["detector_time"], facts["received_time"]
        return Frame(
            source,
            run,
            facts["frame_number"],
            {
                name: pixels
                for name, dataset in self.channels.items()
                if (pixels := read_chunk(dataset, (row, 0, 0))) is not None
            },
            from_json(bytes(self._metadata[start : start + length])) if length else {},
            None if detector == NO_TIME else detector,
            0 if received == NO_TIME else received,
        )
