"""The page's process: listens to the bus, takes previews at the desk, serves the page."""

from __future__ import annotations

import asyncio
import contextlib
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import zmq

from ..stream.errors import StreamError
from ..stream.messages import Frame
from ..stream.sockets import open_async_socket
from ..stream.spool import Place, SpoolViews
from . import notices
from .desk import ANSWER, FRAMES, WHO
from .doors import page_hosts
from .logs import logger
from .ports import listening_socket
from .service import Life, Plan
from .viewer import Past, Server, ViewState, create_app
from .viewer.wishes import Act

log = logger("page")
NICENESS = 5
"""However many look, a frame does not wait for them."""
PREVIEW_PERIOD_S = 1 / 15
"""Frames shown at most; eyes need no more."""
PING_MS = 1000
ANSWER_S = 5.0
"""A person waits so long for the answer to a click."""
HELLO = b'{"reader":"preview","worker":"page","credit":1}'


def run(plan: Plan, life: Life) -> int:
    """Serve the page until told to stop."""
    os.nice(NICENESS)
    return asyncio.run(_serve(plan, life))


async def _serve(plan: Plan, life: Life) -> int:
    whole = plan.parsed()
    settings, archive = whole.viewer, whole.archive
    state = ViewState(memory=int(settings.memory_mb * 1e6))
    past = Past(archive.folder if archive.enabled else None, spool=Path(plan.spool))
    hosts = page_hosts(settings)
    desk = PageDesk(plan.desk, state)
    server = Server(
        create_app(
            state,
            token=plan.token,
            allowed_hosts=hosts,
            past=past,
            guest_token=settings.guest_token,
            act=desk.asking("calibration"),
            steer=desk.asking("steering"),
            choose=desk.asking("choice"),
            analysis=whole.analysis if whole.analysis.workers else None,
        ),
        clients=state.clients,
    )
    await server.start(listening_socket(settings.host, plan.page_port))
    tasks = [
        asyncio.create_task(_bus(plan.bus, state)),
        asyncio.create_task(desk.listen()),
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


class PageDesk:
    """The page at the desk: takes the newest frames, and passes on what people decide."""

    def __init__(self, endpoint: str, state: ViewState) -> None:
        self.state = state
        self._socket = open_async_socket(zmq.DEALER)
        self._socket.connect(endpoint)
        self._views = SpoolViews()
        self._asked: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._count = 0
        self._next: asyncio.Task[None] | None = None

    def asking(self, kind: str) -> Act:
        """Asks ingest to do something of a kind, and gives its answer; TimeoutError if none."""

        async def act(said: dict[str, Any]) -> dict[str, Any]:
            return await self._ask(kind.encode(), said)

        return act

    async def _ask(self, kind: bytes, said: dict[str, Any]) -> dict[str, Any]:
        self._count += 1
        number = self._count
        answer = self._asked[number] = asyncio.get_running_loop().create_future()
        try:
            wish = orjson.dumps({**said, "id": number})
            await self._socket.send_multipart([kind, wish])
            return await asyncio.wait_for(answer, ANSWER_S)
        finally:
            del self._asked[number]

    async def listen(self) -> None:
        """Hear the desk, for ever; frames are asked for at the page's own pace."""
        await self._socket.send_multipart([b"hello", HELLO])
        while True:
            if not await self._socket.poll(PING_MS):
                await self._socket.send_multipart([b"ping", b"{}"])  # a new ingest asks who we are
                continue
            buffers = [part.buffer for part in await self._socket.recv_multipart(copy=False)]
            word = bytes(buffers[0][:16])
            if word == WHO:
                await self._socket.send_multipart([b"hello", HELLO])
            elif word == ANSWER:
                self._answered(orjson.loads(buffers[1]))
            elif word == FRAMES:
                frame = _newest(self._views, orjson.loads(buffers[1]))
                if frame is not None:
                    self.state.take(frame)
                self._next = asyncio.create_task(self._ask_for_one())

    def _answered(self, said: dict[str, Any]) -> None:
        answer = self._asked.get(said.pop("id", None))
        if "calibration" in said:  # before the next notice says so
            self.state.take({**self.state.status, "correction": said["calibration"]})
        if "steering" in said:
            self.state.take({**self.state.status, "steering": said["steering"]})
        if "choices" in said:
            self.state.take({**self.state.status, "choices": said["choices"]})
        if answer is not None and not answer.done():
            answer.set_result(said)

    async def _ask_for_one(self) -> None:
        await asyncio.sleep(PREVIEW_PERIOD_S)
        await self._socket.send_multipart([b"credit", b'{"n":1}'])


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
