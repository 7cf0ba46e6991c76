"""Ingest: the one process that owns the detector's socket.

It receives, keeps the account, puts every frame into the spool, and hands everything on at the
desk; it never looks at a pixel. Notices (its state and account, a few times a second) and results
go out on the bus.
"""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import zmq

from ..stream import wire
from ..stream.errors import SpoolError, WireError
from ..stream.ledger import Ledger
from ..stream.messages import Frame, Message, Refusal, RunStart, RunStop
from ..stream.sources import Incoming, Source
from ..stream.spool import Mark, SpoolRoot
from . import status
from .acceptance import Acceptance
from .choosing import Choices
from .closing import Closing
from .desk import ARCHIVE, GATHER, Desk, Receipt, Skipped
from .doors import results_door
from .feeds import open_feed
from .gathering import Gathering
from .helm import FILE, Helm
from .latency import Latencies
from .logs import logger
from .notices import Bus
from .positions import Positions
from .rates import Rates
from .readers import Cut, readers
from .service import Life, Plan
from .settings import Settings
from .spools import EVERYTHING, Spools, claimer, segment_bytes
from .takeover import Takeover

log = logger("ingest")
NOTICE_PERIOD_S = 0.2
TELL_PERIOD_S = 0.02
"""How often those who follow the spools hear of new entries at most."""
HEAR_OUT_S = 0.5
"""Told to stop, so long a sender that does not pause is still listened to."""
RETRY_S = 0.2
"""A spool that refused a frame is tried again so often."""


def run(plan: Plan, life: Life) -> int:
    """Receive until told to stop, then drain."""
    settings = plan.parsed()
    ingest = Ingest(settings, plan)
    try:
        ingest.takeover.begin()
        while not (life.stopping or life.orphaned):
            ingest.step(0.05)
        ingest.drain(settings.service.drain_timeout_s, lambda: life.orphaned)
    finally:
        ingest.close()
    return 0


class Ingest:
    """What ingest knows: the ledger, the spools, the desk, and how fast things go."""

    def __init__(self, settings: Settings, plan: Plan) -> None:
        self.settings = settings
        root = SpoolRoot(Path(plan.spool), segment_bytes=segment_bytes(settings.spool))
        self.spools = Spools(root, settings.spool, claimer(settings, plan))
        self.source: Source = open_feed(settings)
        self.desk = Desk(plan.desk, readers(settings, plan.gatherers))
        self.desk.spools = self.spools.path_of
        self.bus = Bus([plan.bus], results_door(settings))
        self.ledger = Ledger(settings.source.name, int(settings.source.end_timeout_s * 1e9))
        self.calibration = settings.calibration.as_json()
        self.latencies = Latencies()
        self.run_latencies: dict[str, Latencies] = {}
        self.rates = Rates()
        self.alarms: dict[str, str] = {}
        self.gathering = Gathering(self)
        self.acceptance = Acceptance(self, Path(plan.accepted))
        self.helm = Helm(self, Path(plan.accepted).with_name(FILE))
        self.positions = Positions(self)
        self.choices = Choices(self, Path(plan.folder))
        self.closing = Closing(self)
        self.takeover = Takeover(self)
        self.draining = False
        self._began_ns = time.time_ns()
        self.last_frame_ns = 0
        self.failures: Counter[str] = Counter()
        self._stuck: deque[Message] = deque()
        """What the spool could not take yet; nothing more is received until it has."""
        self._retry_at = 0.0
        self._cut = Cut(settings.analysis.stall_timeout_s)
        self._told = 0.0
        self._noticed = 0.0
        self._poller = zmq.Poller()
        self._poller.register(self.desk.socket, zmq.POLLIN)

    # one step

    def step(self, timeout_s: float) -> None:
        """Wait for something, at most `timeout_s`; then receive, hand out, and tell."""
        self._unstick()
        full = self.desk.full or self.ledger.crowded or self.spools.full or bool(self._stuck)
        reading = not (full or self.draining or self.source.exhausted)
        self._wait(timeout_s, reading)
        self.hear(self.desk.serve())  # first: a result is small, and somebody may steer by it
        if reading:
            for message in self.source.receive():
                self.enter(message)
        self.desk.hand_out()
        self._cut_off()
        self.positions.look()
        self.ledger.tick(time.monotonic_ns(), listening=not full)
        self.closing.look()
        self._tell()
        if time.monotonic() - self._noticed > NOTICE_PERIOD_S:
            self.notice()

    def _wait(self, timeout_s: float, reading: bool) -> None:
        socket = None if self.draining else self.source.socket
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
            if self._stuck or not self._pass_on(passed):
                self._stuck.append(passed)

    def _unstick(self) -> None:
        """Try again what the spool refused; it is neither lost nor overtaken."""
        if not self._stuck or time.monotonic() < self._retry_at:
            return
        while self._stuck and self._pass_on(self._stuck[0]):
            self._stuck.popleft()
        if not self._stuck:
            self.alarms.pop("spool", None)

    def _pass_on(self, message: Message) -> bool:
        """Give on what the ledger let through; false if the spool could not take it."""
        try:
            if isinstance(message, RunStart):
                self._begin(message)
            elif isinstance(message, Frame):
                self._take(message)
            elif isinstance(message, RunStop):
                self.run_latencies.pop(message.run, None)
                self.desk.announce(message)
        except SpoolError as error:
            self._retry_at = time.monotonic() + RETRY_S
            self.alarms["spool"] = f"nothing more is received: {error}"
            log.warning("the spool refused", error=str(error))
            return False
        return True

    def _begin(self, start: RunStart) -> None:
        start = replace(start, calibration=self._calibrated(start))
        self.ledger.runs[start.run].start = start
        log.info("run started", run=start.run, expected=start.expected)
        self.run_latencies[start.run] = Latencies()
        self.bus.send(wire.encode(start))
        self.desk.announce(start)

    def _take(self, frame: Frame) -> None:
        key = frame.run
        if key not in self.spools.runs:  # with the first frame: a start alone leaves no file
            run = self.ledger.runs[key]
            self.spools.begin(run.start, run.series, orphan=run.orphan)
        try:
            place = self.spools.append(frame)
        except WireError as error:  # a stranger's head: deeper or longer than JSON can be
            self.ledger.refused(key, [frame.number], error.reason)
            self.spools.note(key, "unfit", ranges=[(frame.number,) * 2], reason=error.reason)
            return
        self.last_frame_ns = frame.received_ns
        nbytes = frame.nbytes
        self.rates.count("in", nbytes)
        self.hear(self.desk.give(key, frame.number, place, nbytes))

    def _calibrated(self, start: RunStart) -> dict[str, Any]:
        said = dict(start.calibration)
        if self.calibration and said.get("pixel_size_nm"):
            origin = f"{self.calibration.get('origin')} (the source said {said['pixel_size_nm']})"
            return {**said, **self.calibration, "origin": origin}
        return {**said, **self.calibration}

    # what the readers say

    def hear(self, heard: Iterable[Receipt | Skipped]) -> None:
        """Take what the workers said, and what gave way."""
        for said in heard:
            if isinstance(said, Skipped):
                if said.reader == "analysis":
                    self.skip(said.run, [said.number], said.reason)
            elif said.reader == GATHER:
                self.gathering.hear(said)
            elif said.kind == "calibration":
                self.acceptance.hear(said)
            elif said.kind == "steering":
                self.helm.hear(said)
            elif said.kind == "choice":
                self.choices.hear(said)
            elif said.kind == "result":
                self._result(said)
            elif said.reader == ARCHIVE:
                self._archiver(said)

    def _archiver(self, receipt: Receipt) -> None:
        said = receipt.said
        if receipt.kind == "receipt":
            self._receipt(said)
        elif receipt.kind == "closed":
            self.closing.archived(said)
        elif receipt.kind in ("hello", "again"):
            for spooled in self.spools.runs.values():
                self.desk.tell(ARCHIVE, spooled.tail)

    def skip(self, run: str, numbers: list[int], reason: str) -> None:
        """No analysis looks at these frames: into the account, and into the log of the run."""
        if numbers and self.ledger.skipped(run, numbers, reason):
            self.spools.skipped(run, numbers, reason)

    def _result(self, receipt: Receipt) -> None:
        head = receipt.said
        run, frames = head["run"], head["frames"]
        failed = head["error"] is not None
        reason = str(head["provenance"].get("failure", "failed")) if failed else ""
        if failed:
            fresh = self.ledger.skipped(run, frames, reason)
        else:
            fresh = self.ledger.processed(run, frames)
        if not fresh:
            log.info("a second answer was dropped", run=run, frames=frames[:8])
            return
        self.bus.send(receipt.parts)  # before all that can wait: somebody may steer by it
        if failed:
            self.failures[reason] += fresh
        else:
            self._time(run, head, time.time_ns())
        self.rates.count("out", n=len(frames))
        self.spools.result(run, head, receipt.parts)

    def _time(self, run: str, head: dict[str, Any], now: int) -> None:
        if head["received_ns"] < self._began_ns:
            return  # it is replayed, or was recovered: how long it lay there says nothing
        for of in (self.latencies, self.run_latencies.get(run)):
            if of is not None:
                of.add(head["detector_ns"], head["received_ns"], now, n=len(head["frames"]))

    def _receipt(self, said: dict[str, Any]) -> None:
        run = said["run"]
        self.ledger.archived(run, said.get("archived", ()))
        for reason, numbers in said.get("refused", {}).items():
            self.ledger.refused(run, numbers, reason)
            self.spools.note(run, "unfit", ranges=[(n, n) for n in numbers], reason=reason)
        if "held_before" in said:
            # told apart from `archived`, which may not have come: soon nobody can ask the spool
            self.ledger.archived(run, said["held"])
            self.spools.hold(run, said["held_before"], said["held"])
        if "at" in said:
            self._missed(run, Mark(*said["at"]))
        if "alarm" in said:
            self.alarms.pop("archive", None)
            if said["alarm"]:
                self.alarms["archive"] = str(said["alarm"])

    def _missed(self, run: str, at: Mark) -> None:
        """When the archive is through with a spool, what it did not find there is lost: say so."""
        known, spooled = self.ledger.runs.get(run), self.spools.runs.get(run)
        if known is None or spooled is None or known.state != "draining" or self._stuck:
            return
        if at >= spooled.files.frames.end and (gone := known.account.unkept):
            self.ledger.refused(run, gone, "spool_damaged")

    def _cut_off(self) -> None:
        """Cut an analysis that has made a detector wait for too long; the run goes on."""
        analysis = self.desk.readers.get("analysis")
        if analysis is None or self.source.socket is None:
            return
        if self._cut.due(analysis.backlog.full):
            self.alarms["analysis"] = (
                f"the analysis made the detector wait for {self._cut.timeout_s:g} s: what waited "
                "was skipped; add workers, or set analysis.policy to 'newest' or 'every-n'"
            )
            self.hear(self.desk.withdraw("analysis", None, "stalled"))

    def _tell(self) -> None:
        """Tell those who follow the spools how far they go now."""
        now = time.monotonic()
        if now - self._told < TELL_PERIOD_S:
            return
        self._told = now
        archived = ARCHIVE in self.desk.readers
        for spooled in self.spools.runs.values():
            if not archived:
                spooled.held_before = EVERYTHING
            if spooled.told != spooled.marks:
                spooled.told = spooled.marks
                self.desk.tell(ARCHIVE, spooled.tail)
                self.gathering.tell(spooled)

    # the end

    def _hear_out(self) -> None:
        """Take what has arrived, then let go of the source: the rest stays at the sender."""
        if self.source.socket is not None:
            until = time.monotonic() + HEAR_OUT_S
            while (messages := self.source.receive()) and time.monotonic() < until:
                for message in messages:
                    self.enter(message)
            if self.source.socket in self._poller:
                self._poller.unregister(self.source.socket)
        self.source.close()

    def drain(self, timeout_s: float, hopeless: Any) -> None:
        """Stop receiving; finish what came, as far as it goes in time."""
        self._hear_out()
        self.draining = True
        for message in self._stuck:
            if isinstance(message, Frame):
                self.ledger.refused(message.run, [message.number], "spool_failed")
        self._stuck.clear()
        self.ledger.stop_all("the service was stopped")
        until = time.monotonic() + timeout_s + 2
        while (self.ledger.runs or self.closing.open) and time.monotonic() < until:
            if hopeless():
                break
            self.step(0.02)
        self.closing.give_up()
        self.notice(state="closed")

    def notice(self, state: str | None = None) -> None:
        """Publish the state, the account and the pace."""
        self._noticed = time.monotonic()
        self.takeover.look()
        self.acceptance.look()
        self.helm.look()
        for key in self.spools.put_back():
            self.alarms["spool folder"] = (
                f"run {key}: its spool was deleted; what was not archived yet was put back as far "
                "as it was still open; find out who deletes files there"
            )
        self.spools.trim(self.desk.pinned)
        for key, run in self.ledger.runs.items():
            self.spools.count(key, run.account)
        said = status.of(self, state)
        self.bus.send([orjson.dumps(said, option=orjson.OPT_SERIALIZE_NUMPY)])

    def close(self) -> None:
        """Let everything go."""
        if not self.draining:
            self.source.close()
        self.positions.close()
        self.desk.close()
        self.bus.close()
        self.spools.close()
