"""The frames in the master file: virtual datasets over the segments, and the list of these."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import h5py
import numpy as np

from ..messages import RunStart
from . import tree
from .closed import Channel, Segment
from .columns import BSLZ4, PACKED_FROM, fill_value, put_text, to_json
from .frames import COLUMNS, SHOWN, VALID_COLUMN, describe_frames, put_valid
from .names import free_name
from .segment import FAR, GRID, LATE
from .virtual import Piece, put_virtual


def put_frames(
    entry: h5py.Group, start: RunStart, segments: Sequence[Segment], folder: str, *, whole: bool
) -> None:
    """Write all that the master says of frames; `whole` adds the columns of times and checksums.

    `folder` is where the segments are, as seen from the master.
    """
    account = entry["account"]
    listed = sorted(segments, key=lambda segment: segment.file)
    put_text(account, "segments", to_json([s.as_json() for s in listed]).decode())
    put_text(account, "folder", folder)
    frames = tree.put_group(entry, "frames", "NXcollection")
    rows = max((s.stop for s in segments if s.kind != FAR), default=0)
    near = _Table(frames, folder, np.arange(rows), _near(segments), whole)
    near.put_columns()
    for channel, known in near.channels().items():
        tree.place_channel(
            entry, start, channel, near.maker(channel, known), near.numberer(channel)
        )
    far_segments = [segment for segment in listed if segment.kind == FAR]
    if far_segments:
        group = tree.put_group(entry, "far_frames", "NXcollection")
        numbers = np.array([number for s in far_segments for number in s.numbers()], np.int64)
        far = _Table(group, folder, numbers, _one_after_the_other(far_segments), whole)
        far.put_columns()
        for channel, known in far.channels().items():
            tree.place_far_channel(
                entry, start, channel, far.maker(channel, known), far.numberer(channel)
            )


@dataclass(frozen=True, slots=True)
class _Part:
    """Rows of the master that are rows of one segment."""

    segment: Segment
    at: int
    row: int
    count: int


def _near(segments: Sequence[Segment]) -> list[_Part]:
    """Where the rows of the run come from; late frames lie in the holes of other segments."""
    late = np.array(sorted(n for s in segments if s.kind == LATE for n in s.numbers()), np.int64)
    parts = []
    for segment in segments:
        if segment.kind == FAR:
            continue
        first, stop = np.searchsorted(late, (segment.first, segment.first + segment.rows))
        if segment.kind == GRID and first == stop:
            parts.append(_Part(segment, segment.first, 0, segment.rows))
        else:
            parts += [_Part(segment, number, row, n) for number, row, n in segment.runs]
    return sorted(parts, key=lambda part: part.at)


def _one_after_the_other(segments: Sequence[Segment]) -> list[_Part]:
    parts, at = [], 0
    for segment in segments:
        parts.append(_Part(segment, at, 0, segment.rows))
        at += segment.rows
    return parts


@dataclass(frozen=True, slots=True)
class _Table:
    """Frames in rows, each in some segment."""

    group: h5py.Group
    folder: str
    numbers: np.ndarray
    """Of each row."""
    parts: Sequence[_Part]
    whole: bool

    def channels(self) -> dict[str, Channel]:
        """The channels that any of the segments has."""
        found: dict[str, Channel] = {}
        for part in self.parts:
            for name, channel in part.segment.channels.items():
                found.setdefault(name, channel)
        return found

    def put_columns(self) -> None:
        """Make the columns beside the images."""
        shown: Mapping[str, Any] = {name: COLUMNS[name] for name in SHOWN if self.whole}
        valid = self._virtual(self.group, VALID_COLUMN, (), np.uint8, 0, _column(VALID_COLUMN))
        valid.attrs["long_name"] = "whether the frame came"
        put_valid(valid)
        for name, (dtype, units, words) in shown.items():
            fill = fill_value(np.dtype(dtype))
            column = self._virtual(self.group, name, (), dtype, fill, _column(name))
            column.attrs["units"], column.attrs["long_name"] = units, words
        rows = len(self.numbers)
        packed = {"chunks": (min(rows, 1 << 16),), **BSLZ4} if 8 * rows >= PACKED_FROM else {}
        number = self.group.create_dataset("frame_number", data=self.numbers, **packed)
        number.attrs["long_name"] = COLUMNS["frame_number"][2]

    def numberer(self, channel: str) -> tree.Make:
        """Give what makes the numbers an axis: of as many pieces as the images, all from here.

        nexusformat (2.1) takes the count of pieces for the length of a virtual dataset, and an
        axis that is none would seem too long beside the images.
        """

        def make(plot: h5py.Group, name: str) -> h5py.Dataset:
            if not self.whole:
                number = self.group["frame_number"]
                number.attrs["target"] = number.name
                plot[name] = number
                return number
            rows = len(self.numbers)
            starts = [part.at for part in self.parts if channel in part.segment.channels]
            source = f"{self.group.name}/frame_number"
            cuts = itertools.pairwise([0, *starts[1:], rows])
            pieces = [Piece(".", source, a, a, b - a, rows) for a, b in cuts]
            fill = fill_value(np.dtype(np.int64))
            axis = put_virtual(plot, name, (rows,), np.int64, fill, pieces)
            axis.attrs["long_name"] = COLUMNS["frame_number"][2]
            return axis

        return make

    def maker(self, channel: str, known: Channel) -> tree.Make:
        """Give what makes the dataset of a channel, and the column of its checksums."""

        def make(parent: h5py.Group, name: str) -> h5py.Dataset:
            dtype = np.dtype(known.dtype)
            dataset = self._virtual(
                parent, name, known.shape, dtype, fill_value(dtype), _of(channel, "dataset")
            )
            describe_frames(dataset, channel)
            if self.whole:
                column = free_name(known.crc.rpartition("/")[2], self.group)
                fill = fill_value(np.dtype(np.int64))
                crc = self._virtual(self.group, column, (), np.int64, fill, _of(channel, "crc"))
                crc.attrs["long_name"] = "CRC-32 of the stored bytes of the image"
            return dataset

        return make

    def _virtual(
        self,
        parent: h5py.Group,
        name: str,
        rest: tuple[int, ...],
        dtype: Any,
        fill: Any,
        path_of: Callable[[Segment], str | None],
    ) -> h5py.Dataset:
        pieces = []
        for part in self.parts:
            path = path_of(part.segment)
            if path is not None:
                file = f"{self.folder}/{part.segment.file}"
                rows = part.segment.rows
                pieces.append(Piece(file, path, part.at, part.row, part.count, rows))
        return put_virtual(parent, name, (len(self.numbers), *rest), dtype, fill, pieces)


def _column(name: str) -> Callable[[Segment], str]:
    return lambda segment: f"/entry/frames/{name}"


def _of(channel: str, what: str) -> Callable[[Segment], str | None]:
    def path(segment: Segment) -> str | None:
        known = segment.channels.get(channel)
        return None if known is None else str(getattr(known, what))

    return path
