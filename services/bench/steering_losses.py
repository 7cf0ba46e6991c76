"""Steering while everything goes wrong: whether a step is ever lost, or given another's result.

Each frame says in its pixels which it is and where the stage stood, so a result that is joined to a
wrong step is found out. Meanwhile the scan is rewound, results are dropped on their way, processes
of the service are killed, and all of it is stopped and started again.
"""

from __future__ import annotations

import contextlib
import io
import itertools
import random
import signal
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..service import Life
from ..settings import Settings, load
from ..steering import Feed, Reading, patient, plans
from ..steering.simulated import Microscope
from ..supervisor import Supervisor

STEPS = 10_000
EDGE = 32
TIMEOUT_S = 2.0
"""A step that has no result by then is taken again."""
FIRST, SPAN = 20_000, 40_000
"""The brightest pixel of a frame is FIRST and its number modulo SPAN."""
EVERY = {"rewound": 47, "dropped": 251, "killed": 499, "restarted": 2503}
"""After so many steps each of it happens; primes, so that they meet in all ways."""
RESTART_S = 120.0
"""So long a service may take to stop and start again, on a machine that is busy."""
STEP_S = 0.01
"""About what a step takes; a rewind begins somewhere in it."""
VICTIMS = ("ingest", "processor-0", "archiver")


@dataclass
class Trouble:
    """A service that is killed, stopped and started again, and a scan that is rewound."""

    settings: Settings
    engine: Any
    count: Counter[str] = field(default_factory=Counter)
    closed: dict[str, Any] = field(default_factory=dict)
    """The last account of each run that ended, by the run and when."""
    events: dict[tuple[str, int], Mapping[str, Any]] = field(default_factory=dict)
    """By descriptor and sequence number: of an event that a rewind says again the last counts."""

    def __post_init__(self) -> None:
        self._random = random.Random(0)  # noqa: S311  when, not what
        self._victims = itertools.cycle(VICTIMS)
        self._due: set[str] = set()
        self._ending = threading.Event()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._work)

    def __enter__(self) -> Trouble:
        self._thread.start()
        self._ready.wait(60)
        return self

    def __exit__(self, *_: object) -> None:
        self._ending.set()
        self._thread.join()

    def drop(self, feed: Feed) -> None:
        """From now on the feed misses a result now and then."""
        take, results = feed.take, itertools.count(1)

        def lossy(message: Any) -> None:
            if getattr(message, "frames", ()) and next(results) % EVERY["dropped"] == 0:
                self.count["dropped"] += 1
            else:
                take(message)

        feed.take = lossy  # type: ignore[method-assign]

    def heard(self, name: str, doc: Mapping[str, Any]) -> None:
        """A document of the scan."""
        if name != "event":
            return
        number = (str(doc["descriptor"]), int(doc["seq_num"]))
        known = number in self.events
        self.events[number] = doc["data"]
        if known:
            self.count["said_again"] += 1
            return
        self._due |= {what for what, n in EVERY.items() if len(self.events) % n == 0}
        if "rewound" in self._due:
            self._due.discard("rewound")
            self.count["rewound"] += 1
            threading.Timer(self._random.uniform(0, STEP_S), self._rewind).start()

    def _rewind(self) -> None:
        """Pause in the middle of a step: on resume bluesky goes back to where the step began."""
        with contextlib.suppress(Exception):  # it pauses already, or has just ended
            self.engine.request_pause()

    def _work(self) -> None:
        """In a thread: the service, as long as the scan goes on, and a while to close its runs."""
        while not self._ending.is_set():
            supervisor = self._start()
            while not (self._ending.is_set() or "restarted" in self._due):
                self._look(supervisor)
                if "killed" in self._due:
                    self._due.discard("killed")
                    self._kill(supervisor, next(self._victims))
            self._due.discard("restarted")
            self.count["restarted"] += not self._ending.is_set()
            until = time.monotonic() + 30
            while self._ending.is_set() and supervisor.status.get("open") is None:
                self._look(supervisor)
                if supervisor.status.get("state") == "idle" or time.monotonic() > until:
                    break
            supervisor.stop()
            self._account(supervisor)
            supervisor.keep_logs()

    def _start(self) -> Supervisor:
        supervisor = Supervisor(self.settings)
        supervisor.start()
        supervisor.wait_ready(Life())
        self._ready.set()
        return supervisor

    def _look(self, supervisor: Supervisor) -> None:
        supervisor.hear(20)
        supervisor.watch()
        self._account(supervisor)

    def _account(self, supervisor: Supervisor) -> None:
        for one in supervisor.status.get("closed") or ():
            self.closed[str(one.get("archive"))] = one

    def _kill(self, supervisor: Supervisor, name: str) -> None:
        for child in supervisor.children:
            if child.name == name and child.process is not None:
                child.process.send_signal(signal.SIGKILL)
                self.count["killed"] += 1


def losses(steps: int | None = None) -> dict[str, Any]:
    """A scan of so many steps through all of that.

    `lost` counts steps without the result of their own frame. `frames_unaccounted` were sent into a
    connection that a service was just closing, which ZeroMQ tells neither end: no run has them, and
    the scan took their steps again.
    """
    steps = steps or STEPS
    url, axes = "dectris+tcp://127.0.0.1:*", {"stage": "frames"}
    microscope = Microscope(url, axes, _seen, patience_s=RESTART_S)
    began = time.monotonic()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder, _engine() as engine:
        settings = _settings(microscope, folder)
        with Trouble(settings, engine) as trouble, Feed(str(settings.bus.results)) as feed:
            engine.subscribe(trouble.heard)
            _arm(microscope, feed)
            trouble.drop(feed)
            _scan(engine, microscope, feed, steps, trouble.count)
            microscope.disarm()
    microscope.close()
    exposed = microscope.camera.frame_number + 1
    return _judged(trouble, steps, exposed) | {
        "minutes": round((time.monotonic() - began) / 60, 1),
        "words": f"{steps} steps with rewinds, kills, restarts and dropped results",
    }


def _seen(places: Mapping[str, float], number: int) -> np.ndarray:
    image = np.full((EDGE, EDGE), int(places["stage"]) + 1, "<u2")
    image[0, 0] = FIRST + number % SPAN
    return image


def _settings(microscope: Microscope, folder: str) -> Settings:
    return load(
        None,
        {
            "source": {"url": f"dectris+{microscope.endpoint}", "name": "sim"},
            "analysis": {"name": "sum", "policy": "wait"},
            "archive": {"folder": folder},
            "bus": {"results": f"ipc://{folder}/results"},
            "viewer": {"enabled": False},
        },
    )


@contextlib.contextmanager
def _engine() -> Iterator[Any]:
    from bluesky import RunEngine

    engine = RunEngine({}, context_managers=[])
    with contextlib.redirect_stdout(io.StringIO()):  # it prints that it pauses
        yield engine
    engine.loop.call_soon_threadsafe(engine.loop.stop)


def _arm(microscope: Microscope, feed: Feed) -> None:
    until = time.monotonic() + 30
    while not feed.status and time.monotonic() < until:
        time.sleep(0.01)
    microscope.arm("1")
    while feed.run is None:
        if time.monotonic() > until:
            raise RuntimeError("the service did not open the run within 30 s")
        time.sleep(0.01)


def _scan(engine: Any, microscope: Microscope, feed: Feed, steps: int, count: Counter[str]) -> None:
    from bluesky.utils import RunEngineInterrupted

    camera = microscope.camera
    fields = {"place": "minimum", "number": "maximum"}
    reading = Reading(feed, fields, frame=camera.number, camera=camera, timeout=TIMEOUT_S)
    plan = plans.scan_until([reading], microscope.axes["stage"], range(steps), lambda row: False)

    def told(reason: str) -> None:
        count["repeated"] += 1

    def begin() -> None:
        engine(patient(plan, told))

    go_on = begin
    while True:
        try:
            go_on()
            return
        except RunEngineInterrupted:
            go_on = engine.resume


def _judged(trouble: Trouble, steps: int, exposed: int) -> dict[str, Any]:
    """Compare what was recorded with what every frame says of itself."""
    times = Counter(round(event["stage"]) for event in trouble.events.values())
    joined = [
        event["beamside_place"] == round(event["stage"]) + 1
        and event["beamside_number"] == FIRST + event["beamside_frame"] % SPAN
        for event in trouble.events.values()
    ]
    accounts = [one.get("account") or {} for one in trouble.closed.values()]
    kept = sum(int(account.get("archived") or 0) for account in accounts)
    missing = sum(int(account.get("missing") or 0) for account in accounts)
    steps_lost = sum(times[n] != 1 for n in range(steps))
    return {
        "name": "steering-losses",
        "lost": steps_lost + joined.count(False),
        "steps": steps,
        "steps_lost": steps_lost,
        "mis_joined": joined.count(False),
        "frames_exposed": exposed,
        "frames_archived": kept,
        "frames_listed_missing": missing,
        "frames_unaccounted": exposed - kept - missing,
        **{what: trouble.count[what] for what in (*EVERY, "repeated", "said_again")},
    }
