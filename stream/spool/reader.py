"""The reader of a log that another process writes: its files mapped, its records as views."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from pathlib import Path

from ..errors import SpoolError
from .record import Mark, Place, Record, unpack
from .segment import Damage, mapped, numbers, path_of, walk

KEPT = 2
"""Segments that stay mapped: a deleted file keeps its space on the disk while it is mapped."""


class LogReader:
    """Reads the log `name` in `folder` while it grows; nothing is copied.

    A damaged part is passed over and named in `damage`, by the place where it begins. Views stay
    good while they are kept, also when their segment is deleted.
    """

    def __init__(self, folder: Path, name: str) -> None:
        self.folder = folder
        self.name = name
        self.damage: dict[Mark, Damage] = {}
        self.tail = 0
        """Bytes behind the last valid record, as the last `scan` found them."""
        self._views: dict[int, memoryview] = {}

    def read(self, since: Mark, until: Mark) -> Iterator[tuple[Mark, Record]]:
        """Give the records between two marks, each with the mark behind it.

        Their heads are checked, their pieces only by `Record.check`. Segments that were dropped
        at the beginning are passed over; SpoolError if nothing of the log can be read.
        """
        yield from self._walk(since, until, check=False)

    def scan(self, *, check: bool = True) -> Iterator[tuple[Mark, Record]]:
        """Give all valid records, from the oldest segment on, every CRC checked.

        The writer opens its log first: it cuts a torn tail off, which must not happen below a
        mapping. Without one, `tail` says how much of the last segment is no record.
        """
        there = numbers(self.folder, self.name)
        self.tail = 0
        if there:
            size = self._size(there[-1])
            yield from self._walk(Mark(there[0], 0), Mark(there[-1], size), check, whole=True)

    def _walk(
        self, since: Mark, until: Mark, check: bool, *, whole: bool = False
    ) -> Iterator[tuple[Mark, Record]]:
        for number in self._between(since, until):
            last = number == until.segment
            data = self._view(number, until.offset if last else self._size(number))
            if last:
                data = data[: until.offset]
            offset = since.offset if number == since.segment else 0
            for found in walk(data, number, offset, check=check):
                if isinstance(found, Record):
                    yield Mark(number, found.place.offset + found.place.nbytes), found
                elif whole and last and found.tail:
                    self.tail = found.place.nbytes
                else:
                    self.damage[Mark(number, found.place.offset)] = found

    def _between(self, since: Mark, until: Mark) -> list[int]:
        if since >= until:
            return []
        if since.segment == until.segment:
            return [since.segment]
        there = [n for n in numbers(self.folder, self.name) if since.segment <= n <= until.segment]
        for before, after in itertools.pairwise(there):
            if after != before + 1:
                why = f"{after - before - 1} segments are missing behind segment {before}"
                self.damage[Mark(before + 1, 0)] = Damage(Place(before + 1, 0, 0), why)
        return there

    def at(self, place: Place) -> Record:
        """Give the record at a place; SpoolError if its segment is gone, WireError if damaged."""
        data = self._view(place.segment, place.offset + place.nbytes)
        return unpack(data, place.segment, place.offset)

    def _size(self, number: int) -> int:
        path = path_of(self.folder, self.name, number)
        try:
            return os.stat(path).st_size
        except OSError as error:
            raise SpoolError(f"can't read {path}: {error.strerror}") from error

    def _view(self, number: int, need: int) -> memoryview:
        view = self._views.get(number)
        if view is None or view.nbytes < need:
            view = mapped(path_of(self.folder, self.name, number))
            self._views.pop(number, None)
            self._views[number] = view
            while len(self._views) > KEPT:
                del self._views[next(iter(self._views))]
        return view

    def forget_before(self, segment: int) -> None:
        """Let go of older segments, so that deleting them frees their space."""
        for number in [n for n in self._views if n < segment]:
            del self._views[number]

    def close(self) -> None:
        """Let go of all; views that were given stay good."""
        self._views.clear()
