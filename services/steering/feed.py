"""What the service says, kept for who steers: the last results, found by `(source, run, frame)`."""

from __future__ import annotations

import contextlib
import logging
import math
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeAlias

import zmq

from ...stream.curve import Key
from ...stream.messages import Result, RunStart, RunStop
from ...stream.sockets import open_socket
from .. import notices
from .claims import Claim, Claims, Ended
from .kept import Kept
from .lost import SILENT_S
from .notice import mended
from .waiting import Waiting

log = logging.getLogger("beamside.steering")  # bluesky's process, not ours: its log is plain
Listener: TypeAlias = Callable[[Any], None]
LOOK_MS = 20
"""How often deadlines are looked at."""


class Feed:
    """A listener on `bus.results` of a service, with a thread of its own.

    `source` names the stream where several are published; without it, the first that is heard.
    `own_key` and `server_key` are files of `beamside keys`, where the door is locked. Results that
    nobody asked for yet are kept, so the order in which a plan triggers camera and analysis does
    not matter.
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
        self._kept = Kept()
        self._claims = Claims(self._kept)
        self._stopped: str | None = None
        """The run that ended last."""
        self._first: str | None = None
        """The source that was heard first."""
        self._two = self._complained = False
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

    @property
    def heard(self) -> int:
        """How many results were heard so far."""
        return self._kept.count

    def result(self, run: str, frame: int, analysis: str | None = None) -> Result | None:
        """The result of a frame, if it has come and is still kept."""
        with self._lock:
            return self._kept.get(run, frame, analysis)

    def wait(self, run: str, frame: int, timeout: float, analysis: str | None = None) -> Waiting:
        """A Status that ends with the result of a frame, or with LostResultError."""
        claim = self.claim("", timeout, analysis, self.heard)
        self.found(claim, frame, run)
        return claim.waiting

    def claim(self, who: str, timeout: float, analysis: str | None, since: int) -> Claim:
        """Begin to wait for a frame that is about to be taken, for `timeout` s until `found`.

        `who` is given each frame once; no result of the first `since` that were `heard` is its own.
        """
        claim = Claim(who, analysis, timeout, since, until=time.monotonic() + timeout)
        with self._lock:
            self._claims.enter(claim)
        if self.closed:
            self.end(claim, f"the feed from {self.endpoint} is closed")
        return claim

    def found(self, claim: Claim, frame: int, run: str | None) -> None:
        """The frame was taken, of this run if that is known; wait `timeout` s for its result."""
        with self._lock:
            ended = self._claims.found(claim, frame, run, self.run)
        _tell(ended)

    def end(self, claim: Claim, words: str) -> None:
        """Wait no more: its result won't come."""
        with self._lock:
            ended = self._claims.end(claim, words)
        _tell(ended)

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

    def __enter__(self) -> Feed:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _listen(self) -> None:
        try:
            while not self._stopping.is_set():
                if self._socket.poll(LOOK_MS):
                    parts = self._socket.recv_multipart(copy=False)
                    self._survive([part.buffer for part in parts])
                with self._lock:
                    ended = self._claims.late(self.status, self.silent_s)
                _tell(ended)
        finally:  # however it ends, nobody waits for ever
            self._stopping.set()
            with self._lock:
                ended = self._claims.end_all(f"the feed from {self.endpoint} was closed")
            _tell(ended)
            self._socket.close(0)

    def _survive(self, parts: list[Any]) -> None:
        """Take what came, whatever it is."""
        try:
            self.take(notices.read(parts))
        except Exception as error:  # of a stranger's bytes: those who wait go on waiting
            log.warning("a message could not be taken: %r", error, exc_info=True)

    def take(self, message: Any) -> None:
        """Take in what came: a result, a start, a stop, or a notice; else nothing."""
        if isinstance(message, Mapping):
            message, bad = mended(message)
            if bad and not self._complained:
                self._complained = True
                log.warning("a notice is malformed in: %s; that is left out", ", ".join(bad))
        source = message.get("source") if isinstance(message, Mapping) else _source(message)
        if message is None or not self._mine(source):
            return
        self._heard, self.heard_ns = time.monotonic(), time.time_ns()
        with self._lock:
            ended = self._keep(message)
            listeners = list(self._listeners)
        _tell(ended)
        for listener in listeners:
            try:
                listener(message)
            except Exception:  # of a callback that somebody hung on: the others go on
                log.exception("a listener of the feed failed: %r", listener)

    def _mine(self, source: str | None) -> bool:
        """Whether it is of the source that is listened to: where none was named, the first."""
        if self.source is not None or source is None:
            return source == self.source or self.source is None
        if self._first is None or (source != self._first and self.silent_s > SILENT_S):
            self._first = source  # the service came back under another name
        if source == self._first:
            return True
        if not self._two:
            self._two = True
            log.warning(
                "two sources are heard at %s, %r and %r: only %r is taken; say source= to choose",
                *(self.endpoint, self._first, source, self._first),
            )
        return False

    def _keep(self, message: Any) -> Ended:
        if isinstance(message, RunStart):
            return self._begin(message.run)
        if isinstance(message, RunStop):
            self.run = None if self.run == message.run else self.run
            self._stopped = message.run
            return self._claims.stopped(message.run, message.account, self.run)
        if isinstance(message, Result):
            if message.provenance.get("level") == "run":  # of no single frame
                return []
            self._kept.add(message)
            return self._claims.heard(message)
        if isinstance(message, Mapping):
            return self._noticed(message)
        return []

    def _begin(self, run: str) -> Ended:
        """A run begins; what is known of one of the same name is of a service that is gone."""
        self._kept.forget(run)
        if self.status.get("run") == run:
            self.status = {**self.status, "account": {}, "run_status": None}
        self.run, self._stopped = run, None
        return self._claims.begun(run)

    def _noticed(self, status: Mapping[str, Any]) -> Ended:
        run, ended = status.get("run"), Ended()
        if status.get("state") in ("armed", "running") and run != self.run:
            if run is not None and run == self._stopped:  # begun again, and nobody heard it begin
                ended += self._begin(run)
            elif run is not None:
                ended += self._claims.begun(run)
            self.run = run
        self.status = status
        return ended + self._claims.lost(status)


def _tell(ended: Ended) -> None:
    for waiting, error in ended:
        waiting.end(error)


def _source(message: Any) -> str | None:
    return getattr(message, "source", None)
