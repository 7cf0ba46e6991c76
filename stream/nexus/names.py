"""Names in the archive and of its file: what strangers call things, made harmless."""

from __future__ import annotations

import os
import re
from collections.abc import Container
from datetime import UTC, datetime
from pathlib import Path

from ..messages import RunStart

SUFFIX = ".nxs"
PART = ".nxs.part"
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


def _in_file(text: str) -> str:
    return _FOREIGN_IN_FILES.sub("-", text)[:80].strip("-") or "unnamed"


def claim_part(folder: Path, start: RunStart) -> Path:
    """Make an empty `<name>.nxs.part` whose name no file has yet, finished or not."""
    first = name = stem(start)
    count = 1
    while True:
        part = folder / f"{name}{PART}"
        if not (folder / f"{name}{SUFFIX}").exists():
            try:
                os.close(os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644))
            except FileExistsError:
                pass
            else:
                return part
        count += 1
        name = f"{first}_{count}"


def finish(part: Path) -> Path:
    """Rename `<name>.nxs.part` to `<name>.nxs`, never over another file; both are in the folder."""
    name = first = part.name.removesuffix(PART)
    count = 1
    while True:
        path = part.with_name(f"{name}{SUFFIX}")
        try:
            _rename_to_free(part, path)
        except FileExistsError:
            count += 1
            name = f"{first}_{count}"
        else:
            return path


def _rename_to_free(part: Path, path: Path) -> None:
    try:
        os.link(part, path)
    except OSError:  # it exists, or: network shares and USB sticks without hard links
        if path.exists():
            raise FileExistsError(path) from None
        part.rename(path)
    else:
        part.unlink()
