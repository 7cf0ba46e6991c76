"""The frames of a run as rows: the detector's own bytes, and a line of facts about each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import h5py
import numpy as np

from .. import decompress
from ..messages import Buffer, Frame, Pixels
from .columns import BSLZ4, TextLog, fill_value, growing, plain_text, to_json

VALID = {"missing": 0, "whole": 1, "partial": 2}
"""`partial`: it came without some channel that other frames of the run have."""
NO_TIME = np.iinfo(np.int64).max
COLUMNS = {
    "frame_valid": (np.uint8, "", "whether the frame came"),
    "received_time": (np.int64, "ns", "Unix time of the arrival"),
    "detector_time": (np.int64, "ns", "Unix time of the exposure's end by the detector's clock"),
    "metadata_start": (np.int64, "", "where in `metadata` the frame's JSON begins, in bytes"),
    "metadata_length": (np.int64, "", "bytes of the frame's JSON in `metadata`; 0 = none"),
    "frame_number": (np.int64, "", "number of the frame, counted from 0 by the detector"),
}


def storable(pixels: Pixels) -> tuple[Buffer, int]:
    """Give the bytes of a chunk and its filter mask; WireError if they could not be read back.

    bitshuffle-LZ4 and raw pixels stay untouched; other packings are made bitshuffle-LZ4.
    """
    pixels = decompress.check(pixels)
    if pixels.encoding == "bslz4":
        return pixels.data, 0
    if pixels.encoding == "raw":
        return pixels.data, 1
    return decompress.encode(decompress.decode(pixels, checked=True)).data, 0


def frame_dataset(group: h5py.Group, name: str, channel: str, pixels: Pixels) -> h5py.Dataset:
    """Make the dataset [n, ny, nx] of a channel, a chunk a frame, for bitshuffle-LZ4 or raw."""
    dtype = np.dtype(pixels.dtype)
    dataset = group.create_dataset(
        name,
        (0, *pixels.shape),
        dtype,
        maxshape=(None, *pixels.shape),
        chunks=(1, *pixels.shape),
        fillvalue=fill_value(dtype),
        **BSLZ4,
    )
    dataset.attrs["channel"] = plain_text(channel)
    dataset.attrs["units"] = "counts" if dtype.kind in "iu" else "arbitrary"
    dataset.attrs["interpretation"] = "image"
    return dataset


@dataclass(slots=True)
class _Channel:
    dataset: Any
    shape: tuple[int, int]
    rows: int = 0


class FrameRows:
    """Frames in rows; what is known of each is buffered and written a block at a time."""

    def __init__(
        self,
        group: h5py.Group,
        place: Callable[[str, Pixels], h5py.Dataset],
        *,
        by_number: bool,
    ) -> None:
        self.group = group
        self.rows = 0
        self._place = place
        self._by_number = by_number
        self._channels: dict[str, _Channel] = {}
        self._pending: dict[int, tuple[int, ...]] = {}
        for name, (dtype, units, words) in COLUMNS.items():
            column = growing(group, name, (), dtype)
            column.attrs["long_name"] = words
            if units:
                column.attrs["units"] = units
        group["frame_valid"].attrs["flag_values"] = np.array(list(VALID.values()), np.uint8)
        group["frame_valid"].attrs["flag_meanings"] = " ".join(VALID)
        self._metadata = TextLog(group, "metadata", "JSON of each frame's metadata, in UTF-8 bytes")

    @property
    def pending(self) -> int:
        """Frames whose facts are not yet written."""
        return len(self._pending)

    def put(self, frame: Frame, chunks: Mapping[str, tuple[Buffer, int]]) -> None:
        """Write a frame's chunks (`storable`) at its row; its facts wait for `save`."""
        row = frame.number if self._by_number else self.rows
        self.rows = max(self.rows, row + 1)
        for name, (data, mask) in chunks.items():
            channel = self._channels.get(name) or self._new(name, frame.channels[name])
            if row >= channel.rows:
                channel.rows = row + 1
                channel.dataset.set_extent((row + 1, *channel.shape))
            channel.dataset.write_direct_chunk((row, 0, 0), data, mask)
        valid = VALID["whole" if len(chunks) == len(self._channels) else "partial"]
        start, length = 0, 0
        if frame.metadata:
            start, length = self._metadata.add(to_json(frame.metadata))
        received, detector = _time(frame.received_ns), _time(frame.detector_ns)
        self._pending[row] = (valid, received, detector, start, length, frame.number)

    def _new(self, name: str, pixels: Pixels) -> _Channel:
        dataset = self._place(name, pixels)
        self._channels[name] = channel = _Channel(dataset.id, pixels.shape)
        return channel

    def save(self) -> None:
        """Write the facts of the frames since the last time, and make all columns one length."""
        if not self._pending:
            return
        self._metadata.save()
        for channel in self._channels.values():
            if channel.rows < self.rows:
                channel.rows = self.rows
                channel.dataset.set_extent((self.rows, *channel.shape))
        rows = np.array(sorted(self._pending))
        facts = np.array([self._pending[row] for row in rows.tolist()], np.int64)
        for index, name in enumerate(COLUMNS):
            column = self.group[name]
            before = column.shape[0]
            column.resize(self.rows, 0)
            if name == "frame_valid" and self.rows > before:
                column[before:] = VALID["missing"]
            elif name == "frame_number" and self._by_number:
                column[before:] = np.arange(before, self.rows)
                continue
            for first, stop in _runs(rows):
                column[rows[first] : rows[stop - 1] + 1] = facts[first:stop, index]
        self._pending.clear()


def _runs(rows: np.ndarray) -> list[tuple[int, int]]:
    """Where whole numbers in order go on without a gap, as [first, stop) of their indices."""
    cuts = (np.flatnonzero(np.diff(rows) != 1) + 1).tolist()
    return list(zip([0, *cuts], [*cuts, len(rows)], strict=True))


def _time(value: object) -> int:
    return value if isinstance(value, int) and 0 < value < NO_TIME else NO_TIME
