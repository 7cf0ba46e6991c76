"""How runs are closed: all is done for them, the archive gets the account, people are told."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ..stream import wire
from ..stream.ledger import Run
from ..stream.messages import RunStop
from .helm import shortened
from .latency import Latencies
from .logs import logger
from .totals import Totals

if TYPE_CHECKING:
    from .ingest import Ingest
    from .recovery import Leftover

log = logger("closing")
SHOWN_RUNS = 50
"""Closed runs in a notice; the totals count them all."""
LATE_GRACE_NS = 100_000_000
"""Frames that come so shortly after the end still belong to the run."""


class Closing:
    """The runs on their way from their last message to their closed archive."""

    def __init__(self, ingest: Ingest) -> None:
        self._ingest = ingest
        self.open: dict[str, dict[str, Any]] = {}
        """Summaries of runs whose account is closed and whose archive is not."""
        self.closed: deque[dict[str, Any]] = deque(maxlen=SHOWN_RUNS)
        self.totals = Totals()
        self.recovered: dict[str, int] = {}
        """Runs of a service that is gone, and how many frames they had; with more they went on."""
        self._since: dict[str, float] = {}
        self._ended: set[str] = set()

    def look(self) -> None:
        """Close what is at its end."""
        for run in [r for r in self._ingest.ledger.runs.values() if r.state == "draining"]:
            self._look_at(run)

    def _look_at(self, run: Run) -> None:
        ingest, key = self._ingest, run.start.run
        self._log_end(run)
        since = self._since.setdefault(key, time.monotonic())
        overdue = time.monotonic() - since > ingest.settings.service.drain_timeout_s
        if overdue and "analysis" in ingest.desk.readers and not run.account.analysed():
            ingest.hear(ingest.desk.withdraw("analysis", key, "drain_timeout"))
        grace = time.monotonic_ns() - run.last_ns < LATE_GRACE_NS and not ingest.draining
        if self._settled(run) and not grace and ingest.gathering.through(run):
            self._close(run)

    def _log_end(self, run: Run) -> None:
        """Log that the end came, once: a crash from now on does not leave the run open."""
        key = run.start.run
        if key not in self._ended and key in self._ingest.spools.runs:
            self._ended.add(key)
            self._ingest.spools.note(key, "end", status=run.status, reason=run.reason)

    def _settled(self, run: Run) -> bool:
        settings = self._ingest.settings
        analysed = not settings.analysis.workers or run.account.analysed()
        return analysed and run.account.closes(settings.archive.enabled)

    def _close(self, run: Run) -> None:
        ingest, key = self._ingest, run.start.run
        archive = ingest.settings.archive.enabled
        stop = ingest.ledger.close(key, archive=archive, time_ns=time.time_ns())
        self._since.pop(key, None)
        ingest.gathering.forget(key)
        self._ended.discard(key)
        latencies = ingest.run_latencies.pop(key, Latencies())
        summary = _summary(run, stop, latencies.as_json())
        log.info("run closed", run=key, status=stop.status, reason=stop.reason)
        ingest.bus.send(wire.encode(stop))
        ingest.desk.announce(stop)
        if key in ingest.spools.runs:
            ingest.spools.stop(stop)
        if archive and key in ingest.spools.runs:
            self.open[key] = summary
        else:
            self._finish(summary, archived=True)
        ingest.notice()

    def resume(self, found: Leftover) -> None:
        """Only the archive of this run was not finished when a crash came."""
        stop = found.stop
        if stop is not None:
            found.run.status, found.run.reason = stop.status, stop.reason
            summary = _summary(found.run, stop, Latencies().as_json())
            if self._ingest.settings.archive.enabled:
                self.open[stop.run] = summary
            else:
                self._finish(summary, archived=True)

    def archived(self, said: Mapping[str, Any]) -> None:
        """The archive of a run is closed; while it can't be, the archiver tries again."""
        summary = self.open.pop(said["run"], None)
        if summary is None:
            return
        summary["archive"] = said["path"]
        self._finish(summary, archived=True)
        self._ingest.notice()

    def _finish(self, summary: dict[str, Any], *, archived: bool) -> None:
        run, alarms = summary["run"], self._ingest.alarms
        if summary["status"] == "incomplete":
            alarms["run"] = f"run {run} is incomplete: {summary['reason']}"
        elif summary["status"] == "complete" and summary["account"]["missing"]:
            alarms["run"] = f"run {run}: {summary['account']['missing']} frames never came"
        alarms.pop(f"recovered {run}", None)
        had = self.recovered.pop(run, None)
        summary["recovered"] = had is not None and had == summary["account"]["received"]
        self._ingest.spools.finish(run, archived=archived)
        self._ingest.desk.pinned.pop(run, None)
        self.closed.append(summary)
        self.totals.count(summary)

    def give_up(self) -> None:
        """The time is over: what is not archived stays in the spool for the next start."""
        archive, ledger = self._ingest.settings.archive.enabled, self._ingest.ledger
        words = (
            "its archive was not finished in time; the next start finishes it from the spool"
            if archive
            else "its analysis was not finished in time"
        )
        for key, run in list(ledger.runs.items()):
            stop = ledger.close(key, archive=archive, time_ns=time.time_ns())
            self.open[key] = _summary(run, stop, Latencies().as_json())
        for summary in list(self.open.values()):
            summary["status"] = "incomplete"
            summary["reason"] = f"{summary['reason']}; {words}".lstrip("; ")
            self._finish(summary, archived=False)
        self.open.clear()


def _summary(run: Run, stop: RunStop, latency_ms: dict[str, Any]) -> dict[str, Any]:
    return {
        "run": stop.run,
        "status": stop.status,
        "reason": stop.reason,
        "orphan": run.orphan,
        "account": shortened(stop.account),
        "latency_ms": latency_ms,
        "archive": None,
    }
