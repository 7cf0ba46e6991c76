"""Segments that are closed: what is in one, and the proof that it is there.

A segment becomes `<name>.h5` only after its bytes were forced to the disk, the file was opened
again, its frames counted, and every stored image compared with its CRC.
"""

from __future__ import annotations

import mmap
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from isal.isal_zlib import crc32

from ..errors import ArchiveError
from ..framenumbers import Numbers
from .chunks import parsed
from .frames import NONE, VALID, VALID_COLUMN, runs
from .room import settle_folder
from .segment import FORMAT


@dataclass(frozen=True, slots=True)
class Channel:
    """Where the images of a channel lie in a segment."""

    dataset: str
    """Path in the file."""
    crc: str
    """Path of the column of checksums."""
    shape: tuple[int, int]
    dtype: str
    stored_bytes: int


@dataclass(frozen=True, slots=True)
class Segment:
    """What a segment holds."""

    file: str
    """Its name in the folder of the run."""
    kind: str
    first: int
    """The number of row 0, where rows are numbers."""
    grid: int
    """Numbers that a whole segment of this run spans."""
    rows: int
    runs: tuple[tuple[int, int, int], ...]
    """Frames in it, as (number, row, count) of those that go on together."""
    channels: Mapping[str, Channel]

    @property
    def frames(self) -> int:
        """How many frames are in it."""
        return sum(count for _, _, count in self.runs)

    def numbers(self) -> Iterator[int]:
        """Give the numbers of its frames, in the order of the rows."""
        for number, _, count in self.runs:
            yield from range(number, number + count)

    def ranges(self) -> list[tuple[int, int]]:
        """Give the same as (first, last)."""
        return [(number, number + count - 1) for number, _, count in self.runs]

    @property
    def stop(self) -> int:
        """One more than its highest number; 0 when it is empty."""
        return max((number + count for number, _, count in self.runs), default=0)

    def as_json(self) -> dict[str, Any]:
        """Give what the master keeps of it."""
        ranges = Numbers(self.numbers()).ranges()
        return {
            "file": self.file,
            "kind": self.kind,
            "rows": self.rows,
            "ranges": ranges,
            "channels": {
                name: {"shape": known.shape, "dtype": known.dtype, "bytes": known.stored_bytes}
                for name, known in self.channels.items()
            },
        }


def read_segment(path: Path, file: h5py.File) -> Segment:
    """Read what an open segment file holds; KeyError or OSError where it is no whole one."""
    entry = file["entry"]
    about = parsed(entry["segment"], "json")
    if about.get("format") != FORMAT:
        raise KeyError(f"{path.name} is no segment of an archive ({FORMAT})")
    frames = entry["frames"]
    valid = frames[VALID_COLUMN][:]
    rows = np.flatnonzero(valid != VALID["missing"])
    numbers = frames["frame_number"][:][rows]
    found = [
        (int(numbers[a]), int(rows[a]), b - a)
        for first, stop in runs(rows)
        for a, b in ((first + x, first + y) for x, y in runs(numbers[first:stop]))
    ]
    return Segment(
        path.name.removesuffix(".part"),
        str(about["kind"]),
        int(about["first"]),
        int(about["rows"]),
        len(valid),
        tuple(found),
        dict(_channels(entry)),
    )


def run_of(file: h5py.File) -> str:
    """Tell which run a segment is of."""
    return str(parsed(file["entry/segment"], "json").get("run"))


def _channels(entry: h5py.Group) -> Iterator[tuple[str, Channel]]:
    for group in entry.values():
        if isinstance(group, h5py.Group) and group.attrs.get("signal") == "data":
            dataset = group["data"]
            crc = f"{entry.name}/frames/{dataset.attrs['crc']}"
            shape = (int(dataset.shape[1]), int(dataset.shape[2]))
            stored = int(dataset.id.get_storage_size())
            channel = Channel(dataset.name, crc, shape, dataset.dtype.str, stored)
            yield str(dataset.attrs["channel"]), channel


def damage(path: Path, file: h5py.File, segment: Segment) -> Iterator[tuple[int, str]]:
    """Compare every stored image with its CRC; give (frame number, what is wrong).

    OSError where HDF5's own checksums of the columns don't agree.
    """
    with (
        open(path, "rb") as raw,
        mmap.mmap(raw.fileno(), 0, access=mmap.ACCESS_READ) as mapped,
        memoryview(mapped) as whole,
    ):
        for column in file["entry/frames"].values():
            column[...]  # HDF5 compares its own checksums
        numbers = file["entry/frames/frame_number"][:].tolist()
        rows = np.flatnonzero(file[f"entry/frames/{VALID_COLUMN}"][:] != VALID["missing"]).tolist()
        without = set(rows)
        for channel in segment.channels.values():
            places = chunk_places(file[channel.dataset])
            crcs = file[channel.crc][:].tolist()
            without -= places.keys()
            for row in rows:
                wrong = _wrong(whole, places.pop(row, None), crcs[row])
                if wrong:
                    yield numbers[row], wrong
            for row in places:
                yield numbers[row], "its pixels are there, but it is not marked as there"
        for row in sorted(without):
            yield numbers[row], "no image of it is in the file"


def _wrong(whole: memoryview, place: tuple[int, int] | None, crc: int) -> str:
    if place is None:
        return "" if crc == NONE else "its pixels are not in the file"
    if crc == NONE:
        return "its CRC is not in the file"
    offset, nbytes = place
    if offset + nbytes > len(whole):
        return f"its pixels lie beyond the file's end ({offset + nbytes} of {len(whole)} bytes)"
    found = crc32(whole[offset : offset + nbytes])
    return "" if found == crc else f"CRC-32 {found:08x} where {crc:08x} was written"


def chunk_places(dataset: h5py.Dataset) -> dict[int, tuple[int, int]]:
    """Where the chunk of each row lies in the file, as (offset, bytes)."""
    infos: list[Any] = []
    dataset.id.chunk_iter(infos.append)
    return {info[0][0]: (info[2], info[3]) for info in infos}


def settle(part: Path, numbers: set[int], channels: set[str]) -> Segment:
    """Force a closed file to the disk, read it again whole, give it its name.

    ArchiveError if it does not hold exactly these frames, each as it was written; OSError.
    """
    descriptor = os.open(part, os.O_RDWR)
    try:
        os.ftruncate(descriptor, os.fstat(descriptor).st_size)  # gives back what was reserved
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    with h5py.File(part, "r") as file:
        segment = read_segment(part, file)
        lost = numbers ^ set(segment.numbers())
        wrong = [f"channel {name}: it is gone" for name in channels ^ segment.channels.keys()]
        wrong += [f"frame {n}: it is not there as it was counted" for n in sorted(lost)]
        wrong += [f"frame {number}: {what}" for number, what in damage(part, file, segment)]
    if wrong:
        raise ArchiveError(
            f"{part} was read again and is not what was written: {'; '.join(wrong[:3])}"
            f"{f' and {len(wrong) - 3} more' if len(wrong) > 3 else ''}; look at the disk"
        )
    part.rename(part.with_name(segment.file))
    settle_folder(part.parent)
    return segment
