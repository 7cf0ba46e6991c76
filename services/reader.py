"""A worker's end of the desk: says hello, gives credit, and takes what is handed out."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import orjson
import zmq

from ..stream import wire
from ..stream.errors import WireError
from ..stream.messages import Buffer, Message
from ..stream.sockets import UNBOUNDED, open_socket
from .desk import WHO
from .logs import logger
from .service import Life

log = logger("reader")
BYE = b"bye"
PING_S = 1.0
LAST_WAIT_S = 1.0
"""Told to stop, a reader goes when nothing came for so long: its desk may be gone."""


class DeskReader:
    """One worker at the desk."""

    def __init__(self, endpoint: str, reader: str, worker: str, credit: int) -> None:
        self.socket = open_socket(
            zmq.DEALER, linger_ms=5000, send_hwm=UNBOUNDED, receive_hwm=UNBOUNDED
        )
        self.socket.connect(endpoint)
        self.dismissed = False
        self.idle_s = 0.0
        """Since when nothing came."""
        self._heard = self._pinged = time.monotonic()
        self._hello = {"reader": reader, "worker": worker, "credit": credit}
        self.open: Callable[[], dict[str, Any]] = dict
        """What to tell a new ingest of the runs in hand (the archiver)."""
        self.say("hello", self._hello)

    def say(self, kind: str, what: dict[str, Any]) -> None:
        """Tell the desk something."""
        self.socket.send_multipart([kind.encode(), orjson.dumps(what)])

    def credit(self, n: int) -> None:
        """Ask for `n` more frames."""
        self.say("credit", {"n": n})

    def answer(self, parts: Sequence[Buffer]) -> None:
        """Give the desk a result, encoded."""
        self.socket.send_multipart([b"result", *parts], copy=False)

    def take(self, timeout_ms: int) -> Message | None:
        """Take the next message, or None in time; `dismissed` after the desk said bye."""
        if not self.socket.poll(timeout_ms):
            self._wait()
            return None
        self._heard, self.idle_s = time.monotonic(), 0.0
        parts: Sequence[zmq.Frame] = self.socket.recv_multipart(copy=False)
        buffers: list[Buffer] = [part.buffer for part in parts]
        if bytes(buffers[0]) == BYE:
            self.dismissed = True
            return None
        if bytes(buffers[0]) == WHO:
            self.say("hello", {**self._hello, "open": self.open()})
            return None
        try:
            return wire.decode(buffers)
        except WireError as error:
            log.error("the desk sent nonsense", error=str(error))
            return None

    def _wait(self) -> None:
        """Ask now and then whether the desk still knows us: ingest may have been started anew."""
        now = time.monotonic()
        self.idle_s = now - self._heard
        if self.idle_s > PING_S and now - self._pinged > PING_S:
            self._pinged = now
            self.say("ping", {})

    def leaves(self, life: Life) -> bool:
        """Whether to end: dismissed, alone, or told to stop while nothing comes any more."""
        return self.dismissed or life.orphaned or (life.stopping and self.idle_s > LAST_WAIT_S)

    def close(self) -> None:
        """Let the last answers out, then close."""
        self.socket.close(5000)
