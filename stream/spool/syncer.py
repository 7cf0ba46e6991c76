"""A thread that brings the spool onto the disk: every so many bytes, and every so many seconds."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable

from ..errors import SpoolError
from .folder import RunSpool

LOOKS = 10
"""So often within the time allowed it is looked whether the bytes are reached."""


class Syncer:
    """Syncs the runs that `spools` gives, so that a power cut takes at most `seconds` of them.

    It also syncs when `nbytes` are not safe yet. `error` says why the last try failed; the next
    comes by itself. `spools` is called in the thread: it must give a list that nobody changes.
    """

    def __init__(
        self, spools: Callable[[], Iterable[RunSpool]], *, seconds: float, nbytes: int
    ) -> None:
        self.seconds = seconds
        self.nbytes = nbytes
        self.error = ""
        self._spools = spools
        self._awake = threading.Event()
        self._leaving = False
        self._one = threading.Lock()
        self._thread = threading.Thread(target=self._run, name="spool sync", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        # a sync may itself take a while: it begins early enough to be done in time
        due = time.monotonic() + self.seconds / 2
        while not self._leaving:
            self._awake.wait(self.seconds / LOOKS)
            self._awake.clear()
            waiting = sum(spool.unsynced for spool in self._spools())
            if waiting >= self.nbytes or time.monotonic() >= due:
                self.sync()
                due = time.monotonic() + self.seconds / 2

    def look(self) -> None:
        """Look now whether the bytes are reached."""
        self._awake.set()

    def sync(self) -> None:
        """Sync everything now, in the calling thread."""
        errors = []
        with self._one:
            for spool in self._spools():
                try:
                    if spool.unsynced:
                        spool.sync()
                except SpoolError as error:
                    errors.append(str(error))
            self.error = "; ".join(errors)

    def close(self) -> None:
        """End the thread, and sync once more."""
        self._leaving = True
        self._awake.set()
        self._thread.join()
        self.sync()
