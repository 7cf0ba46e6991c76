"""The file under HDF5: what the disk refuses costs the last bytes, not the file or the process.

Decided 2026-11: the archive gives HDF5 a file of its own. A write of HDF5's own tables that fails
is done again in disk space kept back for that; if that fails too it is remembered and not told.
Rejected: HDF5's driver. There a full disk during a flush leaves a file that can't be opened, and a
process that crashes later, when another file is closed (seen with HDF5 2.0). The price is a call
of Python for each write, about 0.01 ms a frame, and no SWMR on this file.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, cast

from ..messages import Buffer

LARGE = 1 << 16
"""Bytes; the tables of HDF5 are written in smaller pieces."""


class GuardedFile:
    """A file whose small writes never fail before the eyes of HDF5; read `error` after using it."""

    def __init__(self, path: Path, reserve_bytes: int) -> None:
        """Open and lock `path`, which exists, and take up the reserve; OSError if it can't be."""
        self.error: OSError | None = None
        """What the disk said first."""
        self.damaged = False
        """Whether something was lost that HDF5 believes to be in the file."""
        self._at = 0
        self._telling = False
        self._descriptor = os.open(path, os.O_RDWR)
        try:
            _lock(self._descriptor)
            self._reserve = _reserve(path.parent, reserve_bytes)
        except BaseException:
            os.close(self._descriptor)
            raise

    @contextlib.contextmanager
    def pixels(self) -> Iterator[None]:
        """Let large writes fail inside: HDF5 can bear it there; the reserve is for its tables."""
        self._telling = True
        try:
            yield
        finally:
            self._telling = False

    # what h5py calls

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go to a place."""
        self._at = offset if whence == os.SEEK_SET else os.lseek(self._descriptor, offset, whence)
        return self._at

    def tell(self) -> int:
        """Give the place."""
        return self._at

    def read(self, size: int = -1) -> bytes:
        """Read bytes from here."""
        data = os.pread(self._descriptor, size if size >= 0 else 1 << 30, self._at)
        self._at += len(data)
        return data

    def readinto(self, buffer: memoryview) -> int:
        """Fill `buffer` from here."""
        size = os.preadv(self._descriptor, [buffer], self._at)
        self._at += size
        return size

    def write(self, data: Buffer) -> int:
        """Write here; OSError only for `pixels`."""
        try:
            self._write(data)
        except OSError as error:
            self.error = self.error or error
            if self._telling and len(data) >= LARGE:
                raise
            self._write_in_reserve(data)
        self._at += len(data)
        return len(data)

    def truncate(self, size: int) -> int:
        """Make the file so long."""
        try:
            os.ftruncate(self._descriptor, size)
        except OSError as error:
            self.error = self.error or error
            self.damaged = True
        return size

    def flush(self) -> None:
        """Nothing is held back here."""

    # what the archive calls

    def sync(self) -> None:
        """Wait until everything is on the disk."""
        os.fsync(self._descriptor)

    def close(self) -> None:
        """Let the file and the reserve go."""
        self._reserve.close()
        os.close(self._descriptor)

    def _write(self, data: Buffer) -> None:
        done = os.pwrite(self._descriptor, data, self._at)
        view = memoryview(data)
        while done < len(data):
            done += os.pwrite(self._descriptor, view[done:], self._at + done)

    def _write_in_reserve(self, data: Buffer) -> None:
        self._reserve.close()
        try:
            self._write(data)
        except OSError:
            self.damaged = True


def _lock(descriptor: int) -> None:
    """Keep readers out until the file is whole, as HDF5 does; some network shares can't."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise
    except OSError:
        pass


def _reserve(folder: Path, nbytes: int) -> BinaryIO:
    """Take up disk space under no name: it comes back when this is closed, also by dying."""
    file = cast(BinaryIO, tempfile.TemporaryFile(dir=folder, buffering=0))  # noqa: SIM115
    try:
        if sys.platform == "linux":
            os.posix_fallocate(file.fileno(), 0, nbytes)
        else:
            file.write(os.urandom(nbytes))  # random, because some disks keep zeros for nothing
    except BaseException:
        file.close()
        raise
    return file


def sync_folder(folder: Path) -> None:
    """Wait until the names in a folder are on the disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def words(error: Exception) -> str:
    """Give the system's own words, without HDF5's pages around them."""
    number = getattr(error, "errno", None)
    return os.strerror(number) if number else str(error).split("(")[0].strip()[:200]
