"""Clients that do not take their answers cost little, are cut and counted; others are served."""

from __future__ import annotations

import asyncio
import socket
import tracemalloc
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import numpy as np
import pytest

from beamside.services.viewer import Server, ViewState, create_app
from beamside.services.viewer.clients import PIECE, Clients

SIDE = 1024
BODY = 4 * SIDE * SIDE
BUFFER = PIECE + 65536 + 1024
"""What a socket's own buffer may hold: a piece, and what is left of the one before."""


@pytest.fixture
def served(token: str, run: Any) -> Callable[..., None]:
    """Run a scenario against a server with other bounds; frame 0 to 4 have 4 MB."""

    async def serve(scenario: Callable[..., Awaitable[None]], bounds: dict[str, Any]) -> None:
        state = ViewState()
        state.clients = Clients(**bounds)
        for number in range(5):
            state.take(run.frame(number, np.full((SIDE, SIDE), number, "<f4")))
        server = Server(create_app(state, token=token), clients=state.clients)
        port = await server.start()
        open_ones: list[socket.socket] = []

        async def asking(text: str, buffer: int = 4096) -> socket.socket:
            """A client that asks and does not read."""
            one = socket.socket()
            open_ones.append(one)
            one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
            one.setblocking(False)
            loop = asyncio.get_running_loop()
            await loop.sock_connect(one, ("127.0.0.1", port))
            await loop.sock_sendall(one, text.encode())
            return one

        headers = {"authorization": f"Bearer {token}"}
        base = f"http://127.0.0.1:{port}/api/v1"
        try:
            async with httpx.AsyncClient(base_url=base, headers=headers, trust_env=False) as client:
                await scenario(state, client, asking)
        finally:
            for one in open_ones:
                one.close()
            await server.stop()

    return lambda scenario, **bounds: asyncio.run(serve(scenario, bounds))


@pytest.fixture
def ask(token: str, run: Any) -> Callable[..., str]:
    def text(number: int = 0, more: str = "") -> str:
        there = f"/api/v1/frames/{run.place(number)}?enc=raw&size={SIDE}"
        head = f"Host: 127.0.0.1\r\nAuthorization: Bearer {token}\r\n{more}"
        return f"GET {there} HTTP/1.1\r\n{head}\r\n"

    return text


async def until(holds: Callable[[], bool]) -> None:
    for _ in range(200):
        if holds():
            return
        await asyncio.sleep(0.05)
    raise AssertionError("it never came to hold")


def test_who_never_reads_costs_a_piece_and_is_cut(served: Any, run: Any, ask: Any) -> None:
    many = 30

    async def scenario(state: Any, client: httpx.AsyncClient, asking: Any) -> None:
        await client.get(f"/frames/{run.place(0)}?enc=raw&size={SIDE}")
        tracemalloc.start()
        for _ in range(many):
            await asking(ask())
        await until(lambda: state.clients.nbytes > BODY + many * PIECE // 2)
        grown = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert state.clients.nbytes < BODY + many * BUFFER
        assert grown < many * 2 * BUFFER < many * BODY / 4
        assert state.clients.cut == 0
        answer = await client.get(f"/frames/{run.place(1)}?enc=raw&size={SIDE}")
        assert len(answer.content) == BODY
        await until(lambda: state.clients.cut == many)
        await until(lambda: state.clients.nbytes == 0)
        said = (await client.get("/health")).json()["clients"]
        assert said["cut"] == many
        assert said["connections"] <= 2
        figures = (await client.get("../../metrics")).text
        assert f"beamside_viewer_cut_total {many}.0" in figures

    served(scenario, patience=1.5)


def test_who_reads_slowly_gets_all_of_it(served: Any, ask: Any) -> None:
    async def scenario(state: Any, client: httpx.AsyncClient, asking: Any) -> None:
        slow, loop, got = await asking(ask(3), 1 << 16), asyncio.get_running_loop(), b""
        while len(got) < BODY:
            piece = await loop.sock_recv(slow, 1 << 16)
            assert piece
            got += piece
            await asyncio.sleep(0.02)
        assert state.clients.cut == 0
        assert got.endswith(np.full((SIDE, SIDE), 3, "<f4").tobytes())

    served(scenario, patience=0.4)


def test_a_line_that_is_not_read_is_cut(served: Any, token: str) -> None:
    async def scenario(state: Any, client: httpx.AsyncClient, asking: Any) -> None:
        head = f"Host: 127.0.0.1\r\nAuthorization: Bearer {token}\r\nUpgrade: websocket\r\n"
        head += "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        head += "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        line = await asking("GET /api/v1/line HTTP/1.1\r\n" + head)
        await asyncio.sleep(0.2)
        what = f'{{"analysis": null, "image": "enc=f32&size={SIDE}", "wants": []}}'
        text = f'{{"after": {{"result": 0, "frame": 0, "run": null}}, "what": {what}}}'.encode()
        frame = bytes([0x81, 0x80 | 126]) + len(text).to_bytes(2, "big") + bytes(4) + text
        await asyncio.get_running_loop().sock_sendall(line, frame)
        await until(lambda: state.clients.nbytes > 0)
        await until(lambda: state.clients.cut == 1)
        await until(lambda: state.clients.nbytes == 0)

    served(scenario, patience=0.6)


def test_the_newest_win_where_too_much_is_in_hand(served: Any, run: Any, ask: Any) -> None:
    async def scenario(state: Any, client: httpx.AsyncClient, asking: Any) -> None:
        for number in range(3):
            await asking(ask(number))
            await until(lambda: state.clients.nbytes > BODY)
            await asyncio.sleep(0.2)
        assert state.clients.cut == 1  # three bodies are too many for two
        for number in (3, 4):
            answer = await client.get(f"/frames/{run.place(number)}?enc=raw&size={SIDE}")
            assert len(answer.content) == BODY
        assert state.clients.cut >= 2
        assert state.clients.nbytes < 3 * BODY

    served(scenario, patience=60, in_hand=2 * BODY)


def test_silent_connections_go_first_where_there_are_too_many(served: Any, run: Any) -> None:
    async def scenario(state: Any, client: httpx.AsyncClient, asking: Any) -> None:
        assert (await client.get("/status")).status_code == 200
        for _ in range(20):
            await asking("GET /api/v1/status HT")
        await until(lambda: state.clients.count <= 8)
        assert state.clients.cut >= 12
        assert (await client.get("/status")).status_code == 200

    served(scenario, most=8, patience=2)
