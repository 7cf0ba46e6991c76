"""Settings of the analysis and the region to steer by: shown as forms, changed by who may.

    GET  /api/v1/settings   {may_change, analysis, values, revision, schema, events}
    POST /api/v1/settings   {"settings": {FIELD: VALUE, ..}, "by": NAME}
    GET  /api/v1/roi        {roi}
    POST /api/v1/roi        {"roi": {"y": [a, b], "x": [a, b]} | null, "by": NAME}

A change is tried out here first, as `operators.load` would take it, so that what is refused is
refused in words; then it goes to ingest, which logs it and tells the workers (`services/choosing`).
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Mapping
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ...analysis import operators
from ...stream.errors import FileError
from ..library import gifts
from ..settings import AnalysisSettings
from . import forms
from .answers import json_answer
from .guard import may_change
from .state import ViewState
from .wishes import Act, granted, said_in

FARTHEST = 1 << 16
WRONG = (LookupError, TypeError, ValueError, FileError, ImportError, AttributeError)
"""What an analysis may raise at settings that it does not take."""


class Control:
    """The addresses by which people change what the service does."""

    def __init__(self, state: ViewState, act: Act, analysis: AnalysisSettings | None) -> None:
        self.state = state
        self.act = act
        self.analysis = analysis
        self._loading = asyncio.Lock()

    def routes(self) -> list[Route]:
        """All addresses."""
        return [
            Route("/settings", self.show, methods=["GET"]),
            Route("/settings", self.change, methods=["POST"]),
            Route("/roi", self.show_roi, methods=["GET"]),
            Route("/roi", self.change_roi, methods=["POST"]),
        ]

    @property
    def choices(self) -> Mapping[str, Any]:
        """What is chosen, by the last notice."""
        said = self.state.status.get("choices")
        return said if isinstance(said, Mapping) else {}

    async def show(self, request: Request) -> Response:
        """The form, and what is set now."""
        return json_answer(await self._form(request))

    async def change(self, request: Request) -> Response:
        """Take up other settings from the next batch on."""
        said = await said_in(request)
        asked = said.get("settings")
        if not isinstance(asked, dict) or not asked:
            raise HTTPException(400, 'write {"settings": {FIELD: VALUE}, "by": NAME}')
        operator = await self._operator(self._now())
        try:
            wanted = forms.taken(asked, forms.schema(operator)["properties"])
            await asyncio.to_thread(self._load, {**self._now(), **wanted})
        except WRONG as error:
            raise HTTPException(400, str(error)) from error
        wish = {"kind": "settings", "settings": wanted, "by": said.get("by")}
        answer = await granted(self.act, wish | {"revision": self.choices.get("revision", 0)})
        if "error" in answer:
            return json_answer(answer, 409)
        return json_answer({"event": answer.get("event"), "settings": await self._form(request)})

    async def show_roi(self, request: Request) -> Response:
        """The region in force."""
        del request
        return json_answer({"roi": self.choices.get("roi")})

    async def change_roi(self, request: Request) -> Response:
        """Set the region, or take it away."""
        said = await said_in(request)
        roi = said.get("roi")
        if "roi" not in said or (roi is not None and not is_box(roi)):
            words = 'write {"roi": {"y": [FIRST, LAST], "x": [FIRST, LAST]}} in pixels, or null'
            raise HTTPException(400, words)
        if roi is not None:
            roi = {axis: roi[axis] for axis in "yx"}
        answer = await granted(self.act, {"kind": "roi", "roi": roi, "by": said.get("by")})
        if "error" in answer:
            return json_answer(answer, 409)
        return json_answer({"event": answer.get("event"), "roi": self.choices.get("roi")})

    def _now(self) -> dict[str, Any]:
        """The settings in force."""
        began = {} if self.analysis is None else self.analysis.settings
        return dict(self.choices.get("settings", began))

    async def _form(self, request: Request) -> dict[str, Any]:
        operator = await self._operator(self._now())
        return {
            "may_change": may_change(request),
            "analysis": None if self.analysis is None else self.analysis.name,
            "values": forms.values(operator),
            "revision": self.choices.get("revision", 0),
            "schema": forms.schema(operator),
            "events": self.choices.get("events", []),
        }

    async def _operator(self, settings: dict[str, Any]) -> Any:
        try:
            async with self._loading:
                return await asyncio.to_thread(self._load, settings)
        except WRONG as error:
            raise HTTPException(409, f"the analysis can't be looked at: {error}") from error

    def _load(self, settings: dict[str, Any]) -> Any:
        if self.analysis is None:
            raise LookupError("nothing is analysed here: analysis.workers is 0")
        name, phases = self.analysis.name, self.analysis.phases
        operator: Any = operators.load(name, settings, gifts(phases))
        choose = getattr(getattr(operator, "library", None), "choose", None)
        if choose is not None:
            choose(operator.candidates)  # a phase that nobody knows
        return operator


def is_box(said: Any) -> bool:
    """Whether this is two ranges of pixels, low before high."""
    if not isinstance(said, Mapping) or not {"y", "x"} <= set(said):
        return False
    for axis in "yx":
        ends = said[axis]
        if not isinstance(ends, list) or len(ends) != 2:
            return False
        if not all(type(n) in (int, float) and math.isfinite(n) for n in ends):
            return False
        if not 0 <= ends[0] < ends[1] <= FARTHEST:
            return False
    return True
