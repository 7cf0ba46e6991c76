"""The calibration on the page: what is in force, what is proposed, and a person's word on it.

    GET  /api/v1/calibration    {setting, in_force, proposal, file, events}; null where nothing is
    POST /api/v1/calibration    {"action": "accept" | "withdraw", "by": NAME, "correction": [..]}

`in_force` and `events` are as `services/acceptance` keeps them. `proposal` has `correction` (scale,
anisotropy, shear), `correction_sigma`, `enough` (whether the evidence is), `alarm`, `note`,
`pixel_size_nm`, `analysis`, `run`, `frames`. A POST sends back the `correction` that the person
saw; without one the newest proposal is accepted. It is answered by {"event": what was written,
"calibration": as GET}, 409 with the reason where it can't be done, 503 where the service does not
answer.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeAlias

import orjson
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from .answers import json_answer
from .state import ViewState

Act: TypeAlias = Callable[[dict[str, Any]], Awaitable[Mapping[str, Any]]]
"""Takes a wish to who can grant it; gives {"event": ..} or {"error": words}, or TimeoutError."""
LONGEST = 1 << 14
ACTIONS = ("accept", "withdraw")
NOTHING: Mapping[str, Any] = {
    **{"setting": None, "in_force": None, "proposal": None, "file": None},
    "events": [],
}


async def nobody(said: dict[str, Any]) -> Mapping[str, Any]:
    """Where only looking is possible."""
    raise TimeoutError


class CalibrationApi:
    """Answers from a `ViewState`, and passes on what people decide."""

    def __init__(self, state: ViewState, act: Act) -> None:
        self.state = state
        self.act = act

    def routes(self) -> list[Route]:
        """The one address."""
        return [
            Route("/calibration", self.show, methods=["GET"]),
            Route("/calibration", self.decide, methods=["POST"]),
        ]

    async def show(self, request: Request) -> Response:
        """What is in force, what is proposed, and what was decided before."""
        del request
        said = self.state.status.get("correction")
        return json_answer(said if isinstance(said, Mapping) else NOTHING)

    async def decide(self, request: Request) -> Response:
        """Accept or withdraw."""
        wish = _wish(await said_in(request))
        try:
            answer = await self.act(wish)
        except TimeoutError:
            words = "the service does not answer; look whether it still runs"
            return json_answer({"error": words}, 503)
        return json_answer(answer, 409 if "error" in answer else 200)


async def said_in(request: Request) -> dict[str, Any]:
    """The JSON object that a request carries; 400 or 413 if it carries none."""
    body = b""
    async for piece in request.stream():
        body += piece
        if len(body) > LONGEST:
            raise HTTPException(413, f"the body has at most {LONGEST} bytes")
    try:
        said = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise HTTPException(400, f"the body is no JSON: {error}") from error
    if not isinstance(said, dict):
        raise HTTPException(400, "the body is no JSON object")
    return said


def _wish(said: dict[str, Any]) -> dict[str, Any]:
    if said.get("action") not in ACTIONS:
        raise HTTPException(400, 'write {"action": "accept"} or {"action": "withdraw"}')
    return {key: said[key] for key in ("action", "by", "correction") if said.get(key) is not None}
