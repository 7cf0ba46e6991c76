"""Which files have been taken: a journal that survives a crash in the middle of a line."""

from __future__ import annotations

import errno
import fcntl
import json
import logging
import os
from pathlib import Path
from typing import TypeAlias

from ..errors import FileError
from ..folders import sync_folder

log = logging.getLogger(__name__)

Key: TypeAlias = tuple[int, int]
"""Size in bytes, and date of the last change in ns as the share says it."""


class Taken:
    """The files that have been taken, by name, on disk: one JSON list `[name, size, date]` a line.

    Lines are only ever appended, each by one write that is on disk when `add` returns. A last line
    without its end is cut off; one that can't be read is passed over with a warning: the file it
    named is then taken again, never lost. FileError if another process has the journal open.
    """

    def __init__(self, path: Path) -> None:
        self.keys: dict[str, Key] = {}
        self._path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = path.open("a+b", buffering=0)
        except OSError as error:
            raise FileError(
                f"{path}: what was taken can't be noted there ({error.strerror}); "
                "name another state file"
            ) from error
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            self._file.close()
            raise FileError(
                f"{path} is in use: another beamside watches the same folder"
            ) from error
        self._load()
        sync_folder(path.parent)

    def add(self, name: str, key: Key) -> None:
        """Note that `name`, as it was with `key`, is safe; FileError if the disk is full."""
        line = json.dumps([name, *key]).encode() + b"\n"
        end = self._file.seek(0, os.SEEK_END)
        try:
            if self._file.write(line) != len(line):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            os.fsync(self._file.fileno())
        except OSError as error:
            self._file.truncate(end)  # or the next line would be lost too
            raise FileError(
                f"{self._path}: that {name} was taken can't be noted ({error.strerror}); "
                "make space, or it is taken again after a restart"
            ) from error
        self.keys[name] = key

    def close(self) -> None:
        """Let go of the journal."""
        self._file.close()

    def _load(self) -> None:
        self._file.seek(0)
        data = self._file.readall() or b""
        whole = data.rfind(b"\n") + 1
        if whole < len(data):
            self._file.truncate(whole)
        damaged = 0
        for line in data[:whole].splitlines():
            try:
                name, size, date = json.loads(line)
                self.keys[str(name)] = (int(size), int(date))
            except (ValueError, TypeError):
                damaged += 1
        if damaged:
            log.warning("%s has %d damaged lines; their files are taken again", self._path, damaged)
