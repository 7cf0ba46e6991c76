"""What the archive asks of a disk: space kept back, files made safe, its words when it fails."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, cast


class Reserve:
    """Disk space taken up under no name: it comes back when it is let go, also by dying."""

    def __init__(self, folder: Path, nbytes: int) -> None:
        """Take `nbytes` of the disk that `folder` is on; OSError if it has not got them."""
        self._nbytes = nbytes
        self._file = cast(BinaryIO, tempfile.TemporaryFile(dir=folder, buffering=0))  # noqa: SIM115
        try:
            self.take()
        except BaseException:
            self.close()
            raise

    @contextlib.contextmanager
    def lent(self) -> Iterator[None]:
        """Let the space go for what is done inside, and take it again."""
        if not self._file.closed:
            self._file.truncate(0)
        yield
        if not self._file.closed:
            self.take()

    def take(self) -> None:
        """Take the space, really: not as a hole in a file."""
        os.posix_fallocate(self._file.fileno(), 0, self._nbytes)

    def close(self) -> None:
        """Let the space go for good."""
        self._file.close()


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
