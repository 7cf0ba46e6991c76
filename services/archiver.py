"""The archiver: follows the spool of each run, and builds its NeXus archive from it.

It trusts nothing but the spool and archive files that were closed: whatever ends it, its successor
drops the open files and goes on from the spool. A frame is reported as archived once it can be read
in the archive, and as held once it is in a closed file that was read again; then the spool may
forget it.
"""

from __future__ import annotations

import time
from collections import defaultdict
from pathlib import Path
from typing import Any

from ..stream.errors import ArchiveError, SpoolError, WireError
from ..stream.framenumbers import Numbers
from ..stream.messages import Result, RunStart, RunStop
from ..stream.nexus import Archive, Limits
from ..stream.spool import Mark, Record, crcs_of, frame_of, message_of
from .follower import START, Follower, settled
from .logs import logger
from .reader import DeskReader, Tail
from .service import Life, Plan
from .settings import Settings

log = logger("archiver")
IDLE_MS = 100
RECEIPT_PERIOD_S = 0.05
TURN_BYTES = 64 << 20
TURN_FRAMES = 256
"""Taken from one spool in one turn at most; then it is flushed, and the others have theirs."""
FLUSH_S = 0.5
RETRY_S = (1.0, 2.0, 5.0, 10.0)
"""An archive that can't be written is tried again after so long; the spool keeps everything."""
FAILED = "archive_failed"
MOST_BLAMED = 3
"""So often one frame may make the archive fail; then it is refused, and the others go on."""
MOST_CLOSED = 1000
"""Closed runs that are remembered, for a tail that comes late."""


def run(plan: Plan, life: Life) -> int:
    """Archive until the desk says bye."""
    settings = plan.parsed()
    settings.archive.folder.mkdir(parents=True, exist_ok=True)
    desk = DeskReader(plan.desk, "archive", "archiver", 0)
    archiver = Archiver(settings, desk)
    while not desk.leaves(life):
        archiver.step()
    archiver.abandon()
    desk.close()
    return 0


class Archiver:
    """The runs whose archives are open."""

    def __init__(self, settings: Settings, desk: DeskReader) -> None:
        self.folder = settings.archive.folder
        self.limits = limits(settings)
        self.desk = desk
        self.runs: dict[str, Follower] = {}
        self.closed: dict[str, str] = {}
        """The archives that were closed last, by their stems."""
        self._told = time.monotonic()

    def step(self) -> None:
        """Hear how far the spools go; take a turn of each; tell what is safe."""
        busy = any(f.behind and time.monotonic() >= f.retry_at for f in self.runs.values())
        while news := self.desk.take(0 if busy else IDLE_MS):
            for said in news:
                if isinstance(said, Tail):
                    self._hear(said.said)
            busy = True
        if self.desk.asked_again:
            self._tell_again()
        for follower in list(self.runs.values()):
            if time.monotonic() >= follower.retry_at:
                self._turn(follower)
        if time.monotonic() - self._told > RECEIPT_PERIOD_S:
            self._tell()

    def _hear(self, said: dict[str, Any]) -> None:
        run, path = said["run"], self.closed.get(said["stem"])
        if path is not None:
            # it was under way when we closed; or it is from a new ingest, which was not told
            self.desk.say("closed", {"run": run, "path": path})
            return
        follower = self.runs.get(run)
        if follower is None or follower.stem != said["stem"]:
            follower = Follower(run, said["stem"], Path(said["spool"]))
            self.runs[run] = follower
        follower.frames_end = max(follower.frames_end, Mark(*said["frames"]))
        follower.log_end = max(follower.log_end, Mark(*said["log"]))

    def _tell_again(self) -> None:
        """A new ingest knows of no receipt: tell it of every frame anew."""
        self.desk.asked_again = False
        for follower in self.runs.values():
            if follower.archive is not None:
                follower.readable.add_ranges(follower.archive.kept.ranges())
            follower.refused = defaultdict(list, {r: list(n) for r, n in follower.unfit.items()})
            follower.told_at = START

    def _turn(self, follower: Follower) -> None:
        """Take some of what is new; whatever the disk refuses is taken again later."""
        try:
            took = self._take_log(follower)
            if follower.archive is not None and follower.archive.closed:
                self._closed(follower, follower.archive.master)  # it died before it could say so
            elif follower.archive is not None:
                took += self._take_frames(follower, follower.archive)
                self._flush(follower, follower.archive, idle=not took)
                if follower.stop is not None and not follower.behind:
                    self._close(follower, follower.archive, follower.stop)
            if took and follower.failures:
                self._recovered(follower)
        except SpoolError as error:
            self._fail(follower, error)  # the archive is as good as before
        except (ArchiveError, OSError) as error:
            self._fail(follower, error)
            if follower.archive is not None:
                follower.archive.abandon()
            # what is in closed files stays there, and the spool gets room
            self.desk.say("receipt", {"run": follower.run, **settled(follower)})
            follower.rewind()

    def _recovered(self, follower: Follower) -> None:
        follower.failures = 0
        self.desk.say("receipt", {"run": follower.run, "alarm": ""})

    def _fail(self, follower: Follower, error: Exception) -> None:
        wait = RETRY_S[min(follower.failures, len(RETRY_S) - 1)]
        follower.failures += 1
        log.warning("archive failed", run=follower.run, error=str(error), again_in_s=wait)
        words = f"run {follower.run}: {error}; its frames stay in the spool, tried again"
        self.desk.say("receipt", {"run": follower.run, "alarm": words})
        follower.retry_at = time.monotonic() + wait

    # what is in the spool

    def _take_log(self, follower: Follower) -> int:
        took = 0
        for mark, record in follower.log.read(follower.log_at, follower.log_end):
            self._entry(follower, record)
            follower.log_at = mark
            took += 1
            if took >= TURN_FRAMES:
                break
        else:
            follower.log_at = follower.log_end
        return took

    def _entry(self, follower: Follower, record: Record) -> None:
        if record.kind not in ("start", "result", "stop"):
            return
        at = Mark(record.place.segment, record.place.offset)
        try:
            record.check()
            if follower.blamed[at] < MOST_BLAMED:
                self._message(follower, message_of(record))
        except WireError as error:
            log.warning("refused", run=follower.run, entry=record.kind, error=str(error))
        except ArchiveError as error:
            follower.blamed[at] += record.kind == "result" and not of_the_disk(error)
            raise

    def _message(self, follower: Follower, message: RunStart | Result | RunStop) -> None:
        archive = follower.archive
        if isinstance(message, RunStart):
            follower.archive = Archive.resume(
                self.folder, follower.stem, message, limits=self.limits
            )
        elif isinstance(message, RunStop):
            follower.stop = message
        elif archive is not None and not archive.closed:
            archive.add_result(message)

    def _take_frames(self, follower: Follower, archive: Archive) -> int:
        at = follower.frames_at
        took = nbytes = 0
        for mark, record in follower.frames.read(at, follower.frames_end):
            if record.kind == "frame":
                self._frame(follower, archive, mark.segment, record)
            follower.frames_at = mark
            took += 1
            nbytes += record.place.nbytes
            if took >= TURN_FRAMES or nbytes >= TURN_BYTES:
                break
        else:
            follower.frames_at = follower.frames_end
        return took

    def _frame(self, follower: Follower, archive: Archive, segment: int, record: Record) -> None:
        number = int(record.head["number"])
        if not follower.contents or follower.contents[-1][0] != segment:
            follower.contents.append((segment, Numbers()))
        try:
            if follower.blamed[number] >= MOST_BLAMED:
                raise WireError(FAILED, "the archive failed at it again and again")
            if number not in archive.held:
                # every source has walked the blocks, and the archive compares the CRC
                archive.add(frame_of(record), crcs_of(record), checked=True)
        except WireError as error:
            log.warning("refused", run=follower.run, frame=number, error=str(error))
            follower.refused[error.reason].append(number)
            follower.unfit[error.reason].append(number)
            return
        except ArchiveError as error:
            follower.blamed[number] += not of_the_disk(error)
            raise
        follower.pending.add(number)
        follower.contents[-1][1].add(number)

    def _flush(self, follower: Follower, archive: Archive, *, idle: bool) -> None:
        if idle or time.monotonic() - follower.flushed > FLUSH_S:
            follower.flushed = time.monotonic()
            archive.flush()
            follower.readable.add_ranges(follower.pending.ranges())
            follower.pending = Numbers()
            follower.flushed_at = follower.frames_at

    # what is told

    def _tell(self) -> None:
        self._told = time.monotonic()
        for follower in self.runs.values():
            said = settled(follower)
            if said or follower.told_at != follower.flushed_at:
                follower.told_at = at = follower.flushed_at
                said["at"] = [at.segment, at.offset]
                self.desk.say("receipt", {"run": follower.run, **said})

    def _close(self, follower: Follower, archive: Archive, stop: RunStop) -> None:
        path = archive.close(stop)
        follower.readable.add_ranges(follower.pending.ranges())
        self.desk.say("receipt", {"run": follower.run, **settled(follower)})
        self._closed(follower, path)

    def _closed(self, follower: Follower, path: Path) -> None:
        self.desk.say("closed", {"run": follower.run, "path": str(path)})
        self.closed[follower.stem] = str(path)
        while len(self.closed) > MOST_CLOSED:
            del self.closed[next(iter(self.closed))]
        del self.runs[follower.run]
        follower.close()

    def abandon(self) -> None:
        """Leave what is open to the next start: the spool has it all."""
        for follower in self.runs.values():
            if follower.archive is not None:
                follower.archive.abandon()
            follower.close()
        self.runs.clear()


def of_the_disk(error: ArchiveError) -> bool:
    """Whether the system refused (space, permission, no folder): then the frame is not to blame."""
    cause = error.__cause__
    return cause is None or (isinstance(cause, OSError) and cause.errno is not None)


def limits(settings: Settings) -> Limits:
    """Archive files so small that the spool can be trimmed long before its budget is used."""
    budget = int(settings.spool.budget_gb * 1e9)
    return Limits(
        segment_frames=settings.archive.segment_frames,
        segment_bytes=min(Limits().segment_bytes, max(budget // 8, 1)),
    )
