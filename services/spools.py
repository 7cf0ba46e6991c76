"""The spools of the runs in hand, as ingest keeps them: begun, filled, trimmed, removed.

A frame counts as taken only once it is in its spool. What the archive holds (closed, re-read) and
no worker has in hand any more is deleted from the spool segment by segment.
"""

from __future__ import annotations

import contextlib
import shutil
import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ..stream.account import Account
from ..stream.errors import SpoolError, WireError
from ..stream.framenumbers import Numbers
from ..stream.messages import Buffer, Frame, RunStart, RunStop
from ..stream.spool import Mark, Place, RunSpool, SpoolRoot, Syncer, note, of_frame, of_message
from .service import Plan
from .settings import Settings, SpoolSettings

LOOK_S = 0.5
"""How often the free space of the disk is asked for."""
ARCHIVED = "archived"
"""A file that marks a spool whose archive is closed: it is kept for replay, or as evidence."""
MOST_KEPT_FREE = 0.1
"""Of a small disk."""
KEPT_FILL = 0.8
"""Where spools are kept for replay, the oldest go when the budget is used so far."""
FREEABLE = 0.75
"""So much of the budget the frames must use before a detector is made to wait for the archive: it
can hold up to two files of its own open until more frames come, an eighth of the budget each."""
EVERYTHING = 1 << 62


@dataclass(slots=True)
class Spooled:
    """The spool of one run."""

    run: str
    stem: str
    """Name of its folder, and of its archive."""
    files: RunSpool
    held_before: int = 0
    """Segments below this number are in closed archive files."""
    told: tuple[Mark, Mark] | None = None
    """How far the archiver knows of it."""
    counts: dict[str, Any] = field(default_factory=dict)
    """Of the account, as noted last."""
    damaged: bool = False
    """Whether a part of it can't be read: then it is kept, as for replay."""
    unsaid: deque[tuple[Mapping[str, Any], Sequence[Buffer]]] = field(default_factory=deque)
    """What its log could not take yet."""

    @property
    def marks(self) -> tuple[Mark, Mark]:
        """How far its frames and its log go."""
        return self.files.frames.end, self.files.log.end

    @property
    def tail(self) -> dict[str, Any]:
        """What the archiver is told of it."""
        frames, log = self.marks
        return {
            "run": self.run,
            "stem": self.stem,
            "spool": str(self.files.path),
            "frames": [frames.segment, frames.offset],
            "log": [log.segment, log.offset],
        }


class Spools:
    """Every run that has frames in a spool."""

    def __init__(
        self, root: SpoolRoot, settings: SpoolSettings, claim: Callable[[RunStart], str]
    ) -> None:
        self.root = root
        self.runs: dict[str, Spooled] = {}
        self._settings = settings
        self._claim = claim
        self._kept: list[RunSpool] = []
        self._skips: dict[tuple[str, str], Numbers] = defaultdict(Numbers)
        self._others: list[SpoolRoot] = []
        self._looked = 0.0
        self._short = False
        self.syncer = Syncer(
            lambda: [spooled.files for spooled in list(self.runs.values())],
            seconds=settings.sync_s,
            nbytes=int(settings.sync_mb * 1e6),
        )

    def path_of(self, run: str) -> str:
        """Where the spool of a run is."""
        return str(self.runs[run].files.path)

    @property
    def roots(self) -> list[Path]:
        """The spool folders that are this service's now."""
        return [root.path for root in (self.root, *self._others)]

    def remember(self, kept: Iterable[RunSpool]) -> None:
        """Count spools that were kept before, the oldest to be deleted first."""
        self._kept.extend(kept)

    def watch(self, root: SpoolRoot) -> None:
        """Keep the folder of a service that is gone, until its runs are archived."""
        self._others.append(root)

    # filling

    def begin(self, start: RunStart, series: str, *, orphan: bool) -> None:
        """Make the spool of a run, with its start as the first entry; SpoolError if it can't be."""
        stem = self._claim(start)
        files = self.root.create(stem)
        try:
            _log_start(files, start, {"series": series, "orphan": orphan})
        except SpoolError:
            files.remove()
            raise
        self.runs[start.run] = Spooled(start.run, stem, files)

    def adopt(self, spooled: Spooled) -> None:
        """Take up a spool that was left over."""
        self.runs[spooled.run] = spooled

    def append(self, frame: Frame) -> Place:
        """Put a frame in the spool of its run; SpoolError if the disk refuses."""
        return self.runs[frame.run].files.frames.append(*of_frame(frame))

    def note(self, run: str, kind: str, **said: Any) -> None:
        """Log something about a run, if it has a spool."""
        self._log(run, *note(kind, **said))

    def skipped(self, run: str, numbers: Sequence[int], reason: str) -> None:
        """Log with the next counts that no analysis looks at these frames."""
        if run in self.runs:
            self._skips[run, reason].add_ranges((n, n) for n in numbers)

    def result(self, run: str, said: Mapping[str, Any], parts: Sequence[Buffer]) -> None:
        """Log a result as it came from the worker, encoded."""
        head = {
            "kind": "result",
            "parts": len(parts),
            "frames": said["frames"],
            "error": said["error"],
            "failure": said["provenance"].get("failure"),
            "analysis": said["analysis"],
            "level": said["provenance"].get("level"),
        }
        self._log(run, head, parts)

    def stop(self, stop: RunStop) -> None:
        """Log the end of a run, with its account: the archive can be closed."""
        self._log(stop.run, *of_message(stop))

    def count(self, run: str, account: Account) -> None:
        """Log what of the account is in no other entry, if it has changed."""
        spooled = self.runs.get(run)
        if spooled is None:
            return
        for key in [key for key in self._skips if key[0] == run]:
            self.note(run, "skipped", ranges=self._skips.pop(key).ranges(), reason=key[1])
        counts = {
            "double": account.double,
            "late": account.late,
            "refused_reasons": dict(account.refused_reasons),
        }
        if spooled.counts != counts:
            spooled.counts = counts
            self.note(run, "counts", **counts)
        elif spooled.unsaid:
            self._say(spooled)

    def _log(self, run: str, head: Mapping[str, Any], pieces: Sequence[Buffer]) -> None:
        spooled = self.runs.get(run)
        if spooled is not None:
            spooled.unsaid.append((head, pieces))
            self._say(spooled)

    def _say(self, spooled: Spooled) -> None:
        """Write what waits for the log, in order; what the disk refuses waits for the next time."""
        with contextlib.suppress(SpoolError):
            while spooled.unsaid:
                spooled.files.log.append(*spooled.unsaid[0])
                spooled.unsaid.popleft()

    # bounds

    @property
    def nbytes(self) -> int:
        """Bytes on disk, of runs in hand and of those that are kept."""
        return sum(s.files.nbytes for s in self.runs.values()) + self._kept_bytes

    @property
    def _kept_bytes(self) -> int:
        return sum(spool.nbytes for spool in self._kept)

    @property
    def budget(self) -> int:
        """Bytes that may be on disk."""
        return int(self._settings.budget_gb * 1e9)

    @property
    def fill(self) -> float:
        """How much of the budget is used."""
        return self.nbytes / self.budget

    @property
    def short(self) -> bool:
        """Whether the disk has less free space than is to be kept."""
        now = time.monotonic()
        if now - self._looked > LOOK_S:
            self._looked = now
            try:
                disk = shutil.disk_usage(self.root.path)
            except OSError:  # the folder is gone: the spool itself says so
                return False
            keep = min(self._settings.keep_free_mb * 1e6, disk.total * MOST_KEPT_FREE)
            self._short = disk.free < keep
        return self._short

    @property
    def full(self) -> bool:
        """Whether nothing more should be received for now."""
        return self.short or (self.nbytes >= self.budget and self._waiting_helps)

    @property
    def _waiting_helps(self) -> bool:
        """Whether the archive can free something; what is only logged stays until the run ends."""
        frames = sum(spooled.files.frames.nbytes for spooled in self.runs.values())
        return frames >= self.budget * FREEABLE

    # mending

    def put_back(self) -> list[str]:
        """Make again what somebody deleted under us, as far as it goes; say of which runs."""
        mended = []
        with contextlib.suppress(SpoolError, OSError):  # tried again with the next notice
            self.root.put_back()
            mended = [run for run, spooled in self.runs.items() if spooled.files.put_back()]
        return mended

    # letting go

    def hold(self, run: str, before: int, ranges: Sequence[Sequence[int]]) -> None:
        """The archive holds these frames, all that are in the segments below `before`."""
        spooled = self.runs.get(run)
        if spooled is not None and before > spooled.held_before:
            self.note(run, "archived", ranges=ranges)
            if not spooled.unsaid:
                spooled.held_before = before

    def trim(self, pinned: Mapping[str, Mapping[int, int]]) -> None:
        """Delete what is held and wanted by nobody.

        What is kept, for replay or because it is damaged, goes only when the budget wants its room:
        a detector that waits for ever would be worse.
        """
        with contextlib.suppress(SpoolError):  # what can't be deleted is tried with the next notice
            while self._kept and self.fill > KEPT_FILL:
                self._kept[0].remove()
                self._kept.pop(0)
            for spooled in self.runs.values():
                if (self._settings.keep or spooled.damaged) and self.fill <= KEPT_FILL:
                    continue
                wanted = min(pinned.get(spooled.run, ()), default=EVERYTHING)
                spooled.files.frames.drop_before(min(spooled.held_before, wanted))

    def finish(self, run: str, *, archived: bool) -> None:
        """Let go of the spool of a closed run; it stays on disk where its archive is not whole."""
        spooled = self.runs.pop(run, None)
        if spooled is None:
            return
        with contextlib.suppress(SpoolError):  # what is left, the next start finishes or deletes
            if archived and not self._settings.keep and not spooled.damaged:
                spooled.files.remove()
                return
            spooled.files.close()
            if archived:  # the next start must not take it for a run that was cut off
                (spooled.files.path / ARCHIVED).touch()
                self._kept.append(spooled.files)

    def close(self) -> None:
        """Make everything safe, and let go; folders without a run are removed."""
        self.syncer.close()
        for files in [spooled.files for spooled in self.runs.values()]:
            with contextlib.suppress(SpoolError):  # said by the syncer, while it ran
                files.close()
        for root in (self.root, *self._others):
            with contextlib.suppress(SpoolError, OSError):
                if not root.leftovers():
                    shutil.rmtree(root.path)
            root.close()


def _log_start(files: RunSpool, start: RunStart, more: Mapping[str, Any]) -> None:
    try:
        head, pieces = of_message(start)
        files.log.append({**head, **more}, pieces)
    except WireError as error:  # the run is worth more than what a stranger says of it
        head, pieces = of_message(replace(start, metadata={"refused": str(error)}))
        files.log.append({**head, **more}, pieces)


def segment_bytes(settings: SpoolSettings) -> int:
    """Size of a segment: small enough that the budget holds several."""
    return max(1, int(min(settings.segment_mb * 1e6, settings.budget_gb * 1e9 / 8)))


def claimer(settings: Settings, plan: Plan) -> Callable[[RunStart], str]:
    """How runs get their names: free in the archive, and in the spool where there is none."""
    from ..stream.nexus import names

    folder = settings.archive.folder
    if settings.archive.enabled:
        return lambda start: names.claim(folder, start)

    folder = Path(plan.spool)
    return lambda start: next(
        name for name in names.numbered(names.stem(start)) if not (folder / name).exists()
    )
