"""bluesky's documents from a 0MQ proxy of bluesky, and to one: JSON only.

A message is `prefix name payload` in one part, as `bluesky.callbacks.zmq.Publisher` sends it. Its
default payload is a pickle, which executes what a stranger wrote: it is refused and counted, never
opened. Set `serializer=orjson.dumps` there (with `option=OPT_SERIALIZE_NUMPY`), `deserializer=
orjson.loads` at bluesky's own `RemoteDispatcher`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TypeAlias

import orjson
import zmq

from .curve import Key
from .errors import WireError
from .sockets import open_socket

Document: TypeAlias = tuple[str, dict[str, Any]]
"""Name and document."""
NAMES = frozenset(
    (
        *("start", "descriptor", "event", "event_page", "stop", "stream_resource", "stream_datum"),
        *("resource", "datum", "datum_page"),
    )
)
LONGEST = 64 << 20
"""Bytes of a document; event pages with arrays are large."""
MOST_WAITING = 10_000
MOST_AT_ONCE = 500
PICKLE = 0x80


def decode(message: bytes, prefix: bytes | None = None) -> Document | None:
    """The document in a message; None if it has another prefix than the wanted one.

    WireError with the reason `document_form`, `document_name`, `pickle` or `document_json`.
    """
    parts = message.split(b" ", 2)
    if len(parts) != 3:
        raise WireError("document_form", "a document is sent as: prefix name payload")
    if prefix is not None and parts[0] != prefix:
        return None
    name = parts[1].decode("ascii", "replace")
    if name not in NAMES:
        raise WireError("document_name", f"{name[:20]!r} is no document of bluesky")
    if parts[2][:1] == bytes([PICKLE]):
        raise WireError("pickle", "set serializer=orjson.dumps at bluesky's Publisher")
    try:
        said = orjson.loads(parts[2])
    except orjson.JSONDecodeError as error:
        raise WireError("document_json", f"the payload is no JSON: {error}") from error
    if not isinstance(said, dict):
        raise WireError("document_json", "the payload is no JSON object")
    return name, said


def encode(name: str, document: Mapping[str, Any], prefix: bytes = b"") -> bytes:
    """A message that bluesky's own `RemoteDispatcher` reads with `deserializer=orjson.loads`."""
    if b" " in prefix:
        raise ValueError(f"a prefix has no space: {prefix!r}")
    payload = orjson.dumps(
        document, option=orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_NON_STR_KEYS, default=str
    )
    return b" ".join([prefix, name.encode(), payload])


class Documents:
    """Documents as they come from a proxy: `for name, document in documents.receive()`."""

    def __init__(
        self,
        address: str,
        *,
        prefix: bytes | None = None,
        own_key: Path | None = None,
        server_key: Path | None = None,
    ) -> None:
        """Connect to the proxy's outgoing address; KeyFileError if a key can't be used."""
        self.address, self.prefix = address, prefix
        self.refused: Counter[str] = Counter()
        self.socket = open_socket(zmq.SUB, receive_hwm=MOST_WAITING, longest=LONGEST)
        if own_key is not None and server_key is not None:
            Key(own_key, server_key).put_on(self.socket)
        self.socket.subscribe(prefix or b"")
        self.socket.connect(address)

    def receive(self) -> Iterator[Document]:
        """What has come by now, some hundred at most, without waiting."""
        for _ in range(MOST_AT_ONCE):
            try:
                parts = self.socket.recv_multipart(zmq.DONTWAIT)
            except zmq.Again:
                return
            try:
                document = decode(b"\0".join(parts), self.prefix)  # of one part: of more is none
            except WireError as error:
                self.refused[error.reason] += 1
                continue
            if document is not None:
                yield document

    def close(self) -> None:
        """Listen no more."""
        self.socket.close(0)


class Publisher:
    """A callback that publishes documents to a proxy's incoming address; it never waits.

    `RE.subscribe(Publisher("tcp://proxy:5577"))`
    """

    def __init__(
        self,
        address: str,
        *,
        prefix: bytes = b"",
        own_key: Path | None = None,
        server_key: Path | None = None,
    ) -> None:
        """Connect; KeyFileError if a key can't be used."""
        encode("start", {}, prefix)
        self.prefix = prefix
        self._socket = open_socket(zmq.PUB, linger_ms=1000, send_hwm=MOST_WAITING)
        if own_key is not None and server_key is not None:
            Key(own_key, server_key).put_on(self._socket)
        self._socket.connect(address)

    def __call__(self, name: str, document: Mapping[str, Any]) -> None:
        """Publish one document; from one thread at a time."""
        self._socket.send(encode(name, document, self.prefix))

    def close(self) -> None:
        """Let the last documents out, then close."""
        self._socket.close(1000)
