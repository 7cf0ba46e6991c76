"""The archiver: everything that the desk hands out goes into one NeXus file a run."""

from __future__ import annotations

import time
from collections import defaultdict
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
"""Frames in hand at most; the desk's queue holds the rest."""
RECEIPT_PERIOD_S = 0.05
RECEIPT_FRAMES = 64


def run(plan: Plan, life: Life) -> int:
    """Archive until the desk says bye."""
    settings = plan.parsed()
    folder = settings.archive.folder
    folder.mkdir(parents=True, exist_ok=True)
    desk = DeskReader(plan.desk, "archive", "archiver", CREDIT)
    archiver = Archiver(folder, desk)
    while not (desk.dismissed or life.orphaned):
        archiver.step()
    archiver.abandon()
    desk.close()
    return 0


@dataclass(slots=True)
class Receipts:
    """What became of the frames of one run since the last receipt."""

    archived: list[int] = field(default_factory=list)
    refused: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))

    @property
    def frames(self) -> list[int]:
        """All frames that are no longer in hand."""
        return self.archived + [n for numbers in self.refused.values() for n in numbers]


class Archiver:
    """The open archives, by run."""

    def __init__(self, folder: Path, desk: DeskReader) -> None:
        self.folder = folder
        self.desk = desk
        self.open: dict[str, Archive] = {}
        self.broken: dict[str, str] = {}
        """Runs whose archive can't be written any more, and why."""
        self._receipts: dict[str, Receipts] = defaultdict(Receipts)
        self._waiting = 0
        self._given = time.monotonic()

    def step(self) -> None:
        """Take one message; give receipts when it is time."""
        message = self.desk.take(int(RECEIPT_PERIOD_S * 1000))
        match message:
            case Frame():
                self._frame(message)
            case RunStart():
                self._start(message)
            case Result():
                self._result(message)
            case RunStop():
                self._stop(message)
        due = time.monotonic() - self._given > RECEIPT_PERIOD_S
        if self._waiting and (due or self._waiting >= RECEIPT_FRAMES):
            self._give_receipts()

    def _start(self, start: RunStart) -> None:
        if start.run in self.open:
            return
        try:
            self.open[start.run] = Archive.create(self.folder, start)
        except ArchiveError as error:
            self._break(start.run, error)

    def _frame(self, frame: Frame) -> None:
        receipts = self._receipts[frame.run]
        archive = self.open.get(frame.run)
        self._waiting += 1
        if archive is None or frame.run in self.broken:
            receipts.refused["archive_failed"].append(frame.number)
            return
        try:
            archive.add(frame)
            receipts.archived.append(frame.number)
        except WireError as error:
            log.warning("refused", run=frame.run, frame=frame.number, error=str(error))
            receipts.refused[error.reason].append(frame.number)
        except ArchiveError as error:
            self._break(frame.run, error)
            receipts.refused["archive_failed"].append(frame.number)

    def _result(self, result: Result) -> None:
        archive = self.open.get(result.run)
        if archive is None or result.run in self.broken:
            return
        try:
            archive.add_result(result)
        except WireError as error:
            log.warning("result refused", run=result.run, error=str(error))
        except ArchiveError as error:
            self._break(result.run, error)

    def _break(self, run: str, error: ArchiveError) -> None:
        log.warning("archive failed", run=run, error=str(error))
        self.broken[run] = str(error)
        self.desk.say("receipt", {"run": run, "frames": [], "alarm": str(error)})

    def _stop(self, stop: RunStop) -> None:
        self._give_receipts()
        archive = self.open.pop(stop.run, None)
        said: dict[str, Any] = {"run": stop.run, "path": None}
        error = self.broken.pop(stop.run, None)
        if archive is not None:
            try:
                said["path"] = str(archive.abandon() if error else archive.close(stop))
            except ArchiveError as failed:
                error = str(failed)
        if error:
            said["error"] = error
        self.desk.say("closed", said)

    def _give_receipts(self) -> None:
        for run, receipts in self._receipts.items():
            frames = receipts.frames
            said = {"archived": receipts.archived, "refused": dict(receipts.refused)}
            self.desk.say("receipt", {"run": run, "frames": frames, **said})
        self._receipts.clear()
        self.desk.credit(self._waiting)
        self._waiting = 0
        self._given = time.monotonic()

    def abandon(self) -> None:
        """Close what is still open as well as can be."""
        for archive in self.open.values():
            archive.abandon()
        self.open.clear()
