"""What is new, with its pictures, by WebSocket: one ask, one answer, as soon as there is news.

An ask is JSON: `after` says what is shown (`result` and `frame`: their `seq`, 0 for none; `run` of
the image), `what` says what is wanted (`analysis`, the query of the `image`, `wants`:
pairs of a variable and its query, written as for HTTP). A newer ask replaces one that still waits;
nobody is told anything that was not asked for, so a slow page holds up nothing.

An answer is binary: the length of the head and that of the whole answer (4 bytes each, little
endian), the head (JSON, filled up with spaces to a multiple of 8 bytes), then the arrays, each at a
multiple of 8 bytes. The head repeats `what`, has the described `result` (or null), and of each part
what HTTP would answer: `of`, `status`, and `headers`, `at`, `length` or `error`. A long answer
comes as several messages of 512 KiB, to be put together: one of 4 MB costs a browser 80 ms.

A notice and three requests by HTTP for the same cost a browser three times the CPU.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import orjson
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.websockets import WebSocket, WebSocketDisconnect

from ...stream.messages import Frame, Result
from .answers import encode
from .api import Api
from .frames import Framed, message
from .state import Held

PATIENCE = 2.0
"""Seconds without a result after which images go on without one."""
MOST = 200
"""Lines at a time."""
WANTS = 32
"""Variables of one ask."""
LOOK_AGAIN = 60.0

Part: TypeAlias = tuple[Any, Response | HTTPException]


@dataclass(frozen=True, slots=True)
class Ask:
    """What a page shows, and what it wants to know when there is something else."""

    result: int
    frame: int
    run: str
    what: str
    """As it came: two pages that want the same get the same answer."""
    analysis: str
    image: str
    wants: tuple[tuple[str, str], ...]


def read(text: str) -> Ask:
    """Read an ask; ValueError in words if it is none."""
    try:
        said = orjson.loads(text)
        after, what = said["after"], said["what"]
        wants = tuple((str(variable), str(query)) for variable, query in what["wants"])
        return Ask(
            result=int(after["result"]),
            frame=int(after["frame"]),
            run=str(after.get("run") or ""),
            what=orjson.dumps(what).decode(),
            analysis=str(what.get("analysis") or ""),
            image=str(what["image"]),
            wants=wants[:WANTS],
        )
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise ValueError(
            'an ask is {"after": {..}, "what": {"image": .., "wants": [..]}}'
        ) from error


class Line:
    """The endpoint: answers from one `Api` and its state."""

    def __init__(self, api: Api) -> None:
        self.api = api
        self.state = api.state
        self.many = 0

    async def answer(self, socket: WebSocket) -> None:
        """Answer one ask after the other until the page goes."""
        if self.many >= MOST:
            await socket.close(1013, "too many viewers")
            return
        await socket.accept()
        self.many += 1
        page = _Page(self.api, socket)
        telling: asyncio.Future[None] | None = None
        hearing = asyncio.ensure_future(socket.receive())
        try:
            while True:
                both: set[asyncio.Future[Any]] = {hearing}
                both |= set() if telling is None else {telling}
                await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
                if telling is not None and telling.done():
                    telling.result()
                    telling = None
                if not hearing.done():
                    continue
                said = hearing.result()
                if said["type"] == "websocket.disconnect":
                    return
                await (_done(telling) if page.sending else _ended(telling))
                telling = asyncio.ensure_future(page.tell(said.get("text") or ""))
                hearing = asyncio.ensure_future(socket.receive())
        except WebSocketDisconnect:
            return
        finally:
            self.many -= 1
            await _ended(hearing)
            await _ended(telling)


class _Page:
    """One page on its line."""

    def __init__(self, api: Api, socket: WebSocket) -> None:
        self.api = api
        self.state = api.state
        self.socket = socket
        self.result_at = -PATIENCE
        self.sending = False
        """Whether an answer is on its way, which has to be finished."""

    async def tell(self, text: str) -> None:
        """Answer one ask, as soon as there is news."""
        try:
            ask = read(text)
        except ValueError as error:
            news = _packed({"error": str(error)}, [])
        else:
            news = await self._news(ask)
        self.sending = True
        try:
            with self.state.clients.holding(self.socket.client, news.body):
                for piece in news.pieces:
                    await self.socket.send(message(piece))
        except (RuntimeError, WebSocketDisconnect):  # it went meanwhile
            return
        finally:
            self.sending = False

    async def _news(self, ask: Ask) -> Framed:
        while (news := await self.state.wait_for(lambda: self._new(ask), LOOK_AGAIN)) is None:
            pass
        result, image = news
        if result is not None:
            self.result_at = time.monotonic()
        held = result or image
        assert held is not None  # noqa: S101
        size = self.state.calibration(held.message).get("pixel_size_nm")
        key = ("line", ask.what, image and image.seq, repr(size))
        return await self.api.shown.answer(held, key, lambda: self._told(ask, result, image))

    def _new(self, ask: Ask) -> tuple[Held[Result] | None, Held[Frame] | None] | None:
        """The result that is not shown yet and the image of its frame; or the image alone."""
        frames, newest = self.state.frames, self.state.frames.find()
        result = self._result(ask)
        if result is not None and result.seq != ask.result:
            number, whose = result.message.frames[-1], result.message
            image = frames.at(whose.run, number, lambda held: held.message.source == whose.source)
            # by arrival, not by number: a run may begin again under its name
            if image is not None and image.seq <= ask.frame and ask.run == whose.run:
                return result, None
            return result, image or (None if ask.frame else newest)
        quiet = time.monotonic() - self.result_at > PATIENCE
        if newest is None or newest.seq == ask.frame:
            return None
        foreign = bool(ask.frame) and ask.run != newest.message.run
        return (None, newest) if quiet or foreign or not ask.result else None

    def _result(self, ask: Ask) -> Held[Result] | None:
        grown = self.state.grown.get(ask.analysis)
        return grown or self.state.results.find(
            lambda held: bool(held.message.frames) and ask.analysis in ("", held.message.analysis)
        )

    async def _told(
        self, ask: Ask, result: Held[Result] | None, image: Held[Frame] | None
    ) -> Framed:
        """All of an answer, made once for all pages that want the same."""
        named: list[tuple[Any, Awaitable[Response]]]
        named = [] if image is None else [("image", self.api.image(_asked(ask.image), image))]
        doc = b"null"
        if result is not None:
            number = result.message.frames[-1]
            doc = bytes((await self.api.described(result, number)).body)
            named += [
                ((name, query), self.api.variable_of(_asked(query), result, number, name))
                for name, query in ask.wants
                if name in result.message.data
            ]
        made = await asyncio.gather(*(answer for _, answer in named), return_exceptions=True)
        parts = []
        for (of, _), answer in zip(named, made, strict=True):
            if not isinstance(answer, Response | HTTPException):
                raise answer
            parts.append((of, answer))
        head = {"what": orjson.Fragment(ask.what), "result": orjson.Fragment(doc)}
        return _packed(head, parts)


def _packed(head: dict[str, Any], parts: list[Part]) -> Framed:
    """Head and arrays as one answer."""
    bodies, listed, at = [], [], 0
    for of, answer in parts:
        if isinstance(answer, HTTPException):
            listed.append({"of": of, "status": answer.status_code, "error": answer.detail})
            continue
        body = bytes(answer.body)
        headers = {k: v for k, v in answer.headers.items() if k.startswith("x-")}
        listed.append({"of": of, "status": 200, "headers": headers, "at": at, "length": len(body)})
        bodies += [body, bytes(-len(body) % 8)]
        at += len(body) + (-len(body) % 8)
    text = encode(head | {"parts": listed})
    text += b" " * (-len(text) % 8)
    lengths = [len(text), 8 + len(text) + at]
    return Framed([*(n.to_bytes(4, "little") for n in lengths), text, *bodies])


def _asked(query: str) -> Request:
    """As if it had been asked by HTTP."""
    scope: Mapping[str, Any] = {
        **{"type": "http", "method": "GET", "path": "/", "headers": [], "path_params": {}},
        "query_string": query.encode(),
    }
    return Request(dict(scope))


async def _done(task: asyncio.Future[Any] | None) -> None:
    if task is not None:
        await asyncio.gather(task, return_exceptions=True)


async def _ended(task: asyncio.Future[Any] | None) -> None:
    if task is not None:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
