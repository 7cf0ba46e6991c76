"""What the page can show: the newest frames, results and status of the stream."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeAlias, TypeVar

from ...stream.messages import Frame, Result, RunStart, RunStop
from ..metrics import Metrics
from .clients import Clients

T = TypeVar("T")
M = TypeVar("M", Frame, Result)
RunKey: TypeAlias = tuple[str, str]

OVERHEAD = 8192
"""Bytes that a message takes beside its arrays, measured: a small result about 7000."""
LATE_S = 5.0
"""Seconds after which a frame may be late; longer where three of the longest last gaps are."""
LONGEST_GAP_S = 600.0
RUNS = 64
"""How many runs' calibrations are remembered."""


@dataclass(slots=True, eq=False)
class Held(Generic[M]):
    """A message kept for a while."""

    seq: int
    message: M
    nbytes: int
    archive: str = ""
    """The archive it was read from; empty: it came live."""


class Ring(Generic[M]):
    """The last messages of a kind, bounded by memory; the newest is always kept."""

    def __init__(self, memory: int) -> None:
        self.memory = memory
        # goes on across restarts, so that who asks for newer ones than before gets them
        self.seq = time.time_ns() // 1000
        self._held: deque[Held[M]] = deque()
        self._by_number: dict[tuple[str, int], list[Held[M]]] = {}
        self._bytes = 0

    def add(self, message: M, nbytes: int) -> Held[M]:
        """Keep `message`; the oldest go."""
        self.seq += 1
        held = Held(self.seq, message, nbytes + OVERHEAD)
        self._held.append(held)
        self._bytes += held.nbytes
        for number in numbers_of(message):
            self._by_number.setdefault((message.run, number), []).append(held)
        while len(self._held) > 1 and self._bytes > self.memory:
            self._forget(self._held.popleft())
        return held

    def _forget(self, held: Held[M]) -> None:
        self._bytes -= held.nbytes
        for number in numbers_of(held.message):
            key = held.message.run, number
            others = [other for other in self._by_number[key] if other is not held]
            if others:
                self._by_number[key] = others
            else:
                del self._by_number[key]

    def find(self, wanted: Callable[[Held[M]], bool] = lambda held: True) -> Held[M] | None:
        """The newest that is wanted, or None."""
        return next((held for held in reversed(self._held) if wanted(held)), None)

    def at(
        self, run: str, number: int, wanted: Callable[[Held[M]], bool] = lambda held: True
    ) -> Held[M] | None:
        """The newest of a frame that is wanted, or None."""
        known = self._by_number.get((run, number), ())
        return next((held for held in reversed(known) if wanted(held)), None)

    def __iter__(self) -> Iterator[Held[M]]:
        """All of them, the oldest first."""
        return iter(tuple(self._held))

    def __len__(self) -> int:
        return len(self._held)

    @property
    def nbytes(self) -> int:
        """Bytes of the messages kept."""
        return self._bytes


def numbers_of(message: Frame | Result) -> tuple[int, ...]:
    """The frames that a message is of."""
    return (message.number,) if isinstance(message, Frame) else message.frames


class ViewState:
    """The newest frames, results and status; belongs to one event loop, as everything of asyncio.

    `take` never blocks and is called from a task of the loop the app runs on (from elsewhere:
    `loop.call_soon_threadsafe(state.take, message)`).
    """

    def __init__(self, *, memory: int = 512 << 20) -> None:
        """`memory` in bytes: half for frames, a quarter for results, a quarter for pictures."""
        self.memory = memory
        self.frames: Ring[Frame] = Ring(memory // 2)
        self.results: Ring[Result] = Ring(memory // 4)
        self.metrics = Metrics()
        self.status: Mapping[str, Any] = {}
        self.stop: RunStop | None = None
        self.run: RunKey | None = None
        self.viewers = 0
        self.clients = Clients()
        """Who is connected to the server of this state."""
        self.grown: dict[str, Held[Result]] = {}
        """The newest of what grows over a run, by its analysis."""
        self._calibrations: OrderedDict[RunKey, Mapping[str, Any]] = OrderedDict()
        self._status_at: float | None = None
        self.frame_at: float | None = None
        self._gaps: deque[float] = deque([0.0], maxlen=4)
        self.result_at: float | None = None
        self.watchers: list[Callable[[Mapping[str, Any]], None]] = []
        """Who wants to hear of each status notice."""
        self._waiting: asyncio.Future[None] | None = None

    def take(self, message: RunStart | Frame | Result | RunStop | Mapping[str, Any]) -> None:
        """Show `message` from now on; a mapping is a status notice, all of its keys optional."""
        if isinstance(message, Frame):
            self.frames.add(message, message.nbytes)
            now = time.monotonic()
            if self.frame_at is not None:
                self._gaps.append(min(now - self.frame_at, LONGEST_GAP_S))
            self.frame_at = now
            self._runs((message.source, message.run))
        elif isinstance(message, Result) and message.provenance.get("level") == "run":
            before = self.grown.get(message.analysis)
            seq = self.results.seq if before is None else before.seq
            self.grown[message.analysis] = Held(seq + 1, message, message.labels.nbytes)
            self.metrics.count_result(message)
        elif isinstance(message, Result):
            self.results.add(message, message.labels.nbytes)
            self.result_at = time.monotonic()
            self._calibrate(message.source, message.run, message.provenance.get("calibration"))
            self.metrics.count_result(message)
        elif isinstance(message, RunStart):
            self._begin(message)
        elif isinstance(message, RunStop):
            # a run is closed when all of it is archived: the next may have begun long before
            if self.run in (None, (message.source, message.run)):
                self.stop = message
        else:
            self.status = dict(message)
            source, run = (str(message.get(key)) for key in ("source", "run"))
            self._calibrate(source, run, message.get("calibration"))
            self._status_at = time.monotonic()
            self.metrics.count_status(self.status)
            for watcher in self.watchers:
                watcher(self.status)
        self._ring()

    async def wait_for(self, look: Callable[[], T | None], seconds: float) -> T | None:
        """What `look` finds, as soon as it finds something, or None after `seconds`."""
        deadline = time.monotonic() + seconds
        while (found := look()) is None and (left := deadline - time.monotonic()) > 0:
            await asyncio.wait([self._bell], timeout=left)
        return found

    def calibration(self, message: Frame | Result) -> Mapping[str, Any]:
        """What the pixels of the message's run measure, as far as it was said."""
        return self.calibration_of(message.source, message.run)

    def calibration_of(self, source: str, run: str) -> Mapping[str, Any]:
        """What the pixels of a run measure, as far as it was said."""
        return self._calibrations.get((source, run), {})

    @property
    def live(self) -> RunKey | None:
        """The run that goes on now, if there is one."""
        return self.run if self.run is not None and self.stop is None else None

    @property
    def late(self) -> bool:
        """Whether the next frame is overdue in a run that goes on, by the gaps before it.

        As on the page (`useAge` in App.tsx).
        """
        running = self.status.get("state") == "running" and self.stop is None
        if not running or self.frame_at is None:
            return False
        return time.monotonic() - self.frame_at > max(LATE_S, 3 * max(self._gaps))

    def ready(self) -> tuple[bool, str]:
        """Whether the service does its work now, and why not."""
        age = self.status_age
        if age is None:
            return False, "starting: no status yet"
        if age > 5:
            return False, f"no status for {age:.0f} s"
        readers = self.status.get("readers") or {}
        absent = [name for name, said in readers.items() if not said.get("workers", 1)]
        if absent:
            return False, f"nobody reads for: {', '.join(absent)}"
        state = str(self.status.get("state", "idle"))
        return state not in ("starting", "draining", "closed"), state

    @property
    def status_age(self) -> float | None:
        """Seconds since the last status notice."""
        return None if self._status_at is None else time.monotonic() - self._status_at

    def notice(self) -> dict[str, Any]:
        """All that a page must know to decide what to fetch: small, newest, JSON."""
        frame, result = self.frames.find(), self.results.find()
        now = time.monotonic()
        return {
            "kind": "notice",
            "status": self.status,
            "status_age_s": self.status_age,
            "frame_age_s": None if self.frame_at is None else now - self.frame_at,
            "run": None if self.run is None else {"source": self.run[0], "run": self.run[1]},
            "frame": frame and _where(frame, frame.message.number),
            "result": result and _where(result, result.message.frames[-1:]),
            "grown": [_where(held, held.message.frames[-1:]) for held in self.grown.values()],
            "stop": self.stop
            and {"run": self.stop.run, "status": self.stop.status}
            | {"reason": self.stop.reason, "source": self.stop.source},
            "viewers": self.viewers,
        }

    def _runs(self, run: RunKey) -> None:
        """Note which run goes on; another one has not stopped."""
        if self.run != run:
            self.run, self.stop = run, None

    def _begin(self, start: RunStart) -> None:
        self.run = (start.source, start.run)
        self.stop = None
        self._calibrate(start.source, start.run, start.calibration)

    def _calibrate(self, source: str, run: str, calibration: Any) -> None:
        """Remember what a run's pixels measure; a page that came late never saw the run's start."""
        if isinstance(calibration, Mapping) and calibration:
            self._calibrations[source, run] = calibration
            self._calibrations.move_to_end((source, run))
            while len(self._calibrations) > RUNS:
                self._calibrations.popitem(last=False)

    @property
    def _bell(self) -> asyncio.Future[None]:
        """Is done when something came; one for all who wait: a task for each costs more."""
        if self._waiting is None:
            self._waiting = asyncio.get_running_loop().create_future()
        return self._waiting

    def _ring(self) -> None:
        waiting, self._waiting = self._waiting, None
        if waiting is not None and not waiting.done():
            waiting.set_result(None)


def _where(held: Held[Any], number: Any) -> dict[str, Any]:
    message = held.message
    first = number[0] if isinstance(number, tuple) and number else number
    return {
        "seq": held.seq,
        "source": message.source,
        "run": message.run,
        "number": first if isinstance(first, int) else None,
        "analysis": getattr(message, "analysis", None),
    }
