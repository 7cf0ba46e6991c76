"""Where messages go, by URL: the wire of a detector (simulated), our own bus, an archive."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

import zmq

from . import wire
from .curve import curve_of
from .errors import KeyFileError
from .messages import Buffer, Message, Result
from .sockets import open_socket
from .urls import Url, parse_url

SEND_HIGH_WATER = 16
"""Messages that may wait for who reads them: 1 GB of the largest frames; then `send` waits."""


class Sink(Protocol):
    """Takes messages."""

    @property
    def endpoint(self) -> str:
        """Where it sends or writes to, with the port that was chosen."""
        ...

    def send(self, message: Message, timeout_s: float = 10.0) -> bool:
        """Send `message`; False if nobody took it in time."""
        ...

    def close(self, linger_s: float = 5.0) -> None:
        """Wait for what is under way, then let go."""
        ...


def open_sink(url: str, **encoder_options: Any) -> Sink:
    """Open the sink at `url`; ValueError or KeyFileError if the URL or its keys are wrong."""
    parsed = parse_url(url)
    if parsed.kind == "file":
        from .recorder import ArchiveSink  # brings h5py

        return ArchiveSink(Path(parsed.address))
    if parsed.kind in ("watch", "sim"):
        raise ValueError(f"{url!r} can only be read from; write to file:FOLDER or to a wire")
    return ZmqSink(parsed, **encoder_options)


def encoder(kind: str, **options: Any) -> Callable[[Message], Sequence[Sequence[Buffer]]]:
    """The encoder of a wire: a message -> the multiparts that say it."""
    if kind == "dectris":
        from .dectris import Encoder

        return _framewise(Encoder(**options).encode)
    if kind == "stream2":
        from .stream2 import Encoder as Stream2Encoder

        return _framewise(Stream2Encoder(**options).encode)
    return lambda message: [wire.encode(message)]


def _framewise(
    encode: Callable[..., Sequence[Sequence[Buffer]]],
) -> Callable[[Message], Sequence[Sequence[Buffer]]]:
    def checked(message: Message) -> Sequence[Sequence[Buffer]]:
        if isinstance(message, Result):
            raise ValueError("a detector's wire carries no results")
        return encode(message)

    return checked


class ZmqSink:
    """A PUSH socket that binds, as a detector does (PUB for the live bus)."""

    def __init__(
        self,
        url: Url,
        **encoder_options: Any,
    ) -> None:
        self._encode = encoder(url.kind, **encoder_options)
        kind = zmq.PUB if url.kind == "beamside+sub" else zmq.PUSH
        connect = url.options.get("bind") == "0"
        curve = curve_of(url, binds=not connect)
        self._socket = open_socket(kind, send_hwm=SEND_HIGH_WATER)
        try:
            if curve is not None:
                curve.put_on(self._socket)
            (self._socket.connect if connect else self._socket.bind)(url.address)
        except zmq.ZMQError as error:
            self._socket.close(0)
            raise ValueError(f"can't open {url.address}: {error.strerror}") from error
        except KeyFileError:
            self._socket.close(0)
            raise

    @property
    def endpoint(self) -> str:
        """The address in use, with the port that was chosen."""
        return self._socket.getsockopt_string(zmq.LAST_ENDPOINT)

    def send(self, message: Message, timeout_s: float = 10.0) -> bool:
        """Send `message`; False if nobody took it in time."""
        return all(self.send_parts(parts, timeout_s) for parts in self._encode(message))

    def send_parts(self, parts: Sequence[Buffer], timeout_s: float = 10.0) -> bool:
        """Send parts as they are, whatever they say; False if nobody took them in time."""
        if not self._socket.poll(int(timeout_s * 1000), zmq.POLLOUT):
            return False
        self._socket.send_multipart(parts, copy=False)
        return True

    def close(self, linger_s: float = 5.0) -> None:
        """Wait for what is under way, then close."""
        self._socket.close(int(linger_s * 1000))
