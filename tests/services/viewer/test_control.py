"""Forms of settings, what they refuse, and who may send them."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import httpx
import pytest

from beamside.analysis import operators
from beamside.services.settings import AnalysisSettings
from beamside.services.viewer import Server, ViewState, create_app, forms


class Ingest:
    """Grants what it is asked for, and remembers it."""

    def __init__(self, state: ViewState) -> None:
        self.state = state
        self.asked: list[dict[str, Any]] = []

    async def act(self, said: dict[str, Any]) -> Mapping[str, Any]:
        self.asked.append(said)
        if said.get("by") == "late":
            return {"error": "somebody else changed the settings meanwhile; look again"}
        settings = said.get("settings", {})
        choices = {"settings": settings, "revision": 1, "roi": said.get("roi"), "events": [1]}
        self.state.take({"choices": choices})
        return {"event": {"event": said["kind"]}}


def with_control(token: str, scenario: Any, name: str = "hrtem") -> None:
    async def serve() -> None:
        state = ViewState()
        ingest = Ingest(state)
        settings = AnalysisSettings(name=name)
        tokens: dict[str, Any] = {"token": token, "guest_token": "a-guest-token"}
        app = create_app(state, **tokens, choose=ingest.act, analysis=settings)
        server = Server(app)
        port = await server.start()
        try:
            async with httpx.AsyncClient(
                base_url=f"http://127.0.0.1:{port}/api/v1/", trust_env=False, timeout=60
            ) as client:
                client.headers["authorization"] = f"Bearer {token}"
                await scenario(client, ingest)
        finally:
            await server.stop()

    asyncio.run(serve())


def test_the_form_of_an_analysis_has_types_defaults_words_units_and_choices() -> None:
    said = forms.schema(operators.load("hrtem"))["properties"]
    assert said["k_min"]["type"] == "number"
    assert said["k_min"]["units"] == "1/nm"
    assert said["k_min"]["default"] == 1.5
    assert said["k_min"]["description"].startswith("Spots are looked for from here")
    assert said["temperature"]["nullable"]
    assert {"value": "li-sei", "title": "li-sei", "kind": "set"} in said["candidates"]["choices"]
    assert "LiF" in [one["value"] for one in said["candidates"]["choices"]]
    assert "library" not in said


def test_a_form_is_shown_and_sent(token: str) -> None:
    async def scenario(client: httpx.AsyncClient, ingest: Ingest) -> None:
        form = (await client.get("settings")).json()
        assert form["may_change"]
        assert (form["analysis"], form["revision"]) == ("hrtem", 0)
        assert form["values"]["candidates"] == "li-sei"
        wish = {"settings": {"k_min": 2, "candidates": ["LiF", "Li2O"]}, "by": "ann"}
        said = (await client.post("settings", json=wish)).json()
        assert said["event"] == {"event": "settings"}
        assert said["settings"]["values"]["k_min"] == 2
        assert ingest.asked[0] == {"kind": "settings", "revision": 0, **wish}
        late = await client.post("settings", json=wish | {"by": "late"})
        assert late.status_code == 409

    with_control(token, scenario)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"k_min": 30}, "k_max must exceed"),
        ({"k_min": "2"}, "of the type number"),
        ({"k_min": True}, "of the type number"),
        ({"candidates": "kryptonite"}, "kryptonite"),
        ({"library": {}}, "no setting 'library'"),
        ({"windows": []}, "windows"),
        ({}, "write"),
    ],
)
def test_what_the_analysis_refuses_is_refused_in_words(
    token: str, settings: dict[str, Any], words: str
) -> None:
    async def scenario(client: httpx.AsyncClient, ingest: Ingest) -> None:
        answer = await client.post("settings", json={"settings": settings})
        assert answer.status_code == 400
        assert words in answer.json()["error"]
        assert not ingest.asked

    with_control(token, scenario)


def test_a_region_is_two_ranges_or_none(token: str) -> None:
    async def scenario(client: httpx.AsyncClient, ingest: Ingest) -> None:
        for wrong in ({}, {"roi": {"y": [5, 1], "x": [0, 1]}}, {"roi": {"y": [0, 1]}}, {"roi": 3}):
            assert (await client.post("roi", json=wrong)).status_code == 400
        roi = {"y": [1, 5], "x": [0, 9.5]}
        assert (await client.post("roi", json={"roi": roi, "by": "x"})).json()["roi"] == roi
        assert (await client.post("roi", json={"roi": None})).json()["roi"] is None
        assert len(ingest.asked) == 2

    with_control(token, scenario, "sum")


def test_a_guest_looks_and_changes_nothing(token: str) -> None:
    async def scenario(client: httpx.AsyncClient, ingest: Ingest) -> None:
        client.headers["authorization"] = "Bearer a-guest-token"
        assert (await client.get("settings")).json()["may_change"] is False
        assert (await client.get("health")).json()["may_change"] is False
        for where in ("settings", "roi", "calibration"):
            assert (await client.post(where, json={})).status_code == 403
        client.headers["authorization"] = f"Bearer {token}"
        foreign = {"origin": "http://evil.example"}
        assert (await client.post("roi", json={"roi": None}, headers=foreign)).status_code == 403
        assert not ingest.asked

    with_control(token, scenario, "sum")
