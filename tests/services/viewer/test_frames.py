"""Frames that are made once are those that any WebSocket would make of the same messages."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from websockets.frames import Frame, Opcode

from beamside.services.viewer.frames import PIECE, Framed, SharedFrames, message


@pytest.mark.parametrize("size", [0, 1, 125, 126, 65535, 65536, PIECE, PIECE + 1, 3 * PIECE - 1])
def test_they_are_as_the_library_makes_them(size: int) -> None:
    text = bytes(n % 251 for n in range(997)) * (size // 997 + 1)
    body = text[:size]
    pieces = Framed([body[:7], body[7:]]).pieces
    assert b"".join(piece.payload for piece in pieces) == body
    assert max(len(piece.payload) for piece in pieces) <= PIECE
    for piece in pieces:
        frame = Frame(Opcode.BINARY, bytes(piece.payload)).serialize(mask=False, extensions=[])
        assert frame == piece.framed


def test_an_answer_goes_out_without_a_copy() -> None:
    sent: list[Any] = []

    class Wire:
        def write(self, data: Any) -> None:
            sent.append(data)

        def is_closing(self) -> bool:
            return False

    async def send() -> None:
        line = SharedFrames.__new__(SharedFrames)
        line.handshake_complete, line.close_sent, line.disconnected = True, False, False
        line.writable = asyncio.Event()
        line.writable.set()
        line.transport = Wire()  # type: ignore[assignment]
        await line.send(message(answer.pieces[0]))

    answer = Framed([b"x" * 1000])
    asyncio.run(send())
    assert sent[0].obj is answer.body
