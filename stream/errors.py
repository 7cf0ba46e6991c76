"""What can go wrong with what travels.

    StreamError
    ├── WireError      a message can't be understood: it is dropped and counted under its reason
    ├── FileError      a file can't be read: it is named, the others go on
    └── ArchiveError   the archive can't be written: the run closes as incomplete

The class is the policy: whoever catches one knows what to do without reading its text.
"""

from __future__ import annotations


class StreamError(Exception):
    """The root: catch this to catch everything that stream raises on purpose."""


class WireError(StreamError):
    """A message can't be understood; `reason` is a stable word for the counters.

    `run` and `number` say which frame it would have been, where the message got far enough
    to tell: then the account lists that frame as refused instead of missing.
    """

    def __init__(
        self, reason: str, detail: str, *, run: str | None = None, number: int | None = None
    ) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail
        self.run = run
        self.number = number


class FileError(StreamError):
    """A file can't be read; the text says which, why, and what to do."""


class ArchiveError(StreamError):
    """The archive can't be written (disk full, folder gone); the run closes as incomplete."""
