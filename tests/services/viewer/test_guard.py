"""Who gets in, and who doesn't."""

from __future__ import annotations

import asyncio
import hashlib
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus
from websockets.typing import Origin

from beamside.services.doors import page_hosts
from beamside.services.settings import load
from beamside.services.viewer import ViewState, create_app
from beamside.services.viewer.guard import Guard, new_token

EVIL = "http://evil.example"


def test_a_token_in_the_address_moves_to_a_strict_cookie(visit: Any, token: str) -> None:
    async def scenario(state: Any, client: httpx.AsyncClient) -> None:
        del client.headers["authorization"]
        answer = await client.get(f"/?x=1&token={token}")
        assert answer.status_code == 303
        assert answer.headers["location"] == "/?x=1"
        cookie = answer.headers["set-cookie"].lower()
        assert "httponly" in cookie
        assert "samesite=strict" in cookie
        assert (await client.get("/api/v1/status")).status_code == 200

    visit(scenario)


@pytest.mark.parametrize("other", ['a={"x":1}', "a=b c", 'a="b', "[]=1", "a", "\xe9=1", ":;=;"])
def test_a_cookie_of_another_service_of_the_host_locks_nobody_out(visit: Any, other: str) -> None:
    async def scenario(state: Any, client: httpx.AsyncClient) -> None:
        del client.headers["authorization"]
        for cookies in (f"{other}; {COOKIE[1]}", f"{COOKIE[1]}; {other}"):
            headers = [(b"cookie", cookies.encode("latin-1"))]
            assert (await client.get("/api/v1/status", headers=headers)).status_code == 200

    visit(scenario)


def test_an_address_keeps_its_escapes_when_the_token_leaves_it(visit: Any, token: str) -> None:
    async def scenario(state: Any, client: httpx.AsyncClient) -> None:
        answer = await client.get(f"/api/v1/runs/a%3Fb%23c%2Fd?token={token}&x=%26")
        assert answer.headers["location"] == "/api/v1/runs/a%3Fb%23c%2Fd?x=%26"

    visit(scenario)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"authorization": "Bearer wrong-token"},
        {"authorization": "Bearer a-token-for-testsé".encode()},
        {"authorization": "Basic YTpi"},
        {"cookie": "beamside-00000000=a-token-for-tests; x"},
        {"cookie": "\xff\xfe=;;"},
    ],
)
def test_without_the_token_nothing_but_health_is_told(visit: Any, headers: dict[str, Any]) -> None:
    async def scenario(state: Any, client: httpx.AsyncClient) -> None:
        del client.headers["authorization"]
        raw = [
            (k.encode(), v if isinstance(v, bytes) else v.encode("latin-1"))
            for k, v in headers.items()
        ]
        for path in ("/", "/api/v1/status", "/api/v1/frames/latest", "/nothing"):
            answer = await client.get(path, headers=raw)
            assert answer.status_code == 401
            assert "token" in answer.text
        assert (await client.get("/healthz", headers=raw)).status_code == 200
        assert (await client.get("/readyz", headers=raw)).status_code == 503

    visit(scenario)


def test_a_wrong_token_in_the_address_sets_no_cookie(visit: Any) -> None:
    async def scenario(state: Any, client: httpx.AsyncClient) -> None:
        del client.headers["authorization"]
        answer = await client.get("/?token=wrong-token", headers={"accept": "text/html"})
        assert answer.status_code == 401
        assert "set-cookie" not in answer.headers
        assert "<p>" in answer.text

    visit(scenario)


@pytest.mark.parametrize(
    "origin", [EVIL, "null", "http://[::1", "http://127.0.0.1:1", "https://localhost"]
)
def test_a_foreign_origin_is_refused_with_the_right_token(visit: Any, origin: str) -> None:
    async def scenario(state: Any, client: httpx.AsyncClient) -> None:
        answer = await client.get("/api/v1/status", headers={"origin": origin})
        assert answer.status_code == 403
        own = str(client.base_url).rstrip("/")
        assert (await client.get("/api/v1/status", headers={"origin": own})).status_code == 200

    visit(scenario)


def test_a_foreign_origin_is_refused_on_the_websocket(visit: Any, token: str) -> None:
    async def scenario(state: Any, client: httpx.AsyncClient) -> None:
        there = f"ws://127.0.0.1:{client.base_url.port}/api/v1/notices"
        bearer = {"authorization": f"Bearer {token}"}
        with pytest.raises(InvalidStatus) as refused:
            await connect(there, origin=Origin(EVIL), additional_headers=bearer, proxy=None)
        assert refused.value.response.status_code == 403
        with pytest.raises(InvalidStatus) as refused:
            await connect(there, proxy=None)
        assert refused.value.response.status_code == 403
        async with connect(there, additional_headers=bearer, proxy=None) as socket:
            assert '"notice"' in str(await socket.recv())

    visit(scenario)


def test_a_frame_number_of_5000_digits_is_no_path(visit: Any) -> None:
    async def scenario(state: Any, client: httpx.AsyncClient) -> None:
        answer = await client.get("/api/v1/frames/a/" + "9" * 5000)
        assert answer.status_code == 404

    visit(scenario)


def test_a_foreign_host_is_refused(visit: Any) -> None:
    async def scenario(state: Any, client: httpx.AsyncClient) -> None:
        for host in ("evil.example", "127.0.0.1.evil.example:80", "", "[::1", "a b"):
            answer = await client.get("/healthz", headers={"host": host})
            assert answer.status_code == 400
        assert (await client.get("/healthz", headers={"host": "[::1]:80"})).status_code == 200

    visit(scenario)


def test_every_answer_forbids_framing_sniffing_and_foreign_scripts(visit: Any) -> None:
    async def scenario(state: Any, client: httpx.AsyncClient) -> None:
        for path in ("/", "/api/v1/status", "/nothing", "/healthz"):
            headers = (await client.get(path)).headers
            policy = headers["content-security-policy"]
            assert "default-src 'none'" in policy
            assert "script-src 'self';" in policy
            assert "frame-ancestors 'none'" in policy
            assert headers["x-content-type-options"] == "nosniff"
            assert headers["referrer-policy"] == "no-referrer"
        assert (await client.get("/api/v1/status")).headers["cache-control"] == "no-store"

    visit(scenario)


def test_metrics_are_open_on_this_machine_but_not_through_a_proxy(visit: Any) -> None:
    async def scenario(state: Any, client: httpx.AsyncClient) -> None:
        del client.headers["authorization"]
        assert (await client.get("/metrics")).status_code == 200
        through = {"x-forwarded-for": "203.0.113.9"}
        assert (await client.get("/metrics", headers=through)).status_code == 401

    visit(scenario)


def test_nothing_can_be_changed(visit: Any) -> None:
    async def scenario(state: Any, client: httpx.AsyncClient) -> None:
        for method in ("POST", "PUT", "DELETE", "PATCH"):
            for path in ("/", "/api/v1/status", "/api/v1/frames/latest"):
                assert (await client.request(method, path)).status_code == 405

    visit(scenario)


def test_a_short_token_is_not_accepted_at_all() -> None:
    with pytest.raises(ValueError, match="8 characters"):
        Guard(lambda *_: None, token="short", allowed_hosts=())  # type: ignore[arg-type]  # noqa: S106
    assert len(new_token()) >= 32
    assert new_token() != new_token()


async def answered(
    method: str, path: str, headers: list[tuple[str, str]], hosts: tuple[str, ...] = ("here",)
) -> int:
    """The status of one request to a guarded app that says 200 to everything."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    guarded = httpx.ASGITransport(Guard(app, token=TOKEN, allowed_hosts=hosts))
    async with httpx.AsyncClient(transport=guarded, base_url="http://here") as client:
        return (await client.request(method, path, headers=headers)).status_code


TOKEN = "a-token-for-tests"  # noqa: S105
BEARER = ("authorization", f"Bearer {TOKEN}")
COOKIE = ("cookie", f"beamside-{hashlib.sha256(TOKEN.encode()).hexdigest()[:8]}={TOKEN}")


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ([], 401),
        ([BEARER], 200),
        ([COOKIE], 403),
        ([COOKIE, ("origin", "http://here")], 200),
        ([COOKIE, ("origin", EVIL)], 403),
        ([BEARER, ("origin", EVIL)], 403),
        ([COOKIE, ("origin", "http://here"), ("origin", EVIL)], 403),
        ([COOKIE, ("origin", "http://here"), ("authorization", "Basic YTpi")], 200),
        ([COOKIE, ("origin", "http://here"), ("authorization", "Bearer wrong")], 401),
    ],
)
def test_what_changes_something_needs_a_header_or_a_cookie_with_its_origin(
    headers: list[tuple[str, str]], status: int
) -> None:
    assert asyncio.run(answered("POST", "/plan", headers)) == status


def test_what_changes_something_is_not_let_in_by_its_address() -> None:
    assert asyncio.run(answered("POST", f"/plan?token={TOKEN}", [])) == 403
    assert asyncio.run(answered("GET", f"/plan?token={TOKEN}", [])) == 303


def test_an_address_for_everything_is_no_name_of_this_machine() -> None:
    viewer = {"host": "0.0.0.0", "allowed_hosts": ["beamline.example"]}  # noqa: S104
    names = page_hosts(load(None, {"viewer": viewer, "security": {"unencrypted": True}}).viewer)
    for host, status in (("beamline.example", 200), ("0.0.0.0", 400), ("evil.example", 400)):  # noqa: S104
        asked = answered("GET", "/", [BEARER, ("host", host)], names)
        assert asyncio.run(asked) == status, host


def test_nothing_of_the_page_changes_anything_by_a_get() -> None:
    def changing(routes: Any, at: str = "") -> set[tuple[str, str]]:
        found: set[tuple[str, str]] = set()
        for route in routes:
            path = at + getattr(route, "path", "")
            methods = set(getattr(route, "methods", None) or ()) - {"GET", "HEAD"}
            found |= {(method, path) for method in methods}
            found |= changing(getattr(route, "routes", None) or (), path)
        return found

    # what changes something has to be a POST, and to be added here
    routes = create_app(ViewState(), token=TOKEN).routes
    by_people = ("calibration", "roi", "settings", "steering")
    assert changing(routes) == {("POST", f"/api/v1/{name}") for name in by_people}
