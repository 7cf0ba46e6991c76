"""The files of a log, `<name>-000000.bslog` and on: found, mapped, and walked record by record."""

from __future__ import annotations

import mmap
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import SpoolError, WireError
from .record import MAGIC, Place, Record, unpack

SUFFIX = ".bslog"
WINDOW = 1 << 20
"""Bytes in which the next record is looked for at a time."""


@dataclass(frozen=True, slots=True)
class Damage:
    """A part of a log that is lost: what, why, and whose record it was if that is known."""

    place: Place
    why: str
    """In words, for people."""
    head: dict[str, Any] | None = None
    """Of a record whose pieces are damaged: its head is right."""
    tail: bool = False
    """Whether no valid record follows in its segment: what a crash in mid-write leaves."""


def path_of(folder: Path, name: str, number: int) -> Path:
    """The file of one segment."""
    return folder / f"{name}-{number:06d}{SUFFIX}"


def numbers(folder: Path, name: str) -> list[int]:
    """The segments of a log that are there, ascending."""
    named = re.compile(re.escape(name) + r"-(\d{6,})" + re.escape(SUFFIX))
    try:
        found = [named.fullmatch(entry) for entry in os.listdir(folder)]
    except OSError as error:
        raise SpoolError(f"can't read the spool folder {folder}: {error.strerror}") from error
    return sorted(int(match[1]) for match in found if match)


def mapped(path: Path) -> memoryview:
    """The bytes of a file as they are now, read only and not copied.

    The mapping lives as long as a view of it does, even when the file is deleted meanwhile.
    SpoolError if the file is gone or can't be read.
    """
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise SpoolError(f"can't read {path}: {error.strerror}") from error
    try:
        size = os.fstat(fd).st_size
        if size == 0:
            return memoryview(b"")
        return memoryview(mmap.mmap(fd, size, access=mmap.ACCESS_READ))
    except (OSError, ValueError) as error:  # ValueError: it was cut in this moment
        raise SpoolError(f"can't map {path}: {error}") from error
    finally:
        os.close(fd)


def walk(data: memoryview, segment: int, offset: int, *, check: bool) -> Iterator[Record | Damage]:
    """The records from `offset` on; with `check`, one whose pieces are damaged is a Damage.

    What is no record is passed over up to the next valid head, and comes as a Damage without head;
    if there is none, as the last item, the tail.
    """
    while offset < data.nbytes:
        try:
            record = unpack(data, segment, offset)
        except WireError as error:
            after = _next(data, segment, offset + 1)
            place = Place(segment, offset, (after or data.nbytes) - offset)
            yield Damage(place, str(error), tail=after is None)
            if after is None:
                return
            offset = after
            continue
        offset += record.place.nbytes
        if not check:
            yield record
            continue
        try:
            record.check()
        except WireError as error:
            yield Damage(record.place, str(error), record.head)
        else:
            yield record


def _next(data: memoryview, segment: int, offset: int) -> int | None:
    """Where the next valid head is, looking for its magic; None if there is none."""
    while offset < data.nbytes:
        window = bytes(data[offset : offset + WINDOW + len(MAGIC) - 1])
        at = window.find(MAGIC)
        if at < 0:
            offset += WINDOW
            continue
        try:
            unpack(data, segment, offset + at)
        except WireError:
            offset += at + 1
        else:
            return offset + at
    return None


def end_of(path: Path, segment: int) -> int:
    """Where the last whole record of a segment ends: what is behind it was torn off by a crash.

    A record that is whole but for a wrong CRC of its pieces counts: it is not torn but damaged, and
    its head says what was lost. SpoolError if the file is none of ours: nothing may be cut off it.
    """
    data = mapped(path)
    end = 0
    for found in walk(data, segment, 0, check=False):
        if isinstance(found, Record):
            end = found.place.offset + found.place.nbytes
    begin = bytes(data[: len(MAGIC)])
    if not end and not MAGIC.startswith(begin) and begin.strip(b"\0"):
        raise SpoolError(f"{path} is no log of beamside: move it away, then start again")
    return end
