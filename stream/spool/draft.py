"""A record that is to be written: how long it will be, and its way into a file."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol

from ..messages import Buffer
from .record import crc32, longest_seal, pack, seal, size

LARGE, CHUNK = 1 << 20, 1 << 20
"""Records above LARGE bytes are summed up and written in chunks that stay in the processor's cache
between the two (`beamside bench spool`: 77 to 81 % of a plain append, 70 % with chunks of 4 MB)."""
MAX_BUFFERS = os.sysconf("SC_IOV_MAX")
"""So many buffers the system takes in one call."""


class Draft(Protocol):
    """One record, its length known."""

    nbytes: int

    def write(self, fd: int, offset: int) -> None:
        """Write all of it, or raise OSError: then any part of it may be in the file."""
        ...


def draft(head: Mapping[str, Any], pieces: Sequence[Buffer]) -> Draft:
    """The record of a head and its pieces; WireError if the head can't be stored (`pack`)."""
    body = sum(map(size, pieces))
    return _Large(head, pieces, body) if body > LARGE else _Small(head, pieces, body)


class _Small:
    """Written in one call of the system."""

    __slots__ = ("_buffers", "nbytes")

    def __init__(self, head: Mapping[str, Any], pieces: Sequence[Buffer], body: int) -> None:
        self._buffers = pack(head, pieces)
        self.nbytes = size(self._buffers[0]) + body

    def write(self, fd: int, offset: int) -> None:
        buffers = self._buffers
        few = len(buffers) <= MAX_BUFFERS
        written = os.pwritev(fd, buffers if few else buffers[:MAX_BUFFERS], offset)
        while written < self.nbytes:  # the disk is nearly full, or there are very many buffers
            rest = list(_behind(buffers, written))[:MAX_BUFFERS]
            written += os.pwritev(fd, rest, offset + written)


class _Large:
    """Its pieces are written first, each chunk summed up while the processor still holds it.

    What stands before them comes last: until then nothing in the file looks like a record.
    """

    def __init__(self, head: Mapping[str, Any], pieces: Sequence[Buffer], body: int) -> None:
        self._head = head
        self._pieces = pieces
        self._sealed = longest_seal(head, pieces)
        self.nbytes = self._sealed + body

    def write(self, fd: int, offset: int) -> None:
        at = offset + self._sealed
        listed = []
        for piece in self._pieces:
            view, crc = memoryview(piece).cast("B"), 0
            for begin in range(0, view.nbytes, CHUNK):
                chunk = view[begin : begin + CHUNK]
                _write_all(fd, chunk, at + begin)
                crc = crc32(chunk, crc)
            listed.append((view.nbytes, crc))
            at += view.nbytes
        _write_all(fd, memoryview(seal(self._head, listed, self._sealed)), offset)


def _write_all(fd: int, data: memoryview, at: int) -> None:
    written = os.pwrite(fd, data, at)
    while written < data.nbytes:
        written += os.pwrite(fd, data[written:], at + written)


def _behind(buffers: Sequence[Buffer], written: int) -> Iterator[Buffer]:
    """What is left of the buffers after their first `written` bytes."""
    for buffer in buffers:
        view = memoryview(buffer).cast("B")
        if written < view.nbytes:
            yield view[written:]
        written = max(0, written - view.nbytes)
