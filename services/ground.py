"""The folder of a running service: sockets, logs, plan; and what killed services left behind.

A service that ends takes its folder with it. One that is killed can't: its folder stays for a day,
so that its logs can be read, and the next service to start then clears it away.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

PREFIX = "beamside-"
HELD = "in-use"
"""Locked as long as the service lives: the kernel lets go of it however it dies."""
KEPT_S = 24 * 3600.0


@dataclass(frozen=True, slots=True)
class Ground:
    """A folder that only this user can enter, with a path short enough for ipc sockets."""

    folder: Path
    lock: int

    @classmethod
    def taken(cls) -> Ground:
        """Make a new one, and clear away those that killed services left long ago."""
        sweep(Path(tempfile.gettempdir()))
        folder = Path(tempfile.mkdtemp(prefix=PREFIX))
        lock = os.open(folder / HELD, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        fcntl.flock(lock, fcntl.LOCK_EX)
        return cls(folder, lock)

    def left(self) -> None:
        """Let go of it, and remove it."""
        shutil.rmtree(self.folder, ignore_errors=True)
        with contextlib.suppress(OSError):
            os.close(self.lock)


def sweep(within: Path, older_s: float = KEPT_S) -> list[Path]:
    """Remove folders of this user whose service is gone for `older_s`; those that were removed."""
    return [folder for folder in within.glob(PREFIX + "*") if _swept(folder, older_s)]


def _swept(folder: Path, older_s: float) -> bool:
    try:
        mine = folder.stat().st_uid == os.getuid() and not folder.is_symlink()
        lock = os.open(folder / HELD, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError:
        return False
    try:
        newest = max((file.lstat().st_mtime for file in folder.iterdir()), default=0.0)
        if not mine or time.time() - newest < older_s:
            return False
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    else:
        shutil.rmtree(folder, ignore_errors=True)
        return True
    finally:
        os.close(lock)
