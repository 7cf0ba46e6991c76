"""Steering on the page: what is suggested and why, a person's word on it, and the emergency stop.

    GET  /api/v1/steering   {mode, stopped, holder, paused, waiting, counts, events}
    POST /api/v1/steering   {"action": .., "by": NAME, "words": WHY}
        a person:   accept, reject (+ "id" of the suggestion)   mode (+ "mode": advise, auto, off)
                    stop   clear
        a steerer:  take   tell   release     (services/steering/wheel.py)

A suggestion has `id`, `by`, `plan`, `moves` {AXIS: {to, from, units}} and `reason` {run, frame,
values, sigma, model, words}. A POST is answered by {"event", "steering"}, 409 with the reason where
it can't be done, 503 where the service does not answer.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from .answers import json_answer
from .state import ViewState
from .wishes import Act, answer, said_in

LONGEST = 1 << 20
BY_PEOPLE = ("accept", "reject", "mode", "stop", "clear")
BY_STEERERS = ("take", "tell", "release")
NOTHING: Mapping[str, Any] = {
    **{"mode": "advise", "stopped": None, "holder": None, "paused": None},
    **{"waiting": [], "counts": {}, "events": []},
}


class SteeringApi:
    """Answers from a `ViewState`, and passes on what people and steerers wish."""

    def __init__(self, state: ViewState, act: Act) -> None:
        self.state = state
        self.act = act

    def routes(self) -> list[Route]:
        """The one address."""
        return [
            Route("/steering", self.show, methods=["GET"]),
            Route("/steering", self.wish, methods=["POST"]),
        ]

    async def show(self, request: Request) -> Response:
        """Who steers, what waits for a person, and what happened."""
        del request
        said = self.state.status.get("steering")
        return json_answer(said if isinstance(said, Mapping) else NOTHING)

    async def wish(self, request: Request) -> Response:
        """Pass on a wish."""
        return await answer(self.act, await _wish(request))


async def _wish(request: Request) -> dict[str, Any]:
    said = await said_in(request, LONGEST)
    if said.get("action") not in (*BY_PEOPLE, *BY_STEERERS):
        raise HTTPException(400, f"write one action of {', '.join(BY_PEOPLE)}")
    via = "page" if "origin" in request.headers else "api"
    # the desk counts its own questions by `id`
    return {**said, "suggestion": said.get("id"), "via": via}
