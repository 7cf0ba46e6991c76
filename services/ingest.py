"""Ingest: the one process that owns the detector's socket.

It receives, keeps the account, and hands everything on at the desk; it never looks at a pixel.
Notices (its state and account, a few times a second) and results go out on the bus.
"""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import orjson
import zmq

from ..stream import wire
from ..stream.backlog import Backlog
from ..stream.ledger import Ledger, Run
from ..stream.messages import Frame, Message, Refusal, RunStart, RunStop
from ..stream.sources import Incoming, Source
from . import status
from .desk import Desk, Parcel, Reader, Receipt, Skipped
from .feeds import open_feed
from .latency import Latencies
from .logs import logger
from .notices import Bus
from .rates import Rates
from .service import Life, Plan
from .settings import Settings
from .totals import Totals

log = logger("ingest")
NOTICE_PERIOD_S = 0.2
SHOWN_RUNS = 50
"""Closed runs in a notice; the totals count them all."""
LATE_GRACE_NS = 100_000_000
"""Frames that come so shortly after the end still belong to the run."""


def run(plan: Plan, life: Life) -> int:
    """Receive until told to stop, then drain."""
    settings = plan.parsed()
    ingest = Ingest(settings, plan)
    try:
        while not (life.stopping or life.orphaned):
            ingest.step(0.05)
        ingest.drain(settings.service.drain_timeout_s, lambda: life.orphaned)
    finally:
        ingest.close()
    return 0


def readers(settings: Settings) -> list[Reader]:
    """The ways out: the archive loses nothing, the analysis as set, the preview has the newest."""
    ways = [Reader("preview", Backlog("newest", 1))]
    if settings.archive.enabled:
        backlog = Backlog[Parcel]("wait", 100_000, int(settings.archive.backlog_mb * 1e6))
        ways.append(Reader("archive", backlog, ordered=True))
    analysis = settings.analysis
    if analysis.workers:
        ways.append(
            Reader("analysis", Backlog(analysis.policy, analysis.backlog, n=analysis.every))
        )
    return ways


class Ingest:
    """What ingest knows: the ledger, the desk, and how fast things go."""

    def __init__(self, settings: Settings, plan: Plan) -> None:
        self.settings = settings
        self.source: Source = open_feed(settings)
        self.desk = Desk(plan.desk, readers(settings))
        self.bus = Bus([plan.bus, *([settings.bus.results] if settings.bus.results else [])])
        self.ledger = Ledger(settings.source.name, int(settings.source.end_timeout_s * 1e9))
        self.calibration = settings.calibration.as_json()
        self.latencies = Latencies()
        self.run_latencies: dict[str, Latencies] = {}
        self.rates = Rates()
        self.closed: deque[dict[str, Any]] = deque(maxlen=SHOWN_RUNS)
        self.totals = Totals()
        self.alarms: dict[str, str] = {}
        self.draining = False
        self.last_frame_ns = 0
        self.parts: dict[str, list[str]] = {}
        """Files that were begun for a run; more than one when an archiver died."""
        self.closing: dict[str, dict[str, Any]] = {}
        self.split: set[str] = set()
        """Runs whose archiver died: their frames lie in several files."""
        self.failures: Counter[str] = Counter()
        self._drain_since: dict[str, float] = {}
        self._noticed = 0.0
        self._poller = zmq.Poller()
        self._poller.register(self.desk.socket, zmq.POLLIN)

    # one step

    def step(self, timeout_s: float) -> None:
        """Wait for something, at most `timeout_s`; then receive, hand out, and tell."""
        full = self.desk.full or self.ledger.crowded
        reading = not (full or self.draining or self.source.exhausted)
        self._wait(timeout_s, reading)
        if reading:
            for message in self.source.receive():
                self.enter(message)
        self._hear(self.desk.serve())
        self.ledger.tick(time.monotonic_ns())
        self._close_runs()
        if time.monotonic() - self._noticed > NOTICE_PERIOD_S:
            self.notice()

    def _wait(self, timeout_s: float, reading: bool) -> None:
        socket = self.source.socket
        if socket is None:
            self._poller.poll(2 if reading else int(timeout_s * 1000))
            return
        if reading:
            self._poller.register(socket, zmq.POLLIN)
        elif socket in self._poller:
            self._poller.unregister(socket)
        self._poller.poll(int(timeout_s * 1000))

    def enter(self, message: Incoming) -> None:
        """Take one message into the account, and pass on what it leads to."""
        if isinstance(message, Refusal):
            log.warning("refused", reason=message.reason, detail=message.detail, run=message.run)
            if message.reason == "unreadable_file":
                self.alarms["file"] = message.detail
        for passed in self.ledger.enter(message, time.monotonic_ns()):
            self._pass_on(passed)

    def _pass_on(self, message: Message) -> None:
        if isinstance(message, RunStart):
            message = replace(message, calibration=self._calibrated(message))
            self.ledger.runs[message.run].start = message
            log.info("run started", run=message.run, expected=message.expected)
            self.run_latencies[message.run] = Latencies()
            self.bus.send(wire.encode(message))
        elif isinstance(message, RunStop):
            self.run_latencies.pop(message.run, None)
        elif isinstance(message, Frame):
            self.last_frame_ns = message.received_ns
            self.rates.count("in", message.nbytes)
        self._hear(self.desk.give(message))

    def _calibrated(self, start: RunStart) -> dict[str, Any]:
        said = dict(start.calibration)
        if self.calibration and said.get("pixel_size_nm"):
            origin = f"{self.calibration.get('origin')} (the source said {said['pixel_size_nm']})"
            return {**said, **self.calibration, "origin": origin}
        return {**said, **self.calibration}

    def _hear(self, heard: Iterable[Receipt | Skipped]) -> None:
        for said in heard:
            if isinstance(said, Skipped):
                if said.reader == "analysis":
                    self.ledger.skipped(said.run, [said.number], said.reason)
            elif said.kind == "result":
                self._result(said)
            elif said.kind == "receipt":
                self._receipt(said.said)
            elif said.kind == "opened":
                self.parts.setdefault(said.said["run"], []).append(said.said["part"])
            elif said.kind == "closed":
                self._archive_closed(said.said)
            elif said.kind == "again" and said.reader == "archive":
                self._archiver_died()
            elif said.kind == "hello":
                self._rejoin(said.said.get("open", {}))

    def _result(self, receipt: Receipt) -> None:
        head = receipt.said
        run, frames = head["run"], head["frames"]
        if head["error"] is None:
            self.ledger.processed(run, frames)
            now = time.time_ns()
            of_run = self.run_latencies.get(run, self.latencies)
            for _ in frames:
                self.latencies.add(head["detector_ns"], head["received_ns"], now)
                if of_run is not self.latencies:
                    of_run.add(head["detector_ns"], head["received_ns"], now)
        else:
            reason = str(head["provenance"].get("failure", "failed"))
            self.ledger.skipped(run, frames, reason)
            self.failures[reason] += len(frames)
        self.rates.count("out", n=len(frames))
        self.bus.send(receipt.parts)
        self.desk.give_parts(receipt.parts, everyone=False)

    def _receipt(self, said: dict[str, Any]) -> None:
        self.ledger.archived(said["run"], said.get("archived", ()))
        for reason, numbers in said.get("refused", {}).items():
            self.ledger.refused(said["run"], numbers, reason)
        for reason, numbers in said.get("skipped", {}).items():
            self.ledger.skipped(said["run"], numbers, reason)
        if said.get("alarm"):
            self.alarms["archive"] = str(said["alarm"])

    def _rejoin(self, books: dict[str, dict[str, Any]]) -> None:
        for run, book in books.items():
            kept = (n for first, last in book["kept"] for n in range(first, last + 1))
            self.ledger.rejoin(run, kept, time.monotonic_ns())
            self.parts.setdefault(run, []).append(book["part"])

    def _archiver_died(self) -> None:
        self.split.update(run for run in (*self.ledger.runs, *self.closing) if run in self.parts)

    # the end of runs

    def _close_runs(self) -> None:
        limit = self.settings.service.drain_timeout_s
        for key in [k for k, s in self.closing.items() if time.monotonic() - s["since"] > limit]:
            self._archive_closed({"run": key, "error": "the archive did not close in time"})
        draining = [run for run in self.ledger.runs.values() if run.state == "draining"]
        for run in draining:
            key = run.start.run
            since = self._drain_since.setdefault(key, time.monotonic())
            overdue = time.monotonic() - since > self.settings.service.drain_timeout_s
            grace = time.monotonic_ns() - run.last_ns < LATE_GRACE_NS and not self.draining
            if not (self._settled(run) or overdue) or grace:
                continue
            if overdue and "analysis" in self.desk.readers:
                self._hear(self.desk.withdraw("analysis", key, "drain_timeout"))
            self._close_run(run)

    def _settled(self, run: Run) -> bool:
        account = run.account
        analysed = not self.settings.analysis.workers or account.analysed()
        return analysed and account.closes(self.settings.archive.enabled)

    def _close_run(self, run: Run) -> None:
        key = run.start.run
        archive = self.settings.archive.enabled
        stop = self.ledger.close(key, archive=archive, time_ns=time.time_ns())
        self._drain_since.pop(key, None)
        latencies = self.run_latencies.pop(key, Latencies())
        summary = {
            "run": key,
            "status": stop.status,
            "reason": stop.reason,
            "orphan": run.orphan,
            "account": dict(stop.account),
            "latency_ms": latencies.as_json(),
            "archive": None,
            "archives": [],
            "since": time.monotonic(),
        }
        log.info("run closed", run=key, status=stop.status, reason=stop.reason)
        if stop.status == "incomplete":
            self.alarms["run"] = f"run {key} is incomplete: {stop.reason}"
        elif stop.status == "complete" and stop.account["missing"]:
            self.alarms["run"] = f"run {key}: {stop.account['missing']} frames never came"
        self.bus.send(wire.encode(stop))
        self._hear(self.desk.give(stop))
        if archive:
            self.closing[key] = summary
        else:
            self._closed(summary)
        self.notice()

    def _closed(self, summary: dict[str, Any]) -> None:
        self.closed.append(summary)
        self.totals.count(summary)

    def _archive_closed(self, said: dict[str, Any]) -> None:
        run = said["run"]
        summary = self.closing.pop(run, None)
        if summary is None:
            return
        parts, path, error = self.parts.pop(run, []), said.get("path"), said.get("error")
        summary["archive"] = path or (parts[-1] if parts else None)
        summary["archives"] = [*parts[:-1], *([path] if path else parts[-1:])]
        if run in self.split:
            self.split.discard(run)
            error = f"the archiver died; the frames lie in {', '.join(summary['archives'])}"
        if error:
            summary["status"] = "incomplete"
            summary["reason"] = f"{summary['reason']}; {error}"
            self.alarms["archive"] = f"run {run}: {error}"
        self._closed(summary)
        self.notice()

    def drain(self, timeout_s: float, hopeless: Any) -> None:
        """Stop receiving; finish what came, as far as it goes in time."""
        self.draining = True
        self.ledger.stop_all("the service was stopped")
        until = time.monotonic() + timeout_s + 2
        while (self.ledger.runs or self.closing) and time.monotonic() < until and not hopeless():
            self.step(0.02)
        for key in list(self.closing):
            self._archive_closed({"run": key, "error": "the archive did not close in time"})
        self.notice(state="closed")

    def notice(self, state: str | None = None) -> None:
        """Publish the state, the account and the pace."""
        self._noticed = time.monotonic()
        said = status.of(self, state)
        self.bus.send([orjson.dumps(said, option=orjson.OPT_SERIALIZE_NUMPY)])

    def close(self) -> None:
        """Let everything go."""
        self.source.close()
        self.desk.close()
        self.bus.close()
