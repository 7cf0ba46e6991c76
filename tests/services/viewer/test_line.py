"""The line: an ask is answered with all that is new, as soon as there is any."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import httpx
import numpy as np
import pytest
from websockets.asyncio.client import ClientConnection, connect

IMAGE = "enc=raw&size=64"
WANTS = [["level", "enc=f32&size=64"], ["not_there", "enc=f32"]]
NOTHING = {"result": 0, "frame": 0}


def joined(client: httpx.AsyncClient, token: str) -> connect:
    there = f"ws://127.0.0.1:{client.base_url.port}/api/v1/line"
    bearer = {"authorization": f"Bearer {token}"}
    return connect(there, additional_headers=bearer, proxy=None)


async def ask(socket: ClientConnection, after: dict[str, Any], **what: Any) -> None:
    wanted = {"image": IMAGE, "wants": [], **what}
    await socket.send(json.dumps({"after": after, "what": wanted}))


async def told(socket: ClientConnection, seconds: float = 2) -> tuple[dict[str, Any], list[Any]]:
    """The head of the next answer, and its arrays."""
    message = await asyncio.wait_for(socket.recv(), seconds)
    assert isinstance(message, bytes)
    while len(message) < int.from_bytes(message[4:8], "little"):
        piece = await asyncio.wait_for(socket.recv(), seconds)
        assert isinstance(piece, bytes)
        message += piece
    start = 8 + int.from_bytes(message[:4], "little")
    assert start % 8 == 0
    head = json.loads(message[8:start])
    arrays: list[np.ndarray | None] = []
    for part in head["parts"]:
        if part["status"] != 200:
            arrays.append(None)
            continue
        assert part["at"] % 8 == 0
        body = message[start + part["at"] :][: part["length"]]
        shape = [int(n) for n in part["headers"]["x-shape"].split(",")]
        arrays.append(np.frombuffer(body, part["headers"]["x-dtype"]).reshape(shape))
    return head, arrays


def after(head: dict[str, Any]) -> dict[str, Any]:
    """That an answer is shown."""
    image = next(part["headers"] for part in head["parts"] if part["of"] == "image")
    shown = {"frame": int(image["x-seq"]), "run": "run/7 <b>&é"}
    return {"result": (head["result"] or {"seq": 0})["seq"], **shown}


def test_a_result_comes_with_its_image_and_what_is_wanted_of_it(
    visit: Any, run: Any, token: str
) -> None:
    async def scenario(state: Any, client: httpx.AsyncClient) -> None:
        for message in (run.start, run.frame(4), run.frame(5), run.result(4)):
            state.take(message)
        async with joined(client, token) as socket:
            await ask(socket, NOTHING, wants=WANTS)
            head, (image, level) = await told(socket)
        assert head["what"] == {"image": IMAGE, "wants": WANTS}
        assert head["result"] == (await client.get(f"/api/v1/results/{run.place(4)}")).json()
        assert [part["of"] for part in head["parts"]] == ["image", WANTS[0]]
        assert np.array_equal(image, np.arange(12).reshape(3, 4) + 400)
        assert np.array_equal(level, np.arange(6).reshape(2, 3) / 2)
        by_http = await client.get(f"/api/v1/frames/{run.place(4)}?{IMAGE}")
        said = {k: v for k, v in by_http.headers.items() if k.startswith("x-")}
        assert head["parts"][0]["headers"].items() <= said.items()

    visit(scenario)


def test_an_answer_waits_for_news_and_a_newer_ask_takes_its_place(
    visit: Any, run: Any, token: str
) -> None:
    async def scenario(state: Any, client: httpx.AsyncClient) -> None:
        state.take(run.frame(1))
        state.take(run.result(1))
        async with joined(client, token) as socket:
            await ask(socket, NOTHING)
            shown = after((await told(socket))[0])
            await ask(socket, shown)
            await ask(socket, shown, analysis="hrtem")
            with pytest.raises(TimeoutError):
                await told(socket, 0.2)
            state.take(run.frame(2))
            with pytest.raises(TimeoutError):  # its result may come in a moment
                await told(socket, 0.2)
            state.take(run.result(2))
            head, (image,) = await told(socket)
            assert head["what"]["analysis"] == "hrtem"
            assert (head["result"]["frame"], image[0, 0]) == (2, 200)
            with pytest.raises(TimeoutError):
                await told(socket, 0.2)

    visit(scenario)


def test_a_run_that_begins_again_under_its_name_is_shown_from_its_first_frame_on(
    visit: Any, run: Any, token: str
) -> None:
    async def scenario(state: Any, client: httpx.AsyncClient) -> None:
        for message in (run.start, run.frame(39), run.result(39)):
            state.take(message)
        async with joined(client, token) as socket:
            await ask(socket, NOTHING)
            shown = after((await told(socket))[0])
            for message in (run.start, run.frame(0), run.result(0)):
                state.take(message)
            await ask(socket, shown)
            head, (image,) = await told(socket)
            assert (head["result"]["frame"], image[0, 0]) == (0, 0)
            state.take(run.result(39))  # late: what is shown stays
            await ask(socket, after(head))
            assert (await told(socket))[1] == []

    visit(scenario)


def test_images_go_on_without_results_and_change_to_another_run(
    visit: Any, run: Any, token: str
) -> None:
    async def scenario(state: Any, client: httpx.AsyncClient) -> None:
        state.take(run.frame(1))
        async with joined(client, token) as socket:
            await ask(socket, NOTHING)
            head, (image,) = await told(socket)
            assert (head["result"], image[0, 0]) == (None, 100)
            await ask(socket, after(head))
            state.take(run.frame(2))
            head, (image,) = await told(socket)
            assert image[0, 0] == 200
            state.take(run.result(2))
            await ask(socket, after(head))
            head, arrays = await told(socket)
            assert (head["result"]["frame"], arrays) == (2, [])  # its image is shown already
            shown = {"result": head["result"]["seq"], "frame": 1, "run": "before"}
            await ask(socket, shown)
            head, (image,) = await told(socket)
            assert (head["result"], image[0, 0]) == (None, 200)

    visit(scenario)


def test_a_long_answer_comes_in_pieces_and_whole_though_another_ask_follows(
    visit: Any, run: Any, token: str
) -> None:
    async def scenario(state: Any, client: httpx.AsyncClient) -> None:
        large = np.arange(700 * 700, dtype="<u4").reshape(700, 700)
        state.take(run.frame(1, large))
        async with joined(client, token) as socket:
            for _ in range(2):
                await ask(socket, NOTHING, image="enc=raw&size=1024")
            for _ in range(2):
                _, (image,) = await told(socket)
                assert np.array_equal(image, large)
                await ask(socket, NOTHING, image="enc=raw&size=1024")
            assert len(await socket.recv()) <= 1 << 19

    visit(scenario)


def test_what_is_no_ask_is_answered_in_words(visit: Any, run: Any, token: str) -> None:
    async def scenario(state: Any, client: httpx.AsyncClient) -> None:
        state.take(run.frame(1))
        async with joined(client, token) as socket:
            for text in ("", "[]", '{"after": 3}', '{"after": {"result": "x"}, "what": {}}'):
                await socket.send(text)
                assert "an ask is" in (await told(socket))[0]["error"]
            await ask(socket, NOTHING, image="enc=mp3")
            head, _ = await told(socket)
            assert (head["parts"][0]["status"], head["parts"][0]["of"]) == (400, "image")
            assert "u8" in head["parts"][0]["error"]
            state.take(run.frame(2, data=b"short"))
            await ask(socket, NOTHING)
            head, _ = await told(socket)
            assert head["parts"][0]["status"] == 422

    visit(scenario)
