from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import httpx

from beamside.services.viewer import Server, ViewState, create_app

TOKEN, GUEST = "a-token-for-tests", "a-token-for-guests"
CORRECTION: dict[str, Any] = {
    **{"setting": "accepted", "in_force": None, "proposal": {"enough": True}},
    "events": [],
}


class Desk:
    """Notes what people want, and answers."""

    def __init__(self, answer: Mapping[str, Any] | None) -> None:
        self.answer = answer
        self.heard: list[dict[str, Any]] = []

    async def act(self, said: dict[str, Any]) -> Mapping[str, Any]:
        self.heard.append(said)
        if self.answer is None:
            raise TimeoutError
        return self.answer


def post(desk: Desk, body: Any, token: str = TOKEN) -> httpx.Response:
    return asyncio.run(_visit(desk, token, body))


async def _visit(desk: Desk, token: str, body: Any) -> httpx.Response:
    state = ViewState()
    state.take({"kind": "status", "correction": CORRECTION})
    server = Server(create_app(state, token=TOKEN, guest_token=GUEST, act=desk.act))
    port = await server.start()
    headers = {"authorization": f"Bearer {token}"}
    try:
        async with httpx.AsyncClient(
            base_url=f"http://127.0.0.1:{port}", headers=headers, trust_env=False
        ) as client:
            if body is None:
                return await client.get("/api/v1/calibration")
            if isinstance(body, bytes):
                return await client.post("/api/v1/calibration", content=body)
            return await client.post("/api/v1/calibration", json=body)
    finally:
        await server.stop()


def test_what_is_proposed_and_in_force_is_shown_to_guests_too() -> None:
    for token in (TOKEN, GUEST):
        answer = post(Desk({}), None, token)
        assert (answer.status_code, answer.json()) == (200, CORRECTION)


def test_a_decision_goes_to_the_desk_and_its_answer_comes_back() -> None:
    desk = Desk({"event": {"event": "accept", "by": "ann"}})
    body = {"action": "accept", "by": "ann", "correction": [0.01, 0, 0], "id": 99, "more": 1}
    answer = post(desk, body)
    assert (answer.status_code, answer.json()) == (200, desk.answer)
    assert desk.heard == [{"action": "accept", "by": "ann", "correction": [0.01, 0, 0]}]


def test_why_it_can_not_be_done_is_said() -> None:
    refused = post(Desk({"error": "nothing is proposed yet"}), {"action": "accept"})
    assert (refused.status_code, refused.json()["error"]) == (409, "nothing is proposed yet")
    silent = post(Desk(None), {"action": "withdraw"})
    assert silent.status_code == 503
    assert "does not answer" in silent.json()["error"]


def test_a_guest_may_look_and_change_nothing() -> None:
    desk = Desk({})
    answer = post(desk, {"action": "accept"}, GUEST)
    assert (answer.status_code, desk.heard) == (403, [])
    assert "change nothing" in answer.json()["error"]


def test_nonsense_reaches_nobody() -> None:
    desk = Desk({})
    for body in (b"", b"\xff", b"[]", b'{"action":"delete"}', b"[" * 5000, b"x" * 20000):
        assert post(desk, body).status_code in (400, 413)
    assert desk.heard == []
