"""The page's process: listens to the bus, takes previews at the desk, serves the page."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import replace
from typing import Any

import orjson
import zmq

from ..stream.errors import StreamError
from ..stream.messages import Frame
from ..stream.sockets import open_async_socket
from ..stream.spool import Place, SpoolViews
from . import notices
from .desk import FRAMES, WHO
from .doors import page_hosts
from .logs import logger
from .ports import listening_socket
from .service import Life, Plan
from .viewer import Past, Server, ViewState, create_app

log = logger("page")
PREVIEW_PERIOD_S = 1 / 15
"""Frames shown at most; eyes need no more."""
PING_MS = 1000
HELLO = b'{"reader":"preview","worker":"page","credit":1}'


def run(plan: Plan, life: Life) -> int:
    """Serve the page until told to stop."""
    return asyncio.run(_serve(plan, life))


async def _serve(plan: Plan, life: Life) -> int:
    whole = plan.parsed()
    settings, archive = whole.viewer, whole.archive
    state = ViewState(memory=int(settings.memory_mb * 1e6))
    past = Past(archive.folder if archive.enabled else None)
    hosts = page_hosts(settings)
    server = Server(create_app(state, token=plan.token, allowed_hosts=hosts, past=past))
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
    await past.close()
    for task in failed:
        log.error("the page failed", error=repr(task.exception()))
    return 1 if failed else 0


async def _bus(endpoint: str, state: ViewState) -> None:
    listener = open_async_socket(zmq.SUB, receive_hwm=notices.MOST_HEARD)
    listener.subscribe(b"")
    listener.connect(endpoint)
    while True:
        parts = await listener.recv_multipart(copy=False)
        message = notices.read([part.buffer for part in parts])
        if message is not None:
            state.take(message)


async def _previews(endpoint: str, state: ViewState) -> None:
    desk = open_async_socket(zmq.DEALER)
    views = SpoolViews()
    desk.connect(endpoint)
    await desk.send_multipart([b"hello", HELLO])
    while True:
        if not await desk.poll(PING_MS):
            await desk.send_multipart([b"ping", b"{}"])  # ingest may have been started anew
            continue
        buffers = [part.buffer for part in await desk.recv_multipart(copy=False)]
        word = bytes(buffers[0][:16])
        if word == WHO:
            await desk.send_multipart([b"hello", HELLO])
        elif word == FRAMES:
            frame = _newest(views, orjson.loads(buffers[1]))
            if frame is not None:
                state.take(frame)
            await asyncio.sleep(PREVIEW_PERIOD_S)
            await desk.send_multipart([b"credit", b'{"n":1}'])


def _newest(views: SpoolViews, head: dict[str, Any]) -> Frame | None:
    """The frame that was handed out; None if the spool has forgotten it already."""
    with contextlib.suppress(StreamError, OSError):
        _, *at = head["refs"][-1]
        return own(views.frame(head["spool"], Place(*at)))
    return None


def own(frame: Frame) -> Frame:
    """A frame with pixels of its own: views would keep the spool's deleted files on the disk."""
    channels = {
        name: replace(pixels, data=bytes(pixels.data)) for name, pixels in frame.channels.items()
    }
    return replace(frame, channels=channels, raw=())
