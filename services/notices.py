"""The bus: starts, results, stops and notices, published to whoever listens."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson
import zmq

from ..stream import wire
from ..stream.errors import StreamError, WireError
from ..stream.messages import Buffer, Message
from ..stream.sockets import open_socket
from .doors import Door
from .ports import is_local

MOST_WAITING = 100
"""Messages that may wait for one slow listener; then it misses some, and nobody else does. A result
has a few MB at most and is held once for all who wait for it: some 200 MB."""
MOST_HEARD = 32
"""Messages that may wait at a listener's own end, beside them."""
LONGEST_RESULT = 1 << 30
"""Bytes of one part: an array of a result may be as large as a frame."""


class Bus:
    """A PUB socket for this machine, and a second one for the door; no listener can hold it up.

    The door has a socket of its own, because a lock is on a whole socket and our own processes
    need none.
    """

    def __init__(self, endpoints: Sequence[str], door: Door | None = None) -> None:
        """Bind; ValueError if an address can't be used, KeyFileError if a key can't."""
        for endpoint in endpoints:
            if not is_local(endpoint):
                raise ValueError(f"{endpoint} leaves this machine: it needs a door")
        doors = [Door(endpoint) for endpoint in endpoints] + ([door] if door is not None else [])
        self._sockets: list[zmq.Socket[bytes]] = []
        try:
            for one in doors:
                self._open(one)
        except (StreamError, ValueError):
            self.close()
            raise

    def _open(self, door: Door) -> None:
        socket = open_socket(zmq.PUB, linger_ms=2000, send_hwm=MOST_WAITING)
        self._sockets.append(socket)
        if door.lock is not None:
            door.lock.put_on(socket)
        try:
            socket.bind(door.endpoint)
        except zmq.ZMQError as error:
            raise ValueError(f"can't listen on {door.endpoint}: {error.strerror}") from error

    @property
    def addresses(self) -> list[str]:
        """The addresses in use, with the ports that were chosen."""
        return [socket.getsockopt_string(zmq.LAST_ENDPOINT) for socket in self._sockets]

    def send(self, parts: Sequence[Buffer]) -> None:
        """Publish one message."""
        for socket in self._sockets:
            socket.send_multipart(parts, copy=False)

    def close(self) -> None:
        """Let the last messages out, then close."""
        for socket in self._sockets:
            socket.close(2000)


def listen(endpoint: str) -> zmq.Socket[bytes]:
    """A socket on which everything on the bus arrives."""
    socket = open_socket(zmq.SUB, receive_hwm=MOST_HEARD, longest=LONGEST_RESULT)
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
