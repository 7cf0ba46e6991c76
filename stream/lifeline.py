"""Keeps a connecting socket connected after a message that broke its connection.

libzmq connects again by itself when a peer goes away, but not after a protocol error: one message
above the size limit, or broken framing, would silence a detector for good. The socket's own
monitor tells the two apart: a disconnect that is followed by no attempt is ours to mend. It also
tells what ZeroMQ keeps to itself: that the other end would not have our key.
"""

from __future__ import annotations

import contextlib
import time

import zmq
from zmq.utils.monitor import recv_monitor_message

from .sockets import UNBOUNDED

PATIENCE_S = 0.5
"""How long after a disconnect libzmq's own attempt may take to be announced."""
CUT = "cut"
"""What `mend` says of a connection that it mended."""
EVENTS = (
    zmq.EVENT_CONNECTED | zmq.EVENT_CONNECT_DELAYED | zmq.EVENT_CONNECT_RETRIED
    | zmq.EVENT_DISCONNECTED | zmq.EVENT_HANDSHAKE_SUCCEEDED | zmq.EVENT_HANDSHAKE_FAILED_AUTH
    | zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL | zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL
)  # fmt: skip
NOT_ALLOWED = "the other end does not allow our key; there: beamside keys allow"
NOT_THE_ONE = "the other end is not the one whose key is server_key, or it has just gone"
NEEDS_A_KEY = "one end is encrypted and the other is not: give keys on both ends, or on none"


class Lifeline:
    """The connection of one socket to one address."""

    def __init__(self, socket: zmq.Socket[bytes], address: str) -> None:
        self._socket = socket
        self._address = address
        self._monitor = socket.get_monitor_socket(EVENTS)
        # Written by the I/O thread of the whole process, which would wait at a bound, and with it
        # every socket. An event has 100 bytes, and attempts grow rarer.
        self._monitor.setsockopt(zmq.RCVHWM, UNBOUNDED)
        self._locked = socket.getsockopt(zmq.MECHANISM) == zmq.CURVE
        self._cut_at: float | None = None
        self._told = ""

    def mend(self) -> str:
        """Connect again if nobody else does; CUT if so, else words if a key is refused, once.

        Costs one poll.
        """
        news = ""
        while self._monitor.poll(0):
            event = recv_monitor_message(self._monitor)
            kind = event["event"]
            if kind == zmq.EVENT_HANDSHAKE_SUCCEEDED:
                self._told = ""
            news = self._key_trouble(kind, event["value"]) or news
            if kind in (zmq.EVENT_DISCONNECTED, zmq.EVENT_CONNECTED, zmq.EVENT_CONNECT_DELAYED,
                        zmq.EVENT_CONNECT_RETRIED):  # fmt: skip
                self._cut_at = time.monotonic() if kind == zmq.EVENT_DISCONNECTED else None
        if news and news != self._told:
            self._told = news
            return news
        return CUT if self._reconnected() and not self._told else ""

    def _key_trouble(self, kind: int, value: int) -> str:
        if kind == zmq.EVENT_HANDSHAKE_FAILED_AUTH:
            return NOT_ALLOWED
        if kind == zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL and self._locked:
            return NOT_THE_ONE
        mismatch = value == zmq.PROTOCOL_ERROR_ZMTP_MECHANISM_MISMATCH
        return NEEDS_A_KEY if kind == zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL and mismatch else ""

    def _reconnected(self) -> bool:
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
