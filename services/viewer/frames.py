"""Frames of WebSocket made once for all who get the same: nothing of them is copied for a viewer.

What a server says is not masked (RFC 6455, 5.3), so that a message looks the same for everybody.
websockets copies each twice on its way: of 1 MB that took as long as the system needs to send it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from starlette.responses import Response
from uvicorn.protocols.utils import ClientDisconnected
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

PIECE = 1 << 19
"""Bytes of a message at most."""
BINARY = 0x82
"""The first byte of a message that is a single frame of bytes."""


@dataclass(frozen=True, slots=True)
class Piece:
    """One message."""

    payload: memoryview
    framed: memoryview
    """With what goes before it on the wire."""


class Framed(Response):
    """An answer for a line, cut into messages."""

    def __init__(self, parts: list[bytes]) -> None:
        """`parts` follow each other."""
        whole = memoryview(b"".join(parts))
        cuts = range(0, max(1, len(whole)), PIECE)
        heads = [_head(len(whole[at : at + PIECE])) for at in cuts]
        wire = [
            part
            for at, head in zip(cuts, heads, strict=True)
            for part in (head, whole[at : at + PIECE])
        ]
        super().__init__(b"".join(wire))
        self.pieces = tuple(_pieces(memoryview(bytes(self.body)), heads, len(whole)))


def _pieces(wire: memoryview, heads: list[bytes], left: int) -> Iterator[Piece]:
    at = 0
    for head in heads:
        size = min(PIECE, left)
        end = at + len(head) + size
        yield Piece(wire[at + len(head) : end], wire[at:end])
        at, left = end, left - size


def _head(size: int) -> bytes:
    """What goes before a message of so many bytes."""
    if size < 126:
        return bytes([BINARY, size])
    if size < 1 << 16:
        return bytes([BINARY, 126]) + size.to_bytes(2, "big")
    return bytes([BINARY, 127]) + size.to_bytes(8, "big")


def message(piece: Piece) -> dict[str, Any]:
    """What an application says to send it, to any server."""
    return {"type": "websocket.send", "bytes": piece.payload, "framed": piece.framed}


class SharedFrames(WebSocketsSansIOProtocol):
    """Sends what is framed as it is."""

    async def send(self, message: Any) -> None:
        """Send one message, when what went before is taken."""
        framed = message.get("framed")
        if framed is None or not self.handshake_complete or self.close_sent:
            await super().send(message)
            return
        await self.writable.wait()
        if self.disconnected or self.transport.is_closing():
            raise ClientDisconnected
        self.transport.write(framed)
