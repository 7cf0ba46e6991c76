"""The bus: starts, results, stops and notices, published to whoever listens."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson
import zmq

from ..stream import wire
from ..stream.errors import WireError
from ..stream.messages import Buffer, Message
from ..stream.sockets import open_socket

MOST_WAITING = 200
"""Messages that may wait for one slow listener; then it misses some, and nobody else does."""


class Bus:
    """A PUB socket; nobody who listens can hold it up."""

    def __init__(self, endpoints: Sequence[str]) -> None:
        self._socket = open_socket(zmq.PUB, linger_ms=2000, send_hwm=MOST_WAITING)
        for endpoint in endpoints:
            self._socket.bind(endpoint)

    def send(self, parts: Sequence[Buffer]) -> None:
        """Publish one message."""
        self._socket.send_multipart(parts, copy=False)

    def close(self) -> None:
        """Let the last messages out, then close."""
        self._socket.close(2000)


def listen(endpoint: str) -> zmq.Socket[bytes]:
    """A socket on which everything on the bus arrives."""
    socket = open_socket(zmq.SUB, receive_hwm=MOST_WAITING)
    socket.subscribe(b"")
    socket.connect(endpoint)
    return socket


def read(parts: Sequence[Buffer]) -> Message | dict[str, Any] | None:
    """Read what came on the bus: a message, a notice, or None if it is neither."""
    try:
        head = orjson.loads(parts[0])
        if isinstance(head, dict) and head.get("kind") == "status":
            return head
        return wire.decode(parts)
    except (orjson.JSONDecodeError, WireError, IndexError):
        return None
