"""A worker's end of the desk: says hello, gives credit, and takes what is handed out."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import orjson
import zmq

from ..stream import wire
from ..stream.errors import StreamError, WireError
from ..stream.messages import Buffer, Frame, Message
from ..stream.sockets import UNBOUNDED, open_socket
from ..stream.spool import Place, SpoolViews
from .desk import ACCEPTED, BYE, CHOSEN, FRAMES, PLACED, TAIL, WHO
from .logs import logger
from .service import Life

log = logger("reader")
PING_S = 1.0
LAST_WAIT_S = 1.0
"""Told to stop, a reader goes when nothing came for so long: its desk may be gone."""


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A frame that was handed out and is not in the spool any more, or damaged there."""

    run: str
    number: int
    words: str


@dataclass(frozen=True, slots=True)
class Tail:
    """How far the spool of a run goes (news for those who follow it)."""

    said: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Accepted:
    """The corrections of the pixel grid that people accepted, from now on."""

    said: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Told:
    """What bluesky says of frames of a run: rows of number and facts."""

    run: str
    rows: list[tuple[int, dict[str, list[Any]]]]


@dataclass(frozen=True, slots=True)
class Chosen:
    """The settings of the analysis that people chose (`choosing`)."""

    said: dict[str, Any]


Handed: TypeAlias = Message | Unreadable | Tail | Accepted | Told | Chosen


class DeskReader:
    """One worker at the desk."""

    def __init__(self, endpoint: str, reader: str, worker: str, credit: int, **more: bool) -> None:
        """Say hello; `more` goes with it."""
        self.socket = open_socket(
            zmq.DEALER, linger_ms=5000, send_hwm=UNBOUNDED, receive_hwm=UNBOUNDED
        )
        self.socket.connect(endpoint)
        self.dismissed = False
        self.asked_again = False
        """Whether a new ingest asked who we are: it knows nothing of what was said before."""
        self.idle_s = 0.0
        """Since when nothing came."""
        self._heard = self._pinged = time.monotonic()
        self._views = SpoolViews()
        self._hello = {"reader": reader, "worker": worker, "credit": credit, **more}
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

    def take(self, timeout_ms: int) -> list[Handed]:
        """Take what comes next; nothing in time: an empty list. `dismissed` after a bye."""
        if not self.socket.poll(timeout_ms):
            self._wait()
            return []
        self._heard, self.idle_s = time.monotonic(), 0.0
        parts: Sequence[zmq.Frame] = self.socket.recv_multipart(copy=False)
        buffers: list[Buffer] = [part.buffer for part in parts]
        word = bytes(buffers[0]) if len(buffers[0]) < 16 else b""
        if word == BYE:
            self.dismissed = True
        elif word == WHO:
            self.asked_again = True
            self.say("hello", self._hello)
        elif word == FRAMES:
            return self._read(orjson.loads(buffers[1]))
        elif word == TAIL:
            return [Tail(orjson.loads(buffers[1]))]
        elif word == ACCEPTED:
            return [Accepted(orjson.loads(buffers[1]))]
        elif word == PLACED:
            said = orjson.loads(buffers[1])
            return [Told(said["run"], said["rows"])]
        elif word == CHOSEN:
            return [Chosen(orjson.loads(buffers[1]))]
        else:
            return self._decoded(buffers)
        return []

    def _read(self, head: dict[str, Any]) -> list[Handed]:
        run, spool = head["run"], head["spool"]
        return [self._frame(run, spool, number, Place(*at)) for number, *at in head["refs"]]

    def _frame(self, run: str, spool: str, number: int, place: Place) -> Frame | Unreadable:
        try:
            return self._views.frame(spool, place)
        except (StreamError, OSError) as error:
            return Unreadable(run, number, str(error))

    def _decoded(self, buffers: Sequence[Buffer]) -> list[Handed]:
        try:
            return [wire.decode(buffers)]
        except WireError as error:
            log.error("the desk sent nonsense", error=str(error))
            return []

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

    def close(self, linger_s: float = 5.0) -> None:
        """Let the last answers out, then close."""
        self.socket.close(int(linger_s * 1000))
        self._views.close()
