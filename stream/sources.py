"""Where messages come from, by URL: a detector's socket, another beamside, recorded files.

A source never blocks and never raises for what it receives: what can't be understood comes out as
a `Refusal`, in its place. Every frame that a source gives has passed `decompress.check`: it is
safe to decode and to archive.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import zmq

from .curve import Key, Lock, curve_of
from .errors import KeyFileError
from .lifeline import CUT, Lifeline
from .messages import Buffer, Refusal
from .reception import Incoming, Reception, checked, decoder
from .sockets import open_socket
from .urls import Url, parse_url

__all__ = ["Incoming", "Source", "ZmqSource", "checked", "decoder", "open_source"]

MAX_MESSAGE_BYTES = 1 << 30
"""A header with all details of a 16M detector is 145 MB in one message: leave room for it."""
HIGH_WATER = 32
"""Messages that may wait in the receiving socket: 1 GB of the largest frames, 10 ms of small ones
at 3000 a second. The sender's own queue comes before it."""
TURN_BYTES = 32 << 20
"""Taken in one turn at most, beside one message: then the readers have theirs."""


class Source(Protocol):
    """One stream of messages."""

    @property
    def socket(self) -> zmq.Socket[bytes] | None:
        """What to poll for something to receive; None if it is always worth asking."""
        ...

    @property
    def exhausted(self) -> bool:
        """Whether nothing will ever come again (the recorded files are at their end)."""
        ...

    def receive(self, limit: int = 64) -> list[Incoming]:
        """Give what is there, at most about `limit` messages, without waiting."""
        ...

    def close(self) -> None:
        """Let go of the socket or the files."""
        ...


def open_source(url: str, name: str, *, max_message_bytes: int = MAX_MESSAGE_BYTES) -> Source:
    """Open the source at `url`, its messages named `name`.

    ValueError if the URL is wrong, KeyFileError if a key that it names can't be used.
    """
    parsed = parse_url(url)
    if parsed.kind in ("file", "watch"):
        from .recorded import open_recorded  # file formats bring their libraries

        return open_recorded(parsed, name)
    if parsed.kind == "sim":
        raise ValueError("sim: is opened by the simulator service")
    return ZmqSource(parsed, name, max_message_bytes=max_message_bytes)


class ZmqSource:
    """A detector or another beamside, on a PULL (or SUB) socket of its own."""

    def __init__(
        self,
        url: Url,
        name: str,
        *,
        max_message_bytes: int = MAX_MESSAGE_BYTES,
    ) -> None:
        self.name = name
        self._reception = Reception(url.kind, name, verify=url.flag("verify", default=True))
        kind = zmq.SUB if url.kind == "beamside+sub" else zmq.PULL
        curve = curve_of(url, binds=url.flag("bind"))
        self._socket = open_socket(kind, receive_hwm=HIGH_WATER, longest=max_message_bytes)
        self._socket.setsockopt(zmq.RECONNECT_IVL, 100)
        self._socket.setsockopt(zmq.RECONNECT_IVL_MAX, 2000)
        if kind == zmq.SUB:
            self._socket.subscribe(b"")
        self._limit = max_message_bytes
        self._lifeline: Lifeline | None = None
        try:
            self._open(url, curve)
        except zmq.ZMQError as error:
            self.close()
            raise ValueError(f"can't open {url.address}: {error.strerror}") from error
        except KeyFileError:
            self.close()
            raise

    def _open(self, url: Url, curve: Lock | Key | None) -> None:
        if curve is not None:
            curve.put_on(self._socket)
        if url.flag("bind"):
            self._socket.bind(url.address)
            return
        # watched from before the first attempt: an end that is missed is never mended
        self._lifeline = Lifeline(self._socket, url.address)
        self._socket.connect(url.address)

    @property
    def socket(self) -> zmq.Socket[bytes]:
        """What to poll."""
        return self._socket

    @property
    def exhausted(self) -> bool:
        """Never: a detector may always send again."""
        return False

    @property
    def endpoint(self) -> str:
        """The address in use, with the port that was chosen."""
        return self._socket.getsockopt_string(zmq.LAST_ENDPOINT)

    def receive(self, limit: int = 64) -> list[Incoming]:
        """Give what is there, whole multiparts, decoded; refusals stand in their place."""
        came: list[Incoming] = []
        taken = 0
        while len(came) < limit and taken < TURN_BYTES:
            try:
                parts = self._socket.recv_multipart(zmq.DONTWAIT, copy=False)
            except zmq.Again:
                came.extend(self._mended())
                break
            taken += sum(len(part) for part in parts)
            came.extend(self.decode([part.buffer for part in parts]))
        return came

    def _mended(self) -> list[Incoming]:
        trouble = self._lifeline.mend() if self._lifeline is not None else ""
        if not trouble:
            return []
        if trouble != CUT:
            return [Refusal(self.name, "key_refused", trouble)]
        words = f"a message above {self._limit} bytes, or no ZeroMQ; connected again"
        return [Refusal(self.name, "connection_cut", words)]

    def decode(self, parts: Sequence[Buffer]) -> list[Incoming]:
        """Turn the parts of one multipart into messages, with the time of arrival and the parts."""
        return self._reception.decode(parts)

    def close(self) -> None:
        """Close the socket at once."""
        if self._lifeline is not None:
            self._lifeline.close()
        self._socket.close(0)
