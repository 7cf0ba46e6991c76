"""The page's process: listens to the bus, takes previews at the desk, serves the page."""

from __future__ import annotations

import asyncio
import contextlib

import zmq
import zmq.asyncio

from ..stream import wire
from ..stream.errors import WireError
from ..stream.messages import Frame
from . import notices
from .desk import WHO
from .logs import logger
from .ports import listening_socket
from .service import Life, Plan
from .viewer import Server, ViewState, create_app

log = logger("page")
PREVIEW_PERIOD_S = 1 / 15
"""Frames shown at most; eyes need no more."""
PING_MS = 1000
HELLO = b'{"reader":"preview","worker":"page","credit":1}'


def run(plan: Plan, life: Life) -> int:
    """Serve the page until told to stop."""
    return asyncio.run(_serve(plan, life))


async def _serve(plan: Plan, life: Life) -> int:
    settings = plan.parsed().viewer
    state = ViewState()
    hosts = ("127.0.0.1", "localhost", settings.host, *settings.allowed_hosts)
    server = Server(create_app(state, token=plan.token, allowed_hosts=hosts))
    await server.start(listening_socket(settings.host, plan.page_port))
    tasks = [
        asyncio.create_task(_bus(plan.bus, state)),
        asyncio.create_task(_previews(plan.desk, state)),
    ]
    while not (life.stopping or life.orphaned or any(task.done() for task in tasks)):
        await asyncio.sleep(0.1)
    failed = [task for task in tasks if task.done() and task.exception()]
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await server.stop()
    for task in failed:
        log.error("the page failed", error=repr(task.exception()))
    return 1 if failed else 0


async def _bus(endpoint: str, state: ViewState) -> None:
    listener = zmq.asyncio.Context.instance().socket(zmq.SUB)
    listener.setsockopt(zmq.RCVHWM, notices.MOST_WAITING)
    listener.setsockopt(zmq.LINGER, 0)
    listener.subscribe(b"")
    listener.connect(endpoint)
    while True:
        parts = await listener.recv_multipart(copy=False)
        message = notices.read([part.buffer for part in parts])
        if message is not None:
            state.take(message)


async def _previews(endpoint: str, state: ViewState) -> None:
    desk = zmq.asyncio.Context.instance().socket(zmq.DEALER)
    desk.setsockopt(zmq.LINGER, 0)
    desk.connect(endpoint)
    await desk.send_multipart([b"hello", HELLO])
    while True:
        if not await desk.poll(PING_MS):
            await desk.send_multipart([b"ping", b"{}"])  # ingest may have been started anew
            continue
        buffers = [part.buffer for part in await desk.recv_multipart(copy=False)]
        if bytes(buffers[0]) == WHO:
            await desk.send_multipart([b"hello", HELLO])
            continue
        with contextlib.suppress(WireError):
            message = wire.decode(buffers)
            if isinstance(message, Frame):
                state.take(message)
                await asyncio.sleep(PREVIEW_PERIOD_S)
                await desk.send_multipart([b"credit", b'{"n":1}'])
