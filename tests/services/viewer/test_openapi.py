"""The OpenAPI document says what the routes do."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import httpx
from starlette.routing import Mount, Route

from beamside.services import viewer
from beamside.services.viewer import ViewState, create_app, openapi


def api_routes(token: str) -> list[Route]:
    app = create_app(ViewState(), token=token)
    (api,) = [r for r in app.routes if isinstance(r, Mount) and r.path == "/api/v1"]
    return [route for route in api.routes or [] if isinstance(route, Route)]


def test_every_address_is_in_it_and_nothing_else(visit: Any, token: str) -> None:
    async def scenario(state: Any, client: httpx.AsyncClient) -> None:
        said = (await client.get("/api/v1/openapi.json")).json()
        routes = api_routes(token)
        there = {
            (f"/{openapi.bare(route.path)}", method.lower())
            for route in routes
            for method in (route.methods or set()) - {"HEAD"}
        }
        assert {(path, method) for path, item in said["paths"].items() for method in item} == there
        assert {path.lstrip("/") for path, _ in there} == set(openapi.QUERIES)
        for item in said["paths"].values():
            for one in item.values():
                assert one["summary"].endswith(".")
                for parameter in one["parameters"]:
                    assert parameter["schema"]["type"] in ("string", "integer", "number", "array")
                    assert parameter["description"]

    visit(scenario)


def test_every_parameter_that_the_code_reads_is_in_it() -> None:
    read = set()
    for file in Path(viewer.__file__).parent.glob("*.py"):
        text = file.read_text()
        read |= set(re.findall(r'(?:choice|whole|pair|numbers)\(\s*request, "(\w+)"', text))
        read |= set(re.findall(r'query_params\.get(?:list)?\(\s*"(\w+)"', text))
    listed = {name for names in openapi.QUERIES.values() for name in names}
    assert read <= listed
    assert listed <= set(openapi.WORDS)
