"""What the service says, kept for who steers: the last results, found by `(source, run, frame)`."""

from __future__ import annotations

import contextlib
import logging
import math
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeAlias

import zmq

from ...stream.curve import Key
from ...stream.messages import Result, RunStart, RunStop
from ...stream.sockets import open_socket
from .. import notices
from .lost import LostResultError, fate, silence
from .waiting import Waiting

log = logging.getLogger("beamside.steering")  # bluesky's process, not ours: its log is plain
Address: TypeAlias = tuple[str, int, str | None]
"""Run, frame, analysis (None: any)."""
Listener: TypeAlias = Callable[[Any], None]
KEPT = 256
"""Results that are kept; a rewound scan asks again for the last few."""
LOOK_MS = 20
"""How often deadlines are looked at."""


class Feed:
    """A listener on `bus.results` of a service, with a thread of its own.

    `source` names the stream where several are published. `own_key` and `server_key` are files of
    `beamside keys`, where the door is locked. Results that nobody asked for yet are kept, the last
    `KEPT` of them, so the order in which a plan triggers camera and analysis does not matter.
    """

    def __init__(
        self,
        endpoint: str,
        *,
        source: str | None = None,
        own_key: Path | None = None,
        server_key: Path | None = None,
    ) -> None:
        self.endpoint, self.source = endpoint, source
        self.status: Mapping[str, Any] = {}
        self.run: str | None = None
        """The run that is open now."""
        self.heard_ns = 0
        """Unix time in ns at which the last message came."""
        self._heard = time.monotonic()
        self._results: OrderedDict[Address, Result] = OrderedDict()
        self._waiting: dict[Waiting, tuple[Address, float]] = {}
        self._listeners: list[Listener] = []
        self._lock = threading.RLock()
        self._stopping = threading.Event()
        self._socket = open_socket(
            zmq.SUB, receive_hwm=notices.MOST_HEARD, longest=notices.LONGEST_RESULT
        )
        if own_key is not None and server_key is not None:
            Key(own_key, server_key).put_on(self._socket)
        self._socket.subscribe(b"")
        self._socket.connect(endpoint)
        self._thread = threading.Thread(target=self._listen, name="beamside-feed", daemon=True)
        self._thread.start()

    @property
    def closed(self) -> bool:
        """Whether it listens no more."""
        return self._stopping.is_set()

    @property
    def silent_s(self) -> float:
        """Seconds since the service was last heard of."""
        return time.monotonic() - self._heard

    @property
    def roi(self) -> tuple[slice, slice] | None:
        """The region that people drew on the page for steering, rows and columns in pixels.

        A plan may read it before each step: `image[feed.roi]`. None: nobody drew one.
        """
        said = (self.status.get("choices") or {}).get("roi")
        if not isinstance(said, Mapping):
            return None
        (y0, y1), (x0, x1) = said["y"], said["x"]
        return slice(math.floor(y0), math.ceil(y1)), slice(math.floor(x0), math.ceil(x1))

    def result(self, run: str, frame: int, analysis: str | None = None) -> Result | None:
        """The result of a frame, if it has come and is still kept."""
        with self._lock:
            return self._results.get((run, frame, analysis))

    def wait(self, run: str, frame: int, timeout: float, analysis: str | None = None) -> Waiting:
        """A Status that ends with the result of a frame, or with LostResultError."""
        waiting = Waiting()
        with self._lock:
            if (run, frame, analysis) not in self._results:
                self._waiting[waiting] = ((run, frame, analysis), time.monotonic() + timeout)
                return waiting
        waiting.end()
        return waiting

    def subscribe(self, listener: Listener) -> None:
        """Call `listener(message)` with all that comes, in the feed's own thread."""
        with self._lock:
            self._listeners.append(listener)

    def unsubscribe(self, listener: Listener) -> None:
        """Call it no more."""
        with self._lock, contextlib.suppress(ValueError):
            self._listeners.remove(listener)

    def close(self) -> None:
        """Stop listening; what waits fails."""
        self._stopping.set()
        self._thread.join()
        for waiting in list(self._waiting):
            waiting.end(LostResultError(f"the feed from {self.endpoint} was closed"))

    def __enter__(self) -> Feed:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _listen(self) -> None:
        while not self._stopping.is_set():
            if self._socket.poll(LOOK_MS):
                parts = self._socket.recv_multipart(copy=False)
                self.take(notices.read([part.buffer for part in parts]))
            self._look_at_deadlines()
        self._socket.close(0)

    def take(self, message: Any) -> None:
        """Take in what came: a result, a start, a stop, or a notice; else nothing."""
        source = message.get("source") if isinstance(message, Mapping) else _source(message)
        if message is None or self.source not in (None, source):
            return
        self._heard, self.heard_ns = time.monotonic(), time.time_ns()
        with self._lock:
            ended = self._keep(message)
            listeners = list(self._listeners)
        for waiting, error in ended:
            waiting.end(error)
        for listener in listeners:
            try:
                listener(message)
            except Exception:  # of a callback that somebody hung on: the others go on
                log.exception("a listener of the feed failed: %r", listener)

    def _keep(self, message: Any) -> list[tuple[Waiting, LostResultError | None]]:
        if isinstance(message, RunStart):
            self.run = message.run
        elif isinstance(message, RunStop):
            self.run = None if self.run == message.run else self.run
        elif isinstance(message, Result):
            if message.provenance.get("level") == "run":  # of no single frame
                return []
            return self._keep_result(message)
        elif isinstance(message, Mapping):
            self.status = message
            if message.get("state") in ("armed", "running"):
                self.run = message.get("run")
            return self._lost()
        return []

    def _keep_result(self, result: Result) -> list[tuple[Waiting, LostResultError | None]]:
        mine = {(result.run, n, a) for n in result.frames for a in (result.analysis, None)}
        for address in mine:
            self._results[address] = result
            self._results.move_to_end(address)
        while len(self._results) > 2 * KEPT:
            self._results.popitem(last=False)
        ready = [waiting for waiting, (address, _) in self._waiting.items() if address in mine]
        for waiting in ready:
            del self._waiting[waiting]
        return [(waiting, None) for waiting in ready]

    def _lost(self) -> list[tuple[Waiting, LostResultError | None]]:
        """What the newest notice says will never have a result."""
        ended: list[tuple[Waiting, LostResultError | None]] = []
        for waiting, ((run, frame, _), _) in list(self._waiting.items()):
            if words := fate(self.status, run, frame):
                del self._waiting[waiting]
                ended.append((waiting, LostResultError(f"frame {frame} of run {run}: {words}")))
        return ended

    def _look_at_deadlines(self) -> None:
        now = time.monotonic()
        with self._lock:
            late = [(w, a) for w, (a, until) in self._waiting.items() if until <= now]
            for waiting, _ in late:
                del self._waiting[waiting]
        for waiting, (run, frame, _) in late:
            words = silence(self.status, self.silent_s, run)
            waiting.end(
                LostResultError(f"no result of frame {frame} of run {run} in time: {words}")
            )


def _source(message: Any) -> str | None:
    return getattr(message, "source", None)
