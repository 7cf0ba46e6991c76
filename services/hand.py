"""What a foreign hand has hold of, noted in a file that outlives its crash: who is to blame?"""

from __future__ import annotations

import contextlib
import os
import signal
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

HEAD_BYTES = 256
"""What is in hand now; behind it a line for each crash."""


class Hand:
    """Holds one thing of one owner at a time.

    Work that takes longer than `limit_s` is ended with its process, and counts as a crash: nothing
    else ends what hangs inside of a library. None: nobody watches.
    """

    def __init__(self, path: Path, limit_s: float | None) -> None:
        """Read what the last process that used `path` left in hand; OSError."""
        self._limit_s = limit_s
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        said = os.pread(self._file, 1 << 20, 0)
        held = said[:HEAD_BYTES].rstrip(b" \0").decode(errors="replace")
        self.crashes = Counter(said[HEAD_BYTES:].decode(errors="replace").splitlines())
        """How often work died, by `owner what`."""
        if held:
            self.crashes[held] += 1
            os.pwrite(self._file, f"{held}\n".encode(), max(len(said), HEAD_BYTES))
        self._note("")

    def of(self, owner: str) -> int:
        """How often anything of this owner died."""
        return sum(n for held, n in self.crashes.items() if held.startswith(f"{owner} "))

    @contextlib.contextmanager
    def holding(self, owner: str, what: str) -> Iterator[None]:
        """Do some work within."""
        self._note(f"{owner} {what}")
        if self._limit_s is not None:
            signal.setitimer(signal.ITIMER_REAL, self._limit_s)
        try:
            yield
        finally:
            if self._limit_s is not None:
                signal.setitimer(signal.ITIMER_REAL, 0)
            self._note("")

    def _note(self, text: str) -> None:
        os.pwrite(self._file, text.encode()[:HEAD_BYTES].ljust(HEAD_BYTES), 0)

    def close(self) -> None:
        """Let go of the file."""
        os.close(self._file)
