"""Notices for pages: what is new, by WebSocket; a slow page misses old ones and delays nobody."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from starlette.websockets import WebSocket, WebSocketDisconnect

from .answers import encode
from .state import ViewState

EVERY = 0.5
"""Seconds between notices when nothing is new."""
SOONEST = 1 / 15
"""Seconds between notices at the least; a page may ask for fewer by `?every=SECONDS`."""
PATIENCE = 10.0
"""A page that takes no notice for so many seconds is cut."""
MOST = 200
"""Pages that may listen at a time."""


class Notices:
    """The endpoint of one `ViewState`'s notices."""

    def __init__(self, state: ViewState) -> None:
        self.state = state
        self._written: tuple[tuple[Any, ...], float, str] | None = None

    async def answer(self, socket: WebSocket) -> None:
        """Send the newest notice whenever frame or result changed, at least every half second."""
        if self.state.viewers >= MOST:
            await socket.close(1013, "too many viewers")
            return
        await socket.accept()
        self.state.viewers += 1
        sending = asyncio.ensure_future(self._send(socket, _every(socket)))
        hearing = asyncio.ensure_future(_until_gone(socket))
        try:
            await asyncio.wait({sending, hearing}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self.state.viewers -= 1
            for task in (sending, hearing):
                task.cancel()
            await asyncio.gather(sending, hearing, return_exceptions=True)

    async def _send(self, socket: WebSocket, every: float) -> None:
        while True:
            sent = self._marks()
            text = self._text()
            began = time.monotonic()
            try:
                await asyncio.wait_for(socket.send_text(text), PATIENCE)
            except (TimeoutError, RuntimeError, WebSocketDisconnect):
                return
            await asyncio.sleep(max(0.0, every - (time.monotonic() - began)))
            await self.state.wait_for(lambda: self._marks() != sent or None, EVERY)  # noqa: B023

    def _text(self) -> str:
        """The notice, written once for all who are told at about the same time."""
        said = (*self._marks(), id(self.state.status), id(self.state.stop), self.state.run)
        now = time.monotonic()
        if self._written is None or self._written[0] != said or now - self._written[1] > SOONEST:
            self._written = said, now, encode(self.state.notice()).decode()
        return self._written[2]

    def _marks(self) -> tuple[int, int]:
        return self.state.frames.seq, self.state.results.seq


async def _until_gone(socket: WebSocket) -> None:
    """Read and forget whatever the page says, until it goes."""
    while (await socket.receive())["type"] != "websocket.disconnect":
        pass


def _every(socket: WebSocket) -> float:
    """How long the page wants to be left alone between two notices."""
    said = dict(socket.query_params).get("every", "")
    try:
        return min(EVERY, max(SOONEST, float(said)))
    except ValueError:
        return SOONEST
