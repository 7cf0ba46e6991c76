"""Segments as they are read: those of a closed master, or what lies in the folder of a live run."""

from __future__ import annotations

import contextlib
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import h5py

from ..errors import FileError
from ..messages import Frame
from .chunks import parsed, read_chunk, reading
from .closed import Segment, read_segment
from .columns import from_json
from .frames import COLUMNS, frame_times
from .segment import PART

MOST_OPEN = 8


@dataclass(slots=True)
class SegmentFile:
    """One open segment."""

    path: Path
    file: h5py.File
    known: Segment
    about: dict[str, Any]
    """What it says of its run."""
    _columns: dict[str, Any] = field(default_factory=dict)

    def row(self, number: int) -> int | None:
        """Where a frame is, if it is here."""
        for first, row, count in self.known.runs:
            if first <= number < first + count:
                return row + number - first
        return None

    def frame(self, row: int) -> Frame:
        """Read the frame in a row as the detector packed it."""
        if not self._columns:
            frames = self.file["entry/frames"]
            self._columns = {name: frames[name][:] for name in COLUMNS}
        facts = {name: int(column[row]) for name, column in self._columns.items()}
        start, length = facts["metadata_start"], facts["metadata_length"]
        detector_ns, received_ns = frame_times(facts)
        said = self.file["entry/frames/metadata"][start : start + length] if length else b"{}"
        channels = {
            name: pixels
            for name, channel in self.known.channels.items()
            if (pixels := read_chunk(self.file[channel.dataset], (row, 0, 0))) is not None
        }
        return Frame(
            str(self.about["source"]),
            str(self.about["run"]),
            facts["frame_number"],
            channels,
            from_json(bytes(said)),
            detector_ns,
            received_ns,
        )


def open_segment(path: Path) -> SegmentFile:
    """Open a segment, closed or beside its writer; FileError if it is none or is damaged."""
    with reading(path, "a segment of an archive"), contextlib.ExitStack() as opened:
        live = path.name.endswith(PART)
        file = opened.enter_context(h5py.File(path, "r", swmr=live))
        segment = SegmentFile(
            path, file, read_segment(path, file), parsed(file["entry/segment"], "json")
        )
        opened.pop_all()
        return segment


class Segments:
    """The segments of an archive by name; a few are kept open."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._open: OrderedDict[Path, SegmentFile] = OrderedDict()

    def get(self, name: str) -> SegmentFile:
        """Open a segment; FileError says which is missing or damaged."""
        path = self.folder / name
        if path in self._open:
            self._open.move_to_end(path)
            return self._open[path]
        if not path.exists():
            raise FileError(
                f"{path} is missing, and the frames in it; put it back into {self.folder}"
            )
        self._open[path] = segment = open_segment(path)
        if len(self._open) > MOST_OPEN:
            _, oldest = self._open.popitem(last=False)
            oldest.file.close()
        return segment

    def there(self) -> Iterator[str]:
        """Give the names of what lies in the folder, closed or not."""
        for path in sorted(self.folder.glob("*.h5*")):
            if path.name.endswith((".h5", ".h5.part")) and path.name != "results.h5.part":
                yield path.name

    def close(self) -> None:
        """Close all."""
        for segment in self._open.values():
            segment.file.close()
        self._open.clear()
