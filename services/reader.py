"""A worker's end of the desk: says hello, gives credit, and takes what is handed out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson
import zmq

from ..stream import wire
from ..stream.errors import WireError
from ..stream.messages import Buffer, Message, Result
from ..stream.sockets import UNBOUNDED, open_socket
from .logs import logger

log = logger("reader")
BYE = b"bye"


class DeskReader:
    """One worker at the desk."""

    def __init__(self, endpoint: str, reader: str, worker: str, credit: int) -> None:
        self.socket = open_socket(
            zmq.DEALER, linger_ms=5000, send_hwm=UNBOUNDED, receive_hwm=UNBOUNDED
        )
        self.socket.connect(endpoint)
        self.dismissed = False
        self.say("hello", {"reader": reader, "worker": worker, "credit": credit})

    def say(self, kind: str, what: dict[str, Any]) -> None:
        """Tell the desk something."""
        self.socket.send_multipart([kind.encode(), orjson.dumps(what)])

    def credit(self, n: int) -> None:
        """Ask for `n` more frames."""
        self.say("credit", {"n": n})

    def answer(self, result: Result) -> None:
        """Give the desk a result."""
        self.socket.send_multipart([b"result", *wire.encode(result)], copy=False)

    def take(self, timeout_ms: int) -> Message | None:
        """Take the next message, or None in time; `dismissed` after the desk said bye."""
        if not self.socket.poll(timeout_ms):
            return None
        parts: Sequence[zmq.Frame] = self.socket.recv_multipart(copy=False)
        buffers: list[Buffer] = [part.buffer for part in parts]
        if bytes(buffers[0]) == BYE:
            self.dismissed = True
            return None
        try:
            return wire.decode(buffers)
        except WireError as error:
            log.error("the desk sent nonsense", error=str(error))
            return None

    def close(self) -> None:
        """Let the last answers out, then close."""
        self.socket.close(5000)
