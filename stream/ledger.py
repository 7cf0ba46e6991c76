"""The state of each run, and the account of its frames.

A run is keyed by (source, series) and goes idle -> armed -> running -> draining -> closed:

    start               arms a run; one still running is ended as aborted, one without a frame is
                        forgotten and counted
    frame               runs it; a frame of no open run opens an orphan run, never lost; a good copy
                        of a refused frame takes its place
    end                 drains it; early means aborted; a second end is ignored and counted
    silence             ends it: complete when all that was announced came, else incomplete
    close               writes the account under it

A series id that comes a second time is another run: its key gets `~2`, so nothing is overwritten.
Order is by frame number, never by clock; the ledger is told the time and never asks for it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from .account import Account
from .messages import Frame, Message, Refusal, RunStart, RunStop

MOST_BEYOND = 1_000_000
"""Frames beyond the announced or the highest number so far that are still believed."""
MOST_DRAINING = 64
"""Runs that may drain at once; then nothing is received until some are closed."""
MOST_ORPHANS = 4
"""Orphan runs open at once; frames of further ones are refused as foreign."""


@dataclass(slots=True)
class Run:
    """One run, from its first message to its closed account."""

    start: RunStart
    series: str = ""
    """The detector's own id of it."""
    state: str = "armed"
    """armed | running | draining | closed"""
    orphan: bool = False
    account: Account = field(default_factory=Account)
    status: str = ""
    """complete | aborted | incomplete, once it is draining."""
    reason: str = ""
    end: RunStop | None = None
    """The detector's own end of it."""
    last_ns: int = 0
    """When its last message came, by this machine's monotonic clock."""


@dataclass(slots=True)
class Ledger:
    """The runs of one source."""

    source: str
    end_timeout_ns: int = 60_000_000_000
    """Silence after which a run without an end is ended."""
    runs: dict[str, Run] = field(default_factory=dict)
    """Runs that are not closed, by their key."""
    strangers: Counter[str] = field(default_factory=Counter)
    """Messages refused while no run was open, by reason."""
    ignored: Counter[str] = field(default_factory=Counter)
    """Harmless messages that changed nothing, by reason: a second end, an end of no run."""
    last: Run | None = None
    """The run that was started last, closed or not."""
    _times: Counter[str] = field(default_factory=Counter)
    _keys: dict[str, str] = field(default_factory=dict)

    def enter(self, message: Message | Refusal, now_ns: int) -> list[Message]:
        """Take what came; give what is to be passed on, with the runs' own keys."""
        match message:
            case Frame():
                return self._frame(message, now_ns)
            case RunStart():
                return self._start(message, now_ns)
            case RunStop():
                self._end(message, now_ns)
            case Refusal():
                self._refuse(message, now_ns)
        return []

    @property
    def crowded(self) -> bool:
        """Whether so many runs drain that no more should be begun for now."""
        return sum(run.state == "draining" for run in self.runs.values()) >= MOST_DRAINING

    def open_run(self, series: str) -> Run | None:
        """The run that now has the detector's series id, if it is not closed."""
        return self.runs.get(self._keys.get(series, ""))

    # what comes

    def _start(self, start: RunStart, now_ns: int) -> list[Message]:
        again = self.open_run(start.run)
        if again is not None and again.state == "armed" and not again.orphan:
            again.start = replace(start, run=again.start.run)  # a repeated header arms once
            again.account.announced = start.expected
            again.last_ns = now_ns
            return [again.start]
        passed: list[Message] = []
        for run in list(self.runs.values()):
            if run.state == "running":
                self._drain(run, "aborted", f"series {start.run} started before its end")
            elif run.state == "armed":
                passed.append(self._forget(run))
        return [*passed, self._open(start, now_ns).start]

    def _forget(self, run: Run) -> RunStop:
        """Drop a run that has no frame: it leaves no archive, only a count."""
        self.ignored["start_without_frames"] += 1
        key = run.start.run
        del self.runs[key]
        return RunStop(self.source, key, "aborted", "no frame came", run.account.as_json())

    def _open(self, start: RunStart, now_ns: int, *, orphan: bool = False) -> Run:
        self._times[start.run] += 1
        times = self._times[start.run]
        key = start.run if times == 1 else f"{start.run}~{times}"
        run = Run(replace(start, run=key), start.run, orphan=orphan, last_ns=now_ns)
        run.account.orphan = orphan
        run.account.announced = start.expected
        self.runs[key] = run
        self._keys[start.run] = key
        self.last = run
        return run

    def _frame(self, frame: Frame, now_ns: int) -> list[Message]:
        passed: list[Message] = []
        run = self.open_run(frame.run)
        if run is None:
            others = [r for r in self.runs.values() if r.state == "running" and not r.orphan]
            for other in others:
                other.account.refused_reasons["foreign"] += 1
            if sum(r.orphan for r in self.runs.values()) >= MOST_ORPHANS:
                if not others:
                    self.strangers["foreign"] += 1
                return []
            last = self.last
            run = self._open(orphan_start(frame), now_ns, orphan=True)
            self.last = last if others else run  # a stranger does not become the run in charge
            passed.append(run.start)
        account = run.account
        # an orphan may begin anywhere: nobody has announced where it should
        if len(account.received) + bool(account.announced) and frame.number > (
            max(account.received.stop, account.announced or 0) + MOST_BEYOND
        ):
            account.refused_reasons["bad_number"] += 1
            return passed
        if frame.number in account.refused and frame.number not in account.archived:
            account.refused.discard(frame.number)  # a good copy of what could not be kept
            account.received.discard(frame.number)
        late = run.state == "draining" or frame.number < account.received.stop
        if not account.received.add(frame.number):
            account.double += 1
            account.refused_reasons["double"] += 1
            return passed
        account.late += late
        account.bytes_received += frame.nbytes
        if run.state == "armed":
            run.state = "running"
        run.last_ns = now_ns
        passed.append(frame if frame.run == run.start.run else replace(frame, run=run.start.run))
        return passed

    def _end(self, stop: RunStop, now_ns: int) -> None:
        run = self.open_run(stop.run)
        if run is None or run.state == "draining":
            known = run is not None or stop.run in self._keys
            self.ignored["double_end" if known else "foreign_end"] += 1
            return
        run.last_ns, run.end = now_ns, stop
        account = run.account
        early = account.announced is not None and account.received.stop < account.announced
        if stop.status == "aborted" or early:
            reason = stop.reason or f"ended after {account.received.stop} of {account.announced}"
            self._drain(run, "aborted", reason)
        else:
            self._drain(run, "complete", stop.reason or "the detector ended the series")

    def _refuse(self, refusal: Refusal, now_ns: int) -> None:
        run = self.open_run(refusal.run) if refusal.run is not None else None
        if run is None:
            current = self.last
            open_ = current is not None and current.state in ("armed", "running", "draining")
            counters = current.account.refused_reasons if current and open_ else self.strangers
            counters[refusal.reason] += 1
            return
        run.last_ns = now_ns
        run.account.refused_reasons[refusal.reason] += 1
        number = refusal.number
        highest = max(run.account.received.stop, run.account.announced or 0)
        believed = number is not None and 0 <= number <= highest + MOST_BEYOND
        if believed and number is not None and run.account.received.add(number):
            run.account.refused.add(number)

    def _drain(self, run: Run, status: str, reason: str) -> None:
        run.state, run.status, run.reason = "draining", status, reason
        run.account.over = True

    def restore(self, run: Run) -> None:
        """Take up a run that outlived its ingest; its account was rebuilt from the spool."""
        key = run.start.run
        self.runs[key] = run
        times = int(key.rpartition("~")[2]) if key != run.series else 1
        self._times[run.series] = max(self._times[run.series], times)
        if run.state != "draining" or run.series not in self._keys:
            self._keys[run.series] = key
        self.last = run

    def end(self, key: str, status: str, reason: str) -> None:
        """End an open run for a reason that is not the detector's."""
        run = self.runs.get(key)
        if run is not None and run.state in ("armed", "running"):
            self._drain(run, status, reason)

    # what becomes of it

    def archived(self, key: str, ranges: Iterable[tuple[int, int]]) -> None:
        """These frames, from first to last of each range, are in the archive."""
        run = self.runs.get(key)
        if run is not None:
            run.account.archived.add_ranges(ranges)

    def processed(self, key: str, numbers: Iterable[int]) -> int:
        """An analysis has looked at these frames; how many of them nobody had answered for yet."""
        return self._answered(key, numbers, None)

    def skipped(self, key: str, numbers: Iterable[int], reason: str) -> int:
        """No analysis looks at these frames, for a reason; how many were new."""
        return self._answered(key, numbers, reason)

    def _answered(self, key: str, numbers: Iterable[int], reason: str | None) -> int:
        """A frame has one fate, looked at or skipped; what comes later is a copy."""
        run = self.runs.get(key)
        if run is None:
            return 0
        account, fresh = run.account, 0
        mine, other = account.processed, account.skipped
        if reason is not None:
            mine, other = other, mine
        for number in numbers:
            fresh += number not in other and mine.add(number)
        if reason is not None:
            account.skipped_reasons[reason] += fresh
        return fresh

    def refused(self, key: str, numbers: Iterable[int], reason: str) -> None:
        """The archive could not take these frames after all."""
        run = self.runs.get(key)
        if run is not None:
            fresh = sum(run.account.refused.add(number) for number in numbers)
            run.account.refused_reasons[reason] += fresh

    # time, and the end

    def tick(self, now_ns: int, *, listening: bool = True) -> None:
        """End the runs that have been silent for too long; it is no silence if nobody listens."""
        for run in self.runs.values():
            if run.state not in ("armed", "running"):
                continue
            if not listening:
                run.last_ns = now_ns
            if now_ns - run.last_ns > self.end_timeout_ns:
                account = run.account
                whole = account.announced is not None and len(account.received) >= account.announced
                seconds = self.end_timeout_ns // 1_000_000_000
                words = f"no end came and nothing else for {seconds} s"
                self._drain(run, "complete" if whole else "incomplete", words)

    def stop_all(self, reason: str) -> None:
        """End every open run as aborted: somebody stops the service."""
        for run in self.runs.values():
            if run.state in ("armed", "running"):
                self._drain(run, "aborted", reason)

    def close(self, key: str, *, archive: bool, time_ns: int) -> RunStop:
        """Close a draining run and give its stop with the account; it is then forgotten."""
        run = self.runs.pop(key)
        run.state = "closed"
        if run.orphan:
            run.status = "incomplete"
            run.reason = (run.reason + "; its start was never received").lstrip("; ")
        if not run.account.closes(archive):
            run.status = "incomplete"
            run.reason = (run.reason + "; the account does not close").lstrip("; ")
        stop = RunStop(
            self.source, key, run.status, run.reason, run.account.as_json(), time_ns=time_ns
        )
        return replace(stop, raw=run.end.raw, wire=run.end.wire) if run.end else stop


def orphan_start(frame: Frame) -> RunStart:
    """A start for a frame that came without one: all that the frame itself tells."""
    first = next(iter(frame.channels.values()))
    return RunStart(
        source=frame.source,
        run=frame.run,
        shape=first.shape,
        dtype=first.dtype,
        channels=tuple(frame.channels),
        metadata={"orphan": True, "note": "the start of this series was never received"},
    )
