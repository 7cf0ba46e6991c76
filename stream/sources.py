"""Where messages come from, by URL: a detector's socket, another beamside, recorded files.

A source never blocks and never raises for what it receives: what can't be understood comes out as
a `Refusal`, in its place. Every frame that a source gives has passed `decompress.check`: it is
safe to decode and to archive.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Protocol, TypeAlias

import zmq

from . import wire
from .decompress import check
from .errors import WireError
from .lifeline import Lifeline
from .messages import Buffer, Frame, Message, Refusal, RunStart
from .sockets import open_socket
from .urls import Url, parse_url

Incoming: TypeAlias = Message | Refusal
Decode: TypeAlias = Callable[[Sequence[Buffer]], Sequence[Incoming]]

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
    """Open the source at `url`, its messages named `name`; ValueError if the URL is wrong."""
    parsed = parse_url(url)
    if parsed.kind in ("file", "watch"):
        from .recorded import open_recorded  # file formats bring their libraries

        return open_recorded(parsed, name)
    if parsed.kind == "sim":
        raise ValueError("sim: is opened by the simulator service")
    return ZmqSource(parsed, name, max_message_bytes=max_message_bytes)


def decoder(kind: str, name: str, *, verify: bool) -> Decode:
    """The decoder of a wire: parts of one multipart -> messages; it raises only WireError."""
    if kind == "dectris":
        from .dectris import Decoder

        return Decoder(name, verify=verify).decode
    if kind == "stream2":
        from .stream2 import Decoder as Stream2Decoder

        return Stream2Decoder(name).decode
    return lambda parts: [checked(wire.decode(parts))]


def checked(message: Message) -> Message:
    """Give a frame back with its payloads checked; WireError names the frame that is refused."""
    if not isinstance(message, Frame):
        return message
    try:
        channels = {name: check(pixels) for name, pixels in message.channels.items()}
    except WireError as error:
        raise WireError(
            error.reason, error.detail, run=message.run, number=message.number
        ) from error
    return replace(message, channels=channels)


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
        self._decode = decoder(url.kind, name, verify=url.flag("verify", default=True))
        kind = zmq.SUB if url.kind == "beamside+sub" else zmq.PULL
        self._socket = open_socket(kind, receive_hwm=HIGH_WATER)
        self._socket.setsockopt(zmq.MAXMSGSIZE, max_message_bytes)
        self._socket.setsockopt(zmq.RECONNECT_IVL, 100)
        self._socket.setsockopt(zmq.RECONNECT_IVL_MAX, 2000)
        if kind == zmq.SUB:
            self._socket.subscribe(b"")
        try:
            (self._socket.bind if url.flag("bind") else self._socket.connect)(url.address)
        except zmq.ZMQError as error:
            self._socket.close(0)
            raise ValueError(f"can't open {url.address}: {error.strerror}") from error
        self._limit = max_message_bytes
        self._lifeline = None if url.flag("bind") else Lifeline(self._socket, url.address)

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
        if self._lifeline is None or not self._lifeline.mend():
            return []
        words = f"a message above {self._limit} bytes, or no ZeroMQ; connected again"
        return [Refusal(self.name, "connection_cut", words)]

    def decode(self, parts: Sequence[Buffer]) -> list[Incoming]:
        """Turn the parts of one multipart into messages, stamped with the time of arrival."""
        now = time.time_ns()
        try:
            return [_stamp(message, now) for message in self._decode(parts)]
        except WireError as error:
            return [Refusal(self.name, error.reason, error.detail, error.run, error.number)]

    def close(self) -> None:
        """Close the socket at once."""
        if self._lifeline is not None:
            self._lifeline.close()
        self._socket.close(0)


def _stamp(message: Incoming, now: int) -> Incoming:
    if isinstance(message, Frame):
        return message if message.received_ns else replace(message, received_ns=now)
    if isinstance(message, RunStart) and not message.time_ns:
        return replace(message, time_ns=now)
    return message
