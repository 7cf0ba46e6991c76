"""ZeroMQ sockets, made one way: no waiting at the end, nothing without a bound."""

from __future__ import annotations

import zmq

UNBOUNDED = 0
"""For sockets whose bound is kept elsewhere (credit)."""


def open_socket(
    kind: int, *, linger_ms: int = 0, send_hwm: int = 1000, receive_hwm: int = 1000
) -> zmq.Socket[bytes]:
    """A socket of this process's one context."""
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context.instance()
    socket: zmq.Socket[bytes] = context.socket(kind)
    socket.setsockopt(zmq.LINGER, linger_ms)
    socket.setsockopt(zmq.SNDHWM, send_hwm)
    socket.setsockopt(zmq.RCVHWM, receive_hwm)
    return socket
