"""Notices for pages: what is new, by WebSocket; a slow page misses old ones and delays nobody."""

from __future__ import annotations

import asyncio
import time

from starlette.websockets import WebSocket, WebSocketDisconnect

from .answers import encode
from .state import ViewState

EVERY = 0.5
"""Seconds between notices when nothing is new."""
SOONEST = 1 / 15
"""Seconds between notices at the least."""
PATIENCE = 10.0
"""A page that takes no notice for so many seconds is cut."""
MOST = 200
"""Pages that may listen at a time."""


class Notices:
    """The endpoint of one `ViewState`'s notices."""

    def __init__(self, state: ViewState) -> None:
        self.state = state

    async def answer(self, socket: WebSocket) -> None:
        """Send the newest notice whenever frame or result changed, at least every half second."""
        if self.state.viewers >= MOST:
            await socket.close(1013, "too many viewers")
            return
        await socket.accept()
        self.state.viewers += 1
        sending = asyncio.ensure_future(self._send(socket))
        hearing = asyncio.ensure_future(_until_gone(socket))
        try:
            await asyncio.wait({sending, hearing}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self.state.viewers -= 1
            for task in (sending, hearing):
                task.cancel()
            await asyncio.gather(sending, hearing, return_exceptions=True)

    async def _send(self, socket: WebSocket) -> None:
        while True:
            sent = self._marks()
            text = encode(self.state.notice()).decode()
            began = time.monotonic()
            try:
                await asyncio.wait_for(socket.send_text(text), PATIENCE)
            except (TimeoutError, RuntimeError, WebSocketDisconnect):
                return
            await asyncio.sleep(max(0.0, SOONEST - (time.monotonic() - began)))
            await self.state.wait_for(lambda: self._marks() != sent or None, EVERY)  # noqa: B023

    def _marks(self) -> tuple[int, int]:
        return self.state.frames.seq, self.state.results.seq


async def _until_gone(socket: WebSocket) -> None:
    """Read and forget whatever the page says, until it goes."""
    while (await socket.receive())["type"] != "websocket.disconnect":
        pass
