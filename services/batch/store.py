"""What is finished: a file for each frame, under a key that stands for all that made its result."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import orjson

from ...stream.errors import FileError
from ...stream.kept import PART, keep, kept
from ...stream.messages import Result
from ...stream.plain import plain
from .items import Item

STATE = "batch.json"
WORK = "work"
"""Folder of the finished frames; may be deleted when nothing more is to come."""
SUFFIX = ".result"


def key_of(item: Item, made_by: Mapping[str, Any]) -> str:
    """Name a result: another file, frame, calibration or setting gives another name.

    `made_by` is what else the result depends on: settings, versions, hashes.
    """
    said = {"file": item.name, "stamp": item.stamp, "frame": item.index, **made_by}
    said["calibration"] = item.calibration
    text = orjson.dumps(said, default=plain, option=orjson.OPT_SORT_KEYS)
    return hashlib.blake2b(text, digest_size=12).hexdigest()


class Store:
    """The finished frames in the folder of a report."""

    def __init__(self, out: Path) -> None:
        """Make the folders; FileError if nothing can be written there."""
        self.folder = out / WORK
        self._wanted: set[str] = set()
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            probe = self.folder / f".probe{PART}"
            probe.write_bytes(b"")
            probe.unlink()
        except OSError as error:
            raise FileError(
                f"{out}: nothing can be written there ({error.strerror}); name another --out"
            ) from error

    def path(self, key: str) -> Path:
        """Where the result is, or will be."""
        return self.folder / f"{key}{SUFFIX}"

    def has(self, key: str) -> bool:
        """Whether the frame is finished; from now on its result is wanted."""
        self._wanted.add(key)
        return self.path(key).is_file()

    def get(self, key: str) -> Result:
        """Read a result; FileError if it is damaged: it is then removed, so that it comes again."""
        return result_in(self.path(key))

    def once(self, key: str, make: Callable[[], Result]) -> Result:
        """Give the result that was kept under `key`, or make it and keep it."""
        if self.has(key):
            with contextlib.suppress(FileError):
                return self.get(key)
        result = make()
        put_result(self.path(key), result)
        return result

    def tidy(self) -> int:
        """Remove what nobody asked for, and what a killed process left; give how many results."""
        count = 0
        for path in self.folder.iterdir():
            stale = path.suffix == SUFFIX and path.stem not in self._wanted
            if stale or path.name.endswith(PART):
                path.unlink(missing_ok=True)
                count += stale
        return count


def put_result(path: Path, result: Result) -> None:
    """Keep a result; FileError if the disk refuses."""
    keep(path, result)


def result_in(path: Path) -> Result:
    """Read a kept result; FileError if it is damaged, and it is removed."""
    try:
        message = kept(path)
        if not isinstance(message, Result):
            raise FileError(f"{path} holds no result")
    except FileError:
        path.unlink(missing_ok=True)
        raise
    return message


@contextlib.contextmanager
def claimed(out: Path) -> Iterator[None]:
    """Keep a second batch out of `out`; FileError if one is at work there, or it is no report's."""
    try:
        out.mkdir(parents=True, exist_ok=True)
        strangers = [p.name for p in out.iterdir() if p.name != ".lock"]
        if strangers and not (out / STATE).is_file() and WORK not in strangers:
            raise FileError(
                f"{out} is not empty and holds no report of beamside; name a new folder as --out"
            )
        lock = os.open(out / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise FileError(
            f"{out}: nothing can be written there ({error.strerror}); name another --out"
        ) from error
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise FileError(
                f"{out} is in use by another batch; wait for its end, or name another --out"
            ) from None
        except OSError:
            pass  # some network shares have no locks
        yield
    finally:
        os.close(lock)


def read_state(out: Path) -> dict[str, Any]:
    """What the batch before said of itself; empty if there was none, or it can't be read."""
    try:
        said = orjson.loads((out / STATE).read_bytes())
    except (OSError, orjson.JSONDecodeError):
        return {}
    return said if isinstance(said, dict) else {}


def write_state(out: Path, said: Mapping[str, Any]) -> None:
    """Write what this batch says of itself, whole or not at all."""
    option = orjson.OPT_INDENT_2 | orjson.OPT_SERIALIZE_NUMPY
    write_whole(out / STATE, orjson.dumps(said, default=plain, option=option))


def write_whole(path: Path, data: bytes) -> None:
    """Put `data` in place of the file `path` at once."""
    aside = path.with_name(f".{path.name}{PART}")
    aside.write_bytes(data)
    os.replace(aside, path)
