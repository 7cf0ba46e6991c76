"""A web server inside somebody else's event loop: it binds, serves, stops, and takes no signals."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Iterator
from typing import Any

import uvicorn
from starlette.types import ASGIApp

from ..ports import listening_socket
from .clients import Clients
from .frames import SharedFrames


class _Quiet(uvicorn.Server):
    """Signals belong to the process, not to its web server."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class Server:
    """Serve `app` at `host:port`; port 0 takes a free one."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        clients: Clients | None = None,
    ) -> None:
        self.host = host
        self.port = port
        self.clients = clients or Clients()
        self._server = _Quiet(
            uvicorn.Config(
                self.clients.paced(app),
                ws=SharedFrames,
                ws_max_size=1 << 16,
                ws_per_message_deflate=False,  # pictures shrink little and cost much
                lifespan="off",
                access_log=False,
                log_level="warning",  # at `info` it writes addresses, and a token may be in one
                log_config=None,
                server_header=False,
                timeout_graceful_shutdown=2,
            )
        )
        self._task: asyncio.Task[None] | None = None
        self._watch: asyncio.Task[None] | None = None

    async def start(self, bound: socket.socket | None = None) -> int:
        """Begin to serve, on `bound` if given; the port. OSError if the address is taken."""
        bound = bound or listening_socket(self.host, self.port)
        self.port = int(bound.getsockname()[1])
        self._task = asyncio.create_task(self._server.serve(sockets=[bound]))
        while not self._server.started:
            if self._task.done():
                await self._task
                raise OSError(f"the web server at {self.host}:{self.port} stopped at once")
            await asyncio.sleep(0.01)
        there: Any = self._server.server_state.connections
        self._watch = asyncio.create_task(self.clients.watch(lambda: tuple(there)))
        return self.port

    async def stop(self) -> None:
        """Let running answers finish for two seconds, then close."""
        if self._task is not None:
            self._server.should_exit = True
            await self._task
        if self._watch is not None:
            self._watch.cancel()
            await asyncio.gather(self._watch, return_exceptions=True)
