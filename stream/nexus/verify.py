"""Is an archive whole? Every stored image against its CRC, every count against every other."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from ..errors import FileError
from ..framenumbers import Numbers
from .chunks import parsed, reading, text
from .closed import damage
from .frames import VALID, VALID_COLUMN
from .names import valid_name
from .reader import ArchiveFile, open_archive

SUMS = {"expected": ("received", "missing"), "received": ("archived", "refused_frames")}
"""What an account promises of every run that is not called incomplete."""
MOST_PROBLEMS = 1000
"""Told of one archive; further ones are counted."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong."""

    file: str
    frame: int | None
    """Which frame is concerned; None for the whole file."""
    what: str

    def __str__(self) -> str:
        frame = "" if self.frame is None else f"frame {self.frame}: "
        return f"{self.file}: {frame}{self.what}"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was found in one archive."""

    path: str
    source: str
    run: str
    status: str
    segments: int
    """Segment files that were read."""
    frames: int
    """Frames that are in them as they were written."""
    bytes_read: int
    problems: tuple[Problem, ...]
    more: int
    """Problems that are not listed."""

    @property
    def sound(self) -> bool:
        """Whether nothing is wrong."""
        return not self.problems

    def as_json(self) -> dict[str, Any]:
        """Give it as plain dicts, lists, texts and numbers; keys are stable."""
        return {**asdict(self), "sound": self.sound}


def verify(path: Path) -> Verdict:
    """Read an archive whole and compare; FileError if it can't be opened at all."""
    with open_archive(path) as archive, reading(path):
        check = _Check(archive)
        found = list(check.all())
        return Verdict(
            str(path),
            check.source,
            check.run,
            archive.status,
            check.segments,
            len(check.numbers),
            check.bytes_read,
            tuple(found[:MOST_PROBLEMS]),
            max(0, len(found) - MOST_PROBLEMS),
        )


class _Check:
    """One pass through an archive."""

    def __init__(self, archive: ArchiveFile) -> None:
        self.archive = archive
        self.name = archive.path.name
        self.source = self.run = ""
        self.segments = self.bytes_read = 0
        self.numbers = Numbers()
        """Of the frames that are as they were written."""
        self._seen = Numbers()

    def all(self) -> Iterator[Problem]:
        """Give all that is wrong."""
        archive = self.archive
        if archive.status == "unfinished":
            yield Problem(self.name, None, "the run has no end: it goes on, or was cut off")
            for name in archive.segments.there():
                yield from self._segment(name, None)
        else:
            yield from self._strays({str(said["file"]) for said in archive.listed})
            for said in archive.listed:
                yield from self._segment(str(said["file"]), said)
        if archive.entry is not None:
            start = archive.start
            self.source, self.run = start.source, start.run
            if archive.status != "unfinished":
                yield from self._counts(archive.entry)

    def _strays(self, listed: set[str]) -> Iterator[Problem]:
        """Files beside the segments that should not be there any more."""
        for path in sorted(self.archive.segments.folder.glob("*.h5*")):
            if path.name not in listed:
                yield Problem(path.name, None, "lies there, but the master does not know of it")

    def _segment(self, name: str, said: dict[str, Any] | None) -> Iterator[Problem]:
        try:
            segment = self.archive.segments.get(name)
        except FileError as error:
            frames = f" (frames {spans(said['ranges'])})" if said else ""
            yield Problem(name, None, f"{error}{frames}")
            return
        self.segments += 1
        self.bytes_read += segment.path.stat().st_size
        self.source, self.run = str(segment.about["source"]), str(segment.about["run"])
        there = Numbers(segment.known.numbers())
        if said is not None:
            yield from _differences(name, there, said["ranges"])
            gone = set(said["channels"]) - segment.known.channels.keys()
            if gone:
                yield Problem(name, None, f"lacks the images of {', '.join(sorted(gone))}")
        bad = set()
        try:
            for number, what in damage(segment.path, segment.file, segment.known):
                bad.add(number)
                yield Problem(name, number, what)
        except (OSError, RuntimeError, ValueError, KeyError) as error:
            yield Problem(name, None, f"can't be read to its end: {str(error)[:200]}")
            return
        for number in there:
            if not self._seen.add(number):
                yield Problem(name, number, "is in another segment too")
            elif number not in bad:
                self.numbers.add(number)

    def _counts(self, entry: h5py.Group) -> Iterator[Problem]:
        """Compare with what the master shows, and with the account."""
        count = len(self._seen)
        shown = 0
        for group in ("frames", "far_frames"):
            if group in entry:
                try:
                    valid = entry[f"{group}/{VALID_COLUMN}"][:]
                except OSError as error:
                    said = f"{group}/{VALID_COLUMN} can't be read: {str(error)[:200]}"
                    yield Problem(self.name, None, said)
                    return
                shown += int(np.count_nonzero(valid != VALID["missing"]))
        if shown != count:
            said = f"frame_valid shows {shown} frames, the segments hold {count}"
            yield Problem(self.name, None, said)
        yield from self._account(entry["account"], count)

    def _account(self, group: h5py.Group, count: int) -> Iterator[Problem]:
        """Compare the account with the frames, with its fields, and its sums with each other."""
        account = parsed(group, "json")
        archived = account.get("archived")
        if isinstance(archived, int) and archived != count:
            said = f"the account says {archived} archived, the segments hold {count}"
            yield Problem(self.name, None, said)
        for key, value in account.items():
            field = group.get(valid_name(str(key)))
            if type(value) is int and isinstance(field, h5py.Dataset) and field[()] != value:
                said = f"account/{key} is {field[()]}, the account's JSON says {value}"
                yield Problem(self.name, None, said)
        for whole, parts in SUMS.items():
            numbers = [n for n in map(account.get, (whole, *parts)) if isinstance(n, int)]
            closes = len(numbers) != 3 or numbers[0] == numbers[1] + numbers[2]
            if not closes and text(group, "status") != "incomplete":
                yield Problem(self.name, None, f"{whole} is not {' + '.join(parts)}: {numbers}")


def _differences(name: str, there: Numbers, ranges: list[list[int]]) -> Iterator[Problem]:
    listed = Numbers(n for first, last in ranges for n in range(first, last + 1))
    lost = [number for number in listed if number not in there]
    new = [number for number in there if number not in listed]
    if lost:
        yield Problem(name, None, f"lacks frames {spans(Numbers(lost).ranges())}")
    if new:
        said = f"has frames that the master does not list: {spans(Numbers(new).ranges())}"
        yield Problem(name, None, said)


def spans(ranges: Any) -> str:
    """Write ranges of numbers for people, the first eight."""
    words = [str(a) if a == b else f"{a}-{b}" for a, b in list(ranges)[:8]]
    return ", ".join(words) + (", ..." if len(list(ranges)) > 8 else "")
