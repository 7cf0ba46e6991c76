"""What a crash left in the spool, taken up again: the state of each run is rebuilt from its log."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..stream.errors import StreamError
from ..stream.framenumbers import Numbers
from ..stream.ledger import Run
from ..stream.messages import RunStart, RunStop
from ..stream.spool import LogReader, Place, Record, RunSpool, SpoolRoot, message_of
from .spools import ARCHIVED, Spooled


@dataclass(slots=True)
class Leftover:
    """One run as it was found."""

    run: Run
    spooled: Spooled
    places: dict[int, Place] = field(default_factory=dict)
    """Where each frame in the spool lies."""
    unfit: Numbers = field(default_factory=Numbers)
    """Frames that the archive refused."""
    damaged: list[str] = field(default_factory=list)
    """Parts of its spool that can't be read, in words."""
    stop: RunStop | None = None
    """Its end, where only its archive was not finished."""
    grown: set[str] = field(default_factory=set)
    """What of that which grows over the whole run is in the log."""

    @property
    def unseen(self) -> list[int]:
        """Frames that no analysis has answered for."""
        account = self.run.account
        return [n for n in self.places if n not in account.processed and n not in account.skipped]


def abandoned(own: SpoolRoot, known: Collection[Path]) -> Iterator[SpoolRoot]:
    """The spool folders beside this service's own whose service is gone; now they are ours."""
    for path in sorted(own.path.parent.iterdir()):
        if path.is_dir() and path not in known and (path / ".lock").exists():
            try:
                yield SpoolRoot(path, segment_bytes=own.segment_bytes)
            except StreamError:
                continue  # its service is alive


def leftovers(root: SpoolRoot, tell: Callable[[str], None]) -> Iterator[Leftover]:
    """Read every run that is left in a spool folder; what can't be read stays, and is told."""
    for path in root.leftovers():
        if (path / ARCHIVED).exists():
            continue  # kept for replay: its archive is closed
        try:
            files = RunSpool.open(path, segment_bytes=root.segment_bytes)
            found = read(files)
        except (StreamError, OSError) as error:
            tell(f"the spool {path} can't be read and stays where it is: {error}")
            continue
        if found is not None:
            yield found
            continue
        empty = not files.nbytes
        files.close()
        if not empty:
            tell(
                f"the spool {path} has no readable start, so it stays where it is; its frames: "
                f"beamside replay {path}"
            )


def kept(root: SpoolRoot) -> Iterator[RunSpool]:
    """The spools that an earlier service kept for replay: they count towards the budget."""
    for path in root.leftovers():
        if (path / ARCHIVED).exists():
            with contextlib.suppress(StreamError):
                files = RunSpool.open(path, segment_bytes=root.segment_bytes)
                files.close()
                yield files


def read(files: RunSpool) -> Leftover | None:
    """Rebuild a run from its spool; None where not even its start can be read."""
    found: Leftover | None = None
    log_reader = LogReader(files.path, "log")
    for _, record in log_reader.scan():
        if record.kind == "start":
            found = _begun(files, record)
        elif found is not None:
            _entered(found, record)
    if found is None:
        return None
    frames = LogReader(files.path, "frames")
    for _, record in frames.scan(check=False):
        if record.kind == "frame":
            _came(found, record)
    account = found.run.account
    account.refused.add_ranges(found.unfit.ranges())
    found.damaged = [*_told(log_reader), *_told(frames)]
    found.spooled.damaged = bool(found.damaged)
    if found.damaged:
        _mourn(found)
    return found


def _came(found: Leftover, record: Record) -> None:
    account, number = found.run.account, int(record.head["number"])
    found.places[number] = record.place
    account.received.add(number)
    account.refused.discard(number)
    images = dict(record.head["channels"]).values()
    account.bytes_received += sum(record.pieces[image[3]].nbytes for image in images)


def _told(reader: LogReader) -> list[str]:
    return [
        f"{reader.name}-{mark.segment:06d}.bslog at {mark.offset}: {damage.why}"
        for mark, damage in reader.damage.items()
    ]


def _mourn(found: Leftover) -> None:
    """Frames that were answered for and are in the spool no more: they came, and are lost."""
    account = found.run.account
    for answered in (account.processed, account.skipped):
        for number in answered:
            if account.received.add(number):
                account.refused.add(number)
                account.refused_reasons["spool_damaged"] += 1


def _begun(files: RunSpool, record: Record) -> Leftover:
    start = message_of(record)
    assert isinstance(start, RunStart)  # noqa: S101  its kind says so
    head = record.head
    run = Run(start, str(head["series"]), "running", orphan=bool(head["orphan"]))
    run.account.announced = start.expected
    run.account.orphan = run.orphan
    return Leftover(run, Spooled(start.run, files.path.name, files))


def _entered(found: Leftover, record: Record) -> None:
    """Enter one line of the log into the account."""
    head, account = record.head, found.run.account
    match record.kind:
        case "result" if head.get("level") == "run":  # of frames that were answered for
            found.grown.add(str(head["analysis"]))
        case "result" if head["error"] is None:
            account.processed.add_ranges((n, n) for n in head["frames"])
        case "result":
            _skip(found, [(n, n) for n in head["frames"]], str(head["failure"] or "failed"))
        case "skipped":
            _skip(found, head["ranges"], head["reason"])
        case "refused":
            account.received.add_ranges(head["ranges"])
            account.refused.add_ranges(head["ranges"])
        case "unfit":
            found.unfit.add_ranges(head["ranges"])
        case "event":
            account.events.append(dict(head["event"]))
        case "archived":
            account.received.add_ranges(head["ranges"])
            account.archived.add_ranges(head["ranges"])
        case "counts":
            account.double, account.late = head["double"], head["late"]
            account.refused_reasons.clear()
            account.refused_reasons.update(head["refused_reasons"])
        case "end":
            found.run.state = "draining"
            found.run.status, found.run.reason = head["status"], head["reason"]
            account.over = True
        case "stop":
            stop = message_of(record)
            found.stop = stop if isinstance(stop, RunStop) else None


def _skip(found: Leftover, ranges: Any, reason: str) -> None:
    account = found.run.account
    fresh = Numbers()
    fresh.add_ranges((first, last) for first, last in ranges)
    for number in fresh:
        if number not in account.processed and account.skipped.add(number):
            account.skipped_reasons[reason] += 1
