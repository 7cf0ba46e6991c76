"""Notices by WebSocket: newest wins, and whoever goes is forgotten."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import httpx
from websockets.asyncio.client import connect


def test_a_new_frame_is_told_soon_and_silence_every_half_second(
    visit: Any, run: Any, token: str
) -> None:
    async def scenario(state: Any, client: httpx.AsyncClient) -> None:
        there = f"ws://127.0.0.1:{client.base_url.port}/api/v1/notices"
        bearer = {"authorization": f"Bearer {token}"}
        async with connect(there, additional_headers=bearer, proxy=None) as socket:
            first = json.loads(await socket.recv())
            assert first["frame"] is None
            await asyncio.sleep(0.1)
            state.take(run.frame(8))
            told = json.loads(await asyncio.wait_for(socket.recv(), 0.3))
            assert told["frame"]["number"] == 8
            again = json.loads(await asyncio.wait_for(socket.recv(), 1.5))
            assert again["frame"]["number"] == 8
            assert again["viewers"] == 1
            await socket.send("x" * 100)
        for _ in range(100):
            if state.viewers == 0:
                break
            await asyncio.sleep(0.02)
        assert state.viewers == 0

    visit(scenario)


def test_many_frames_are_told_as_few_notices(visit: Any, run: Any, token: str) -> None:
    async def scenario(state: Any, client: httpx.AsyncClient) -> None:
        there = f"ws://127.0.0.1:{client.base_url.port}/api/v1/notices"
        bearer = {"authorization": f"Bearer {token}"}
        async with connect(there, additional_headers=bearer, proxy=None) as socket:
            for number in range(300):
                state.take(run.frame(number))
                await asyncio.sleep(0.001)
            heard = 0
            newest: int | None = None
            while newest != 299:
                newest = (json.loads(await socket.recv())["frame"] or {}).get("number")
                heard += 1
            assert heard < 60

    visit(scenario)
