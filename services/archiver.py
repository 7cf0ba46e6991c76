"""The archiver: everything that the desk hands out goes into one NeXus file a run.

A frame is reported as archived only once its pixels and facts have been flushed to the file; until
then it is in the archiver's hands, and would be given to its successor.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..stream.errors import ArchiveError, WireError
from ..stream.messages import Frame, Result, RunStart, RunStop
from ..stream.nexus import Archive
from .logs import logger
from .reader import DeskReader
from .service import Life, Plan

log = logger("archiver")
CREDIT = 256
"""Frames on their way here at most; the desk's queue holds the rest."""
RECEIPT_PERIOD_S = 0.05
RECEIPT_FRAMES = 64
FLUSH_S = 1.0
FLUSH_BYTES = 64 << 20
"""Written to the file before more is taken: until then the desk keeps these frames too."""
FAILED = "archive_failed"


def run(plan: Plan, life: Life) -> int:
    """Archive until the desk says bye."""
    settings = plan.parsed()
    folder = settings.archive.folder
    folder.mkdir(parents=True, exist_ok=True)
    desk = DeskReader(plan.desk, "archive", "archiver", CREDIT)
    archiver = Archiver(folder, desk)
    while not desk.leaves(life):
        archiver.step()
    archiver.abandon()
    desk.close()
    return 0


@dataclass(slots=True)
class Book:
    """The archive of one run, and the frames whose fate was not told yet."""

    archive: Archive | None
    broken: str | None = None
    """Why it can't be written any more."""
    start: RunStart | None = None
    pending: list[int] = field(default_factory=list)
    """Given to the archive, not flushed yet."""
    refused: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))

    def settle(self) -> dict[str, Any] | None:
        """What to tell the desk: which frames are safe, which never will be; None if neither."""
        kept = self.archive.kept if self.archive is not None else ()
        safe = [number for number in self.pending if number in kept]
        self.pending = [number for number in self.pending if number not in kept]
        if self.broken:
            self.refused[FAILED] += self.pending
            self.pending = []
        refused, self.refused = dict(self.refused), defaultdict(list)
        frames = safe + [number for numbers in refused.values() for number in numbers]
        return {"frames": frames, "archived": safe, "refused": refused} if frames else None


class Archiver:
    """The open archives, by run."""

    def __init__(self, folder: Path, desk: DeskReader) -> None:
        self.folder = folder
        self.desk = desk
        self.desk.open = self._open
        self.books: dict[str, Book] = {}
        self._taken = 0
        self._unflushed = 0
        self._heard = self._safe = 0
        """Messages beside frames that were heard, and of these the ones that are in the file."""
        self._flushed = self._told = time.monotonic()

    def _open(self) -> dict[str, Any]:
        """The runs whose archives are open, their files and what is safe in them."""
        self._flush()
        return {
            run: {"part": str(book.archive.part), "kept": book.archive.kept.ranges()}
            for run, book in self.books.items()
            if book.archive is not None
        }

    def step(self) -> None:
        """Take one message; tell the desk what is safe when it is time."""
        message = self.desk.take(int(RECEIPT_PERIOD_S * 1000))
        self._heard += message is not None and not isinstance(message, Frame)
        match message:
            case Frame():
                self._frame(message)
            case RunStart():
                self.books.setdefault(message.run, Book(None, start=message))
            case Result():
                self._try(message.run, lambda archive: archive.add_result(message))
            case RunStop():
                self._stop(message)
            case None:
                self._flush()
        overdue = self._heard and time.monotonic() - self._flushed > FLUSH_S
        if self._unflushed >= FLUSH_BYTES or overdue:
            self._flush()
        late = time.monotonic() - self._told > RECEIPT_PERIOD_S
        if late or self._taken >= RECEIPT_FRAMES:
            self._tell()

    def _frame(self, frame: Frame) -> None:
        self._taken += 1
        book = self.books.setdefault(frame.run, Book(None, "no start came for it"))
        if book.archive is None and not book.broken and book.start is not None:
            self._begin(book, book.start)  # with the first frame: a start alone leaves no file
        if book.broken:
            book.refused[FAILED].append(frame.number)
            return
        book.pending.append(frame.number)
        self._unflushed += frame.nbytes
        refused = self._try(frame.run, lambda archive: archive.add(frame))
        if refused is not None:
            book.pending.remove(frame.number)
            book.refused[refused].append(frame.number)

    def _begin(self, book: Book, start: RunStart) -> None:
        try:
            book.archive = Archive.create(self.folder, start)
            self.desk.say("opened", {"run": start.run, "part": str(book.archive.part)})
        except ArchiveError as error:
            self._break(start.run, error)

    def _try(self, run: str, write: Callable[[Archive], None]) -> str | None:
        """Write to the archive of `run`; the reason if what was written is refused."""
        book = self.books.get(run)
        if book is None or book.archive is None or book.broken:
            return None
        try:
            write(book.archive)
        except WireError as error:
            log.warning("refused", run=run, error=str(error))
            return error.reason
        except ArchiveError as error:
            self._break(run, error)
        return None

    def _break(self, run: str, error: ArchiveError) -> None:
        log.warning("archive failed", run=run, error=str(error))
        self.books.setdefault(run, Book(None)).broken = str(error)
        self.desk.say("receipt", {"run": run, "frames": [], "alarm": str(error)})

    def _flush(self) -> None:
        """Bring what is pending to the files: nothing came for a moment, or much did."""
        self._unflushed = 0
        self._flushed = time.monotonic()
        for run, book in self.books.items():
            if book.pending or self._heard:
                self._try(run, lambda archive: archive.flush())
        self._safe, self._heard = self._safe + self._heard, 0

    def _tell(self) -> None:
        for run, book in self.books.items():
            said = book.settle()
            if said is not None:
                self.desk.say("receipt", {"run": run, **said})
        if self._safe:
            self.desk.say("receipt", {"run": "", "frames": [], "told": self._safe})
            self._safe = 0
        if self._taken:
            self.desk.credit(self._taken)
        self._taken = 0
        self._told = time.monotonic()

    def _stop(self, stop: RunStop) -> None:
        self._try(stop.run, lambda archive: archive.flush())
        self._tell()
        book = self.books.pop(stop.run, None)
        said: dict[str, Any] = {"run": stop.run, "path": None}
        if book is not None:
            path, error = self._close(book, stop)
            said |= {"path": str(path) if path else None, "error": error}
        self.desk.say("closed", said)
        self._flush()

    def _close(self, book: Book, stop: RunStop) -> tuple[Path | None, str | None]:
        if book.archive is None:
            return None, book.broken
        if book.broken:
            return book.archive.abandon(), book.broken
        try:
            return book.archive.close(stop), None
        except ArchiveError as error:
            return book.archive.part, str(error)

    def abandon(self) -> None:
        """Close what is still open as well as can be."""
        for book in self.books.values():
            if book.archive is not None:
                book.archive.abandon()
        self.books.clear()
