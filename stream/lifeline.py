"""Keeps a connecting socket connected after a message that broke its connection.

libzmq connects again by itself when a peer goes away, but not after a protocol error: one message
above the size limit, or broken framing, would silence a detector for good. The socket's own
monitor tells the two apart: a disconnect that is followed by no attempt is ours to mend.
"""

from __future__ import annotations

import contextlib
import time

import zmq
from zmq.utils.monitor import recv_monitor_message

PATIENCE_S = 0.5
"""How long after a disconnect libzmq's own attempt may take to be announced."""
EVENTS = (
    zmq.EVENT_CONNECTED | zmq.EVENT_CONNECT_DELAYED | zmq.EVENT_CONNECT_RETRIED
    | zmq.EVENT_DISCONNECTED
)  # fmt: skip


class Lifeline:
    """The connection of one socket to one address."""

    def __init__(self, socket: zmq.Socket[bytes], address: str) -> None:
        self._socket = socket
        self._address = address
        self._monitor = socket.get_monitor_socket(EVENTS)
        self._cut_at: float | None = None

    def mend(self) -> bool:
        """Connect again if nobody else does; whether that was needed. Costs one poll."""
        while self._monitor.poll(0):
            event = recv_monitor_message(self._monitor)["event"]
            cut = event == zmq.EVENT_DISCONNECTED
            self._cut_at = time.monotonic() if cut else None
        if self._cut_at is None or time.monotonic() - self._cut_at < PATIENCE_S:
            return False
        self._cut_at = None
        with contextlib.suppress(zmq.ZMQError):  # libzmq may have forgotten it already
            self._socket.disconnect(self._address)
        self._socket.connect(self._address)
        return True

    def close(self) -> None:
        """Stop watching; call it before the socket is closed."""
        self._socket.disable_monitor()
        self._monitor.close(0)
