"""The folders of the spool: one for each run, in a root that one service owns."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
from pathlib import Path
from typing import Self

from ..errors import SpoolError
from ..folders import sync_folder
from .log import SEGMENT_BYTES, Log
from .segment import numbers

FRAMES, LOG = "frames", "log"
"""The two logs of a run: what it took in; what became of it."""
LOCK = ".lock"


class RunSpool:
    """The spool of one run, written by this process: its frames, and the log of all else."""

    def __init__(self, path: Path, *, segment_bytes: int = SEGMENT_BYTES) -> None:
        self.path = path
        self.frames = Log(path, FRAMES, segment_bytes=segment_bytes)
        try:
            self.log = Log(path, LOG, segment_bytes=segment_bytes)
        except SpoolError:
            self.frames.close()
            raise
        self.closed = False

    @classmethod
    def create(cls, root: Path, stem: str, *, segment_bytes: int = SEGMENT_BYTES) -> Self:
        """Make the spool of a new run; SpoolError if there is one of that name, or no room."""
        path = root / stem
        try:
            path.mkdir(parents=True)
            sync_folder(root)
        except OSError as error:
            raise SpoolError(f"can't make the spool folder {path}: {error.strerror}") from error
        return cls(path, segment_bytes=segment_bytes)

    @classmethod
    def open(cls, path: Path, *, segment_bytes: int = SEGMENT_BYTES) -> Self:
        """Continue the spool of a run; SpoolError if there is none, or it can't be written."""
        if not is_spool(path):
            raise SpoolError(f"{path} is no spool: it has no {LOG}-000000.bslog")
        return cls(path, segment_bytes=segment_bytes)

    @property
    def nbytes(self) -> int:
        """Bytes on the disk now."""
        return self.frames.nbytes + self.log.nbytes

    @property
    def torn(self) -> int:
        """Bytes of half records that were cut off at opening."""
        return self.frames.torn + self.log.torn

    @property
    def unsynced(self) -> int:
        """Bytes that a power cut would take."""
        return self.frames.unsynced + self.log.unsynced

    def sync(self) -> None:
        """Bring all of it onto the disk; from any one thread. SpoolError if the disk fails."""
        if not self.closed:
            self.frames.sync()
            self.log.sync()

    def close(self) -> None:
        """Bring all onto the disk and let go of the files; SpoolError if the disk fails."""
        try:
            if self.unsynced:
                self.sync()
        finally:
            self._let_go()

    def put_back(self) -> bool:
        """Make the files again that were deleted under us, as far as they are open; if any were.

        SpoolError if the disk refuses.
        """
        try:
            return any([log.put_back() for log in (self.frames, self.log)])
        except OSError as error:
            raise SpoolError(
                f"the spool {self.path} was deleted and can't be put back: {error.strerror}"
            ) from error

    def _let_go(self) -> None:
        self.closed = True
        self.frames.close()
        self.log.close()

    def remove(self) -> int:
        """Delete the whole folder, and give the bytes freed; SpoolError if it can't be."""
        self._let_go()
        nbytes = self.nbytes
        try:
            shutil.rmtree(self.path)
        except FileNotFoundError:
            return 0
        except OSError as error:
            raise SpoolError(f"can't delete the spool {self.path}: {error.strerror}") from error
        return nbytes


def is_spool(path: Path) -> bool:
    """Whether a folder is the spool of a run."""
    return path.is_dir() and any(numbers(path, name) for name in (LOG, FRAMES))


class SpoolRoot:
    """A folder of runs' spools, locked for this process as long as it lives."""

    def __init__(self, path: Path, *, segment_bytes: int = SEGMENT_BYTES) -> None:
        self.path = path
        self.segment_bytes = segment_bytes
        try:
            path.mkdir(parents=True, exist_ok=True)
            self._lock = os.open(path / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        except OSError as error:
            raise SpoolError(f"can't use the spool folder {path}: {error.strerror}") from error
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(self._lock)
            why = "another service uses it; name another in [spool] folder"
            raise SpoolError(f"can't use the spool folder {path}: {why}") from error

    def create(self, stem: str) -> RunSpool:
        """Make the spool of a new run."""
        return RunSpool.create(self.path, stem, segment_bytes=self.segment_bytes)

    def put_back(self) -> None:
        """Make the folder and its lock again if they were deleted under us; OSError."""
        if (self.path / LOCK).exists() or self._lock < 0:
            return
        self.path.mkdir(parents=True, exist_ok=True)
        with open(self.path / LOCK, "xb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.dup2(lock.fileno(), self._lock, inheritable=False)

    def leftovers(self) -> list[Path]:
        """The runs' spools that lie here, the oldest first; SpoolError if they can't be listed."""
        try:
            found = [(path.stat().st_mtime_ns, path) for path in self.path.iterdir()
                     if is_spool(path)]  # fmt: skip
        except OSError as error:
            raise SpoolError(f"can't list the spool {self.path}: {error.strerror}") from error
        return [path for _, path in sorted(found)]

    @property
    def nbytes(self) -> int:
        """Bytes of all runs' spools on the disk now."""
        return sum(_size(path) for path in self.path.rglob("*.bslog"))

    def close(self) -> None:
        """Let another service have it."""
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1


def _size(path: Path) -> int:
    with contextlib.suppress(OSError):
        return path.stat().st_size
    return 0
