"""What the archive asks of a disk: space kept back, files made safe, its words when it fails."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import BinaryIO, cast


def reserve(folder: Path, nbytes: int) -> BinaryIO:
    """Take up disk space under no name: closing it, also by dying, gives the space back."""
    file = cast(BinaryIO, tempfile.TemporaryFile(dir=folder, buffering=0))  # noqa: SIM115
    try:
        data = memoryview(os.urandom(nbytes))  # random, because some disks keep zeros for nothing
        while data:
            data = data[file.write(data) :]
    except BaseException:
        file.close()
        raise
    return file


def sync(path: Path) -> None:
    """Wait until a file or folder is on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def words(error: Exception) -> str:
    """Give the system's own words, without HDF5's pages around them."""
    number = getattr(error, "errno", None)
    return os.strerror(number) if number else str(error).split("(")[0].strip()[:200]
