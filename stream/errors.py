"""What can go wrong with what travels.

    StreamError
    ├── WireError      a message can't be understood: it is dropped and counted under its reason
    ├── FileError      a file can't be read: it is named, the others go on
    ├── ArchiveError   the archive can't be written: the run closes as incomplete
    ├── SpoolError     the spool can't be written or read: nothing more is taken in until it can
    └── KeyFileError   a key can't be used: the door it belongs to stays shut

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


class SpoolError(StreamError):
    """The spool can't be written or read (disk full, folder gone); nothing that lies in it is lost.

    Who takes frames in stops until it can be written again: the detector then waits.
    """


class KeyFileError(StreamError):
    """A key can't be used (absent, readable by others, no key at all): the door stays shut."""
