"""Room on the disk: blocks are taken up before HDF5 writes into them, so it meets no full disk.

Decided 2026-11: a full disk during a flush leaves a file of HDF5's that can't be opened, and a
process that crashes later, when another file is closed (seen with HDF5 2.0). So the room is asked
for first, and a refusal comes while everything is still whole. Rejected: a file driver of our own
in Python under HDF5 (0.01 ms a frame more, and no SWMR, which live readers need).
"""

from __future__ import annotations

import ctypes
import errno
import os
import resource
from collections.abc import Callable
from pathlib import Path

from ..folders import sync_folder

MARGIN = 1 << 20
"""Always kept free beyond what was asked for: HDF5's own tables."""
SPARE = 64 << 20
"""Where blocks can't be taken up (some network shares), so much must be free."""
KEEP_SIZE = 1
CANNOT = (errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL)


class Room:
    """The room of one file; `size` tells how long HDF5 believes it to be."""

    def __init__(self, path: Path, size: Callable[[], int], step: int) -> None:
        """Take up the first `step` bytes and the margin; OSError if they are not there."""
        self._step = step
        self._size = size
        self._from = 0
        self._left = 0
        self._descriptor = os.open(path, os.O_RDWR)
        try:
            self.want(0)
        except BaseException:
            os.close(self._descriptor)
            raise

    def want(self, nbytes: int) -> None:
        """Make sure of `nbytes` more; OSError (disk full, quota, limit), and all is as before."""
        left = self._left - nbytes
        if left < MARGIN:
            size = self._size()
            left = self._step + MARGIN
            self._take(size + nbytes + left)
            self._from = size
        self._left = left

    def measure(self, size: Callable[[], int]) -> None:
        """Ask another for the size: the file was opened again."""
        self._size = size

    def renew(self) -> None:
        """Make sure of the margin again: at a flush HDF5 may give blocks beyond its end back."""
        self._left = 0
        self.want(0)

    def _take(self, until: int) -> None:
        most, _ = resource.getrlimit(resource.RLIMIT_FSIZE)
        if most != resource.RLIM_INFINITY and until > most:
            raise OSError(errno.EFBIG, os.strerror(errno.EFBIG))
        if not _allocate(self._descriptor, self._from, until - self._from):
            disk = os.fstatvfs(self._descriptor)
            if disk.f_bavail * disk.f_frsize < until - self._from + SPARE:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def sync(self) -> None:
        """Give back what was not needed, and wait until the file is on the disk."""
        os.ftruncate(self._descriptor, os.fstat(self._descriptor).st_size)
        os.fsync(self._descriptor)

    def close(self) -> None:
        """Let go of the file."""
        os.close(self._descriptor)


def _allocate(descriptor: int, start: int, nbytes: int) -> bool:
    """Take up blocks without making the file longer; False where the disk can't do that."""
    if _fallocate is None:
        return False
    while _fallocate(descriptor, KEEP_SIZE, start, nbytes):
        code = ctypes.get_errno()
        if code in CANNOT:
            return False
        if code != errno.EINTR:
            raise OSError(code, os.strerror(code))
    return True


def settle_folder(folder: Path) -> None:
    """Wait until the names in a folder are on the disk; some network shares can't."""
    try:
        sync_folder(folder)
    except OSError as error:
        if error.errno not in CANNOT:
            raise


def words(error: BaseException) -> str:
    """Give the system's own words, without HDF5's pages around them."""
    number = getattr(error, "errno", None)
    return os.strerror(number) if number else str(error).split("(")[0].strip()[:200]


def _find() -> Callable[[int, int, int, int], int] | None:
    found = getattr(ctypes.CDLL(None, use_errno=True), "fallocate", None)
    if found is not None:
        found.argtypes = (ctypes.c_int, ctypes.c_int, ctypes.c_int64, ctypes.c_int64)
        found.restype = ctypes.c_int
    return found


_fallocate = _find()
