"""What there is to do: the frames of all files that are named, or lie in folders that are."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ...stream.errors import FileError
from ...stream.files import KNOWN_SUFFIXES, PixelSize, open_file

SOURCE = "batch"
"""Name of the stream that the frames are of."""


@dataclass(frozen=True, slots=True)
class Item:
    """One frame of one file."""

    path: Path
    """Of its file, perhaps with `::PART`."""
    name: str
    """Of the file, as people know it: its path from the folder that was named."""
    index: int
    """Place of the frame in its file."""
    count: int
    """Frames in the file."""
    stamp: tuple[int, int]
    """Size of the file, and date of its last change in ns."""
    calibration: dict[str, Any] = field(default_factory=dict)
    """As in `RunStart.calibration`."""
    given: PixelSize | None = None
    """nm; what the file is told that a pixel measures."""

    @property
    def label(self) -> str:
        """The frame, for people."""
        return self.name if self.count == 1 else f"{self.name} frame {self.index}"

    @property
    def pixel_size(self) -> tuple[float, float] | None:
        """(y, x) in nm; None = uncalibrated."""
        size = self.calibration.get("pixel_size_nm")
        return (float(size[0]), float(size[1])) if size else None


@dataclass(slots=True)
class Gathered:
    """What was found."""

    items: list[Item] = field(default_factory=list)
    refused: dict[str, str] = field(default_factory=dict)
    """Files that can't be read, by name, and why."""
    others: int = 0
    """Files of kinds that hold no images."""


def gather(
    given: Sequence[Path],
    out: Path,
    pixel_size: PixelSize | None,
    looked: Callable[[int], None] = lambda files: None,
) -> Gathered:
    """Open every file once; FileError if a path that was given is not there.

    Folders are walked through, hidden files and `out` left alone; files in the order of their names
    with numbers counted as numbers. `looked` is told how many files were looked at.
    """
    found = Gathered()
    for n, (path, name) in enumerate(_files(given, out.resolve(), found)):
        looked(n)
        try:
            found.items += _frames(path, name, pixel_size)
        except FileError as error:
            found.refused[name] = str(error)
        except OSError as error:
            found.refused[name] = _why(path, error)
    return found


def _why(path: Path, error: OSError) -> str:
    """Why a file can't be opened, for people."""
    if path.is_symlink() and error.errno == errno.ELOOP:
        return f"a link to {path.readlink()}, which leads back to itself"
    if path.is_symlink() and not path.exists():
        return f"a link to {path.readlink()}, which is not there"
    return f"can't be read: {error.strerror or error}"


def _frames(path: Path, name: str, pixel_size: PixelSize | None) -> list[Item]:
    file = Path(str(path).partition("::")[0]) if not path.exists() else path
    stat = file.stat()
    with open_file(path, source=SOURCE, pixel_size=pixel_size) as recording:
        known = dict(recording.start.calibration)
        stamp = (stat.st_size, stat.st_mtime_ns)
        return [
            Item(path, name, index, recording.count, stamp, known, pixel_size)
            for index in range(recording.count)
        ]


def _files(given: Sequence[Path], out: Path, found: Gathered) -> Iterator[tuple[Path, str]]:
    seen: set[Path] = set()
    for path in given:
        if path.is_dir():
            several = f"{path.name}/" if len(given) > 1 else ""
            listed = [(p, several + str(p.relative_to(path))) for p in _walk(path, out, found)]
        elif Path(str(path).partition("::")[0]).exists():
            listed = [(path, path.name)]
        else:
            raise FileError(f"{path}: there is no such file or folder")
        for file, name in listed:
            whole = Path(os.path.realpath(file))  # Path.resolve fails where links lead in a circle
            if whole not in seen:
                seen.add(whole)
                yield file, name


def _walk(folder: Path, out: Path, found: Gathered) -> list[Path]:
    def unreadable(error: OSError) -> None:
        found.refused[str(error.filename)] = f"can't be entered: {error.strerror}"

    files = []
    for place, folders, names in os.walk(folder, onerror=unreadable):
        here = Path(place)
        folders[:] = [f for f in folders if f[0] != "." and (here / f).resolve() != out]
        for name in names:
            if name[0] == ".":
                continue
            if Path(name).suffix.lower() in KNOWN_SUFFIXES:
                files.append(here / name)
            else:
                found.others += 1
    return sorted(files, key=lambda file: natural(str(file.relative_to(folder))))


def natural(text: str) -> list[tuple[int, int, str]]:
    """Sort key that puts `frame 9` before `frame 10`."""
    return [
        (0, int(part), "") if part.isdecimal() else (1, 0, part)
        for part in re.split(r"(\d+)", text)
        if part
    ]
