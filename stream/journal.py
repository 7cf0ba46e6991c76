"""A small file of events, one JSON object a line: appended, never changed, read with suspicion."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson

from .errors import FileError

LONGEST = 16 << 20
"""Bytes that are read at most: such a file is written by hands."""


def append(path: Path, event: Mapping[str, Any]) -> None:
    """Write one event and force it to the disk; FileError if it can't be."""
    line = orjson.dumps(dict(event)) + b"\n"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
        try:
            end = os.fstat(file).st_size
            if end and os.pread(file, 1, end - 1) != b"\n":
                line = b"\n" + line  # behind a line that a crash cut off
            os.write(file, line)
            os.fsync(file)
        finally:
            os.close(file)
    except OSError as error:
        raise FileError(f"can't write {path}: {error.strerror}") from error


def read(path: Path) -> list[dict[str, Any]]:
    """Give the events in order, none if there is no file; lines that are none are passed over.

    FileError if it can't be read.
    """
    try:
        with path.open("rb") as file:
            lines = file.read(LONGEST).splitlines()
    except FileNotFoundError:
        return []
    except OSError as error:
        raise FileError(f"can't read {path}: {error.strerror}") from error
    events = []
    for line in lines:
        try:
            event = orjson.loads(line)
        except orjson.JSONDecodeError:
            continue
        if isinstance(event, dict):
            events.append(event)
    return events
