"""ZeroMQ sockets, made one way: no waiting at the end, nothing without a bound.

ZeroMQ's own defaults bound a queue by messages (1000) and a message not at all: one stranger who
announces a message of 2^60 bytes, or one listener who stops reading, then costs the process its
memory. So every socket of the house is made here, with three bounds: how long a message may be
(who sends a longer one is disconnected), and how many may wait on their way in and out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import zmq

if TYPE_CHECKING:
    import zmq.asyncio

UNBOUNDED = 0
"""For queues whose bound is kept elsewhere (credit)."""
LONGEST = 1 << 30
"""Bytes of one part: a header with all details of a 16M detector is 145 MB, the largest frames of
today are 67 MB unpacked."""
LONGEST_SUBSCRIPTION = 1 << 16
"""Bytes of what may be said to a socket that only sends: its listeners' subscriptions."""
MOST_WAITING = 1000
"""Messages in a queue, where nothing else is said: for small ones."""
_ONLY_SENDS = (zmq.PUB, zmq.PUSH)


def open_socket(
    kind: int,
    *,
    linger_ms: int = 0,
    send_hwm: int = MOST_WAITING,
    receive_hwm: int = MOST_WAITING,
    longest: int | None = None,
) -> zmq.Socket[bytes]:
    """A socket of this process's one context; bind or connect it after."""
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context.instance()
    socket: zmq.Socket[bytes] = context.socket(kind)
    _bound(socket, linger_ms, send_hwm, receive_hwm, longest)
    return socket


def open_async_socket(
    kind: int,
    *,
    linger_ms: int = 0,
    send_hwm: int = MOST_WAITING,
    receive_hwm: int = MOST_WAITING,
    longest: int | None = None,
) -> zmq.asyncio.Socket:
    """The same for an event loop: its `recv` and `send` are awaited."""
    import zmq.asyncio

    socket = zmq.asyncio.Context.instance().socket(kind)
    _bound(socket, linger_ms, send_hwm, receive_hwm, longest)
    return socket


def _bound(
    socket: zmq.Socket[Any], linger_ms: int, send_hwm: int, receive_hwm: int, longest: int | None
) -> None:
    if longest is None:
        longest = LONGEST_SUBSCRIPTION if socket.type in _ONLY_SENDS else LONGEST
    socket.setsockopt(zmq.LINGER, linger_ms)
    # the marks count from the next bind or connect: libzmq leaves standing connections as they are
    socket.setsockopt(zmq.SNDHWM, send_hwm)
    socket.setsockopt(zmq.RCVHWM, receive_hwm)
    socket.setsockopt(zmq.MAXMSGSIZE, longest)
