"""Names in the archive and of its file: what strangers call things, made harmless."""

from __future__ import annotations

import contextlib
import itertools
import os
import re
from collections.abc import Container, Iterator
from datetime import UTC, datetime
from pathlib import Path

from ..errors import ArchiveError
from ..messages import RunStart

SUFFIX = ".nxs"
POSITIONS = "positions"
"""Under this name is what bluesky said of the frames, beside the analyses."""
LONGEST = 63
"""Characters of a name that NeXus allows."""

_FOREIGN = re.compile(r"[^A-Za-z0-9_]+")
_FOREIGN_IN_FILES = re.compile(r"[^A-Za-z0-9_~-]+")


def valid_name(text: str) -> str:
    """Give `text` with only the letters, digits and underscores that NeXus allows everywhere."""
    return _FOREIGN.sub("_", text)[:LONGEST].strip("_") or "unnamed"


def free_name(text: str, taken: Container[str]) -> str:
    """Give the valid name of `text`, with `_2`, `_3`... where it is taken."""
    name = first = valid_name(text)
    count = 1
    while name in taken:
        count += 1
        name = f"{first[: LONGEST - 8]}_{count}"
    return name


def moment(time_ns: int) -> datetime:
    """Give the UTC time of `time_ns`; now, where that is no time."""
    try:
        return datetime.fromtimestamp(time_ns / 1e9 if time_ns else datetime.now().timestamp(), UTC)
    except (OverflowError, ValueError, OSError):
        return datetime.now(UTC)


def stem(start: RunStart) -> str:
    """Name the file of a run: date (UTC), source, run; nothing of it can leave the folder."""
    date = moment(start.time_ns).strftime("%Y%m%dT%H%M%SZ")
    source, run = (_in_file(text) for text in (start.source, start.run))
    return f"{date}_{source}_{run}"


def may_hold(stem: str, run: str) -> bool:
    """Whether an archive called `stem` may be of a run of this name: look inside to know."""
    return f"_{_in_file(run)}_" in f"{stem}_"


def _in_file(text: str) -> str:
    return _FOREIGN_IN_FILES.sub("-", text)[:80].strip("-") or "unnamed"


def numbered(name: str) -> Iterator[str]:
    """Give `name`, then `name_2`, `name_3` and so on."""
    yield name
    for count in itertools.count(2):
        yield f"{name}_{count}"


def claim(folder: Path, start: RunStart) -> str:
    """Find a name for a run that nothing in `folder` has, and make its folder there; give it.

    ArchiveError if the folder is not there or can't be written to.
    """
    return next(name for name in numbered(stem(start)) if _claimed(folder, name))


def _claimed(folder: Path, name: str) -> bool:
    try:
        if os.path.lexists(folder / f"{name}{SUFFIX}"):
            return False
        (folder / name).mkdir()
    except FileExistsError:
        return False
    except OSError as error:
        raise ArchiveError(
            f"no archive can be begun in {folder}: {error.strerror}; make the folder writable "
            "with space on it, or set archive.folder to another"
        ) from error
    return True


def release(folder: Path, name: str) -> None:
    """Give a claimed name back, if nothing was written under it."""
    with contextlib.suppress(OSError):
        (folder / name).rmdir()
