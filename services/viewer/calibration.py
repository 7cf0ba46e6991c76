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

from collections.abc import Mapping
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from .answers import json_answer
from .state import ViewState
from .wishes import Act, answer, said_in

ACTIONS = ("accept", "withdraw")
NOTHING: Mapping[str, Any] = {
    **{"setting": None, "in_force": None, "proposal": None, "file": None},
    "events": [],
}


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
        return await answer(self.act, _wish(await said_in(request)))


def _wish(said: dict[str, Any]) -> dict[str, Any]:
    if said.get("action") not in ACTIONS:
        raise HTTPException(400, 'write {"action": "accept"} or {"action": "withdraw"}')
    return {key: said[key] for key in ("action", "by", "correction") if said.get(key) is not None}
