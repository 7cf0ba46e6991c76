"""Who is connected, and what each has not taken yet: bounded, so that nobody's sleep costs others.

A body is sent in pieces, the next when the last was taken: of what a client leaves lying only a
piece is copied, the body itself is the one that all who asked for it share. Who takes nothing for
some seconds is cut; where too many bytes or connections are in hand those go first that have waited
longest, so that the newest win.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import sys
import termios
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

from starlette.types import ASGIApp, Message, Receive, Scope, Send

PATIENCE = 15.0
"""Seconds in which nothing is taken of an answer."""
SILENCE = 60.0
"""Seconds in which nothing whole is asked for."""
PIECE = 1 << 18
"""Bytes given to a socket at a time."""
IN_HAND = 256 << 20
"""Bytes of answers on their way, each body counted once."""
MOST = 400
"""Connections at a time."""
EVERY = 0.5


class Connection(Protocol):
    """A connection as uvicorn keeps it."""

    transport: Any
    client: Any


@dataclass(slots=True)
class _Known:
    came: float
    since: float
    """When it last took something."""
    left: int = 0
    """Bytes that lie before it."""


class Clients:
    """Watches the connections of one server; belongs to its event loop."""

    def __init__(
        self, patience: float = PATIENCE, in_hand: int = IN_HAND, most: int = MOST
    ) -> None:
        self.patience = patience
        self.in_hand = in_hand
        self.most = most
        self.cut = 0
        """How many were cut."""
        self._known: dict[Connection, _Known] = {}
        self._held: dict[object, tuple[Any, int, int]] = {}
        self._connections: Callable[[], Iterable[Connection]] = tuple

    @property
    def count(self) -> int:
        """Connections now."""
        return len(list(self._connections()))

    @property
    def nbytes(self) -> int:
        """Bytes that were not taken yet: in sockets' buffers, and of bodies on their way."""
        lying: int = sum(one.transport.get_write_buffer_size() for one in self._connections())
        return lying + self._bodies()

    def paced(self, app: ASGIApp) -> ASGIApp:
        """`app` with its bodies sent in pieces."""

        async def answer(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] != "http":
                await app(scope, receive, send)
                return

            async def paced_send(message: Message) -> None:
                if message["type"] == "http.response.body":
                    await self._send(scope.get("client"), message, send)
                else:
                    await send(message)

            await app(scope, receive, paced_send)

        return answer

    async def watch(self, connections: Callable[[], Iterable[Connection]]) -> None:
        """Cut whoever takes nothing, until cancelled."""
        self._connections = connections
        while True:
            self.look()
            await asyncio.sleep(min(EVERY, self.patience / 4))

    def look(self) -> None:
        """Look at every connection once."""
        now, there = time.monotonic(), list(self._connections())
        known = self._known = {one: self._known.get(one) or _Known(now, now) for one in there}
        for one, seen in known.items():
            left = _left(one.transport)
            if left != seen.left or not left:
                seen.left, seen.since = left, now
            elif now - seen.since > self.patience:
                self.cut += 1
                one.transport.abort()
            if _rank(one) == 0 and now - seen.came > SILENCE:
                one.transport.abort()
        least = sorted(there, key=lambda one: (_rank(one), known[one].came))
        for one in least[: max(0, len(there) - self.most)]:
            self.cut += 1
            one.transport.abort()

    async def _send(self, client: Any, message: Message, send: Send) -> None:
        body, more = message.get("body", b""), message.get("more_body", False)
        with self.holding(client, body):
            for at in range(0, len(body) - PIECE, PIECE):
                piece = body[at : at + PIECE]
                await send({"type": message["type"], "body": piece, "more_body": True})
            last = (len(body) - 1) // PIECE * PIECE if body else 0
            await send({"type": message["type"], "body": body[last:], "more_body": more})

    @contextlib.contextmanager
    def holding(self, client: Any, body: bytes | memoryview) -> Iterator[None]:
        """While `client` takes `body`; those who take longest are cut where it is too much."""
        mark = object()
        self._held[mark] = client, id(body), len(body)
        self._spare(mark)
        try:
            yield
        finally:
            del self._held[mark]

    def _bodies(self) -> int:
        return sum({body: nbytes for _, body, nbytes in self._held.values()}.values())

    def _spare(self, newest: object) -> None:
        """Cut those who wait longest while too much is in hand; never the newest."""
        if self._bodies() <= self.in_hand:
            return
        by_client = {one.client: one for one in self._connections()}
        dropped: set[object] = set()
        for mark, (client, _, _) in list(self._held.items()):
            kept = {b: n for m, (_, b, n) in self._held.items() if m not in dropped}
            if sum(kept.values()) <= self.in_hand or mark is newest:
                break
            dropped.add(mark)
            if client in by_client:
                self.cut += 1
                by_client[client].transport.abort()


def _left(transport: Any) -> int:
    """Bytes that the other side has not taken: of a slow one the system holds megabytes itself."""
    left = int(transport.get_write_buffer_size())
    there = transport.get_extra_info("socket")
    if there is not None and there.fileno() >= 0 and sys.platform == "linux":
        with contextlib.suppress(OSError):
            left += int.from_bytes(fcntl.ioctl(there, termios.TIOCOUTQ, bytes(4)), sys.byteorder)
    return left


def _rank(one: Connection) -> int:
    """0 if it never asked for anything, 1 if it did and may ask again, 2 if it is served now."""
    cycle = getattr(one, "cycle", one)  # a web socket has none: it is served as long as it lasts
    if cycle is None:
        return 0
    return 1 if getattr(cycle, "response_complete", False) else 2
