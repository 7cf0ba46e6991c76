"""A folder of archives as a sink: every run becomes a NeXus archive, without a service."""

from __future__ import annotations

from pathlib import Path

from .errors import WireError
from .messages import Frame, Message, Result, RunStart, RunStop
from .nexus import Archive, claim


class ArchiveSink:
    """Writes what it is sent; ArchiveError when the disk can't take it."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.written: list[Path] = []
        """The closed archives."""
        self._open: dict[str, Archive] = {}

    @property
    def endpoint(self) -> str:
        """The folder."""
        return str(self.folder)

    def send(self, message: Message, timeout_s: float = 10.0) -> bool:
        """Archive `message`; False if it belongs to no run that was started, or does not fit it."""
        del timeout_s
        if isinstance(message, RunStart):
            stem = claim(self.folder, message)
            self._open[message.run] = Archive.create(self.folder, stem, message)
            return True
        archive = self._open.get(message.run)
        if archive is None:
            return False
        try:
            self._write(archive, message)
        except WireError:
            return False
        return True

    def _write(self, archive: Archive, message: Frame | Result | RunStop) -> None:
        match message:
            case Frame():
                archive.add(message)
            case Result():
                archive.add_result(message)
            case RunStop():
                self.written.append(self._open.pop(message.run).close(message))

    def close(self, linger_s: float = 5.0) -> None:
        """Close what was not ended; the segments of such runs stay `.part` files."""
        del linger_s
        for archive in self._open.values():
            archive.abandon()
        self._open.clear()
