"""A folder of named records, one JSON file each: two programs may add to it at the same time."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson

from .errors import FileError

SUFFIX = ".json"
LARGEST = 16 << 20
"""Bytes of one record; more is none of ours."""


def read_records(folder: Path) -> dict[str, Any]:
    """Read all records by name, in the order of their names; FileError names a bad one.

    A folder that is not there holds none.
    """
    if not folder.exists():
        return {}
    try:
        return {path.stem: _read(path) for path in sorted(folder.glob(f"*{SUFFIX}"))}
    except OSError as error:
        raise FileError(f"{error.filename or folder}: can't be read: {error.strerror}") from error


def add_record(folder: Path, name: str, record: Mapping[str, Any]) -> Path:
    """Write a new record, whole or not at all; FileError if there is one of this name."""
    path = folder / f"{name}{SUFFIX}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        descriptor, draft = tempfile.mkstemp(prefix=f".{name}-", dir=folder)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(orjson.dumps(record))
                file.flush()
                os.fsync(file.fileno())
            os.link(draft, path)  # unlike a rename, this replaces nothing
        finally:
            os.unlink(draft)
    except OSError as error:
        if path.exists():
            raise FileError(f"{path}: there is one already; remove it first") from error
        raise FileError(f"{path}: can't be written: {error.strerror}") from error
    return path


def remove_record(folder: Path, name: str) -> Path:
    """Remove a record; FileError if there is none of this name."""
    path = folder / f"{name}{SUFFIX}"
    try:
        path.unlink()
    except OSError as error:
        raise FileError(f"{path}: can't be removed: {error.strerror}") from error
    return path


def _read(path: Path) -> Any:
    if path.stat().st_size > LARGEST:
        raise FileError(f"{path}: too large for a record; remove it")
    try:
        return orjson.loads(path.read_bytes())
    except orjson.JSONDecodeError as error:
        raise FileError(f"{path}: is no record ({error}); remove it") from error
