"""The web application: page, API, notices, health and metrics, all behind the guard."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.staticfiles import StaticFiles

from ... import __version__
from .. import metrics
from ..settings import AnalysisSettings
from .answers import json_answer, refusal
from .api import Api
from .calibration import CalibrationApi
from .control import Control
from .export import Export
from .guard import Guard
from .health import Health
from .history import History
from .line import Line
from .notices import Notices
from .openapi import OpenApi
from .past import Past
from .pictures import Pictures
from .seen import Eyes
from .state import ViewState
from .steering import SteeringApi
from .values import Values
from .wishes import Act, nobody

STATIC = Path(__file__).with_name("static")
LOCAL = ("127.0.0.1", "localhost", "::1")


def create_app(
    state: ViewState,
    *,
    token: str,
    allowed_hosts: Iterable[str] = LOCAL,
    name: str = "beamside",
    static: Path = STATIC,
    past: Past | None = None,
    guest_token: str | None = None,
    act: Act = nobody,
    steer: Act = nobody,
    choose: Act = nobody,
    analysis: AnalysisSettings | None = None,
) -> Starlette:
    """Make the ASGI application that shows `state` to whoever has `token`.

    `allowed_hosts` are the names by which browsers may call this machine (without port; `*` for
    any); `name` is what the page calls this instrument. Who has `guest_token` may only look. `act`
    takes what a person wants changed to who can do it, and brings the answer; `steer` does so for
    steering, `choose` for settings and region. `analysis` are the settings that the service was
    started with, None where nothing is analysed.
    """

    async def healthz(request: Request) -> Response:
        del request
        return json_answer({"alive": True, "name": name, "version": __version__})

    async def readyz(request: Request) -> Response:
        del request
        ready, why = state.ready()
        return json_answer({"ready": ready, "state": why}, 200 if ready else 503)

    async def figures(request: Request) -> Response:
        del request
        state.metrics.count_cut(state.clients.cut)
        return Response(state.metrics.text(), media_type=metrics.CONTENT_TYPE)

    async def about(request: Request) -> Response:
        del request
        return json_answer({"name": name, "version": __version__})

    eyes = Eyes(state, past or Past(None))
    shown = Api(state, eyes, Pictures(state.memory // 4))
    api = [
        *_looking(eyes, shown),
        *CalibrationApi(state, act).routes(),
        *SteeringApi(state, steer).routes(),
        *Control(state, choose, analysis).routes(),
    ]
    page = GZipMiddleware(StaticFiles(directory=static, html=True, check_dir=False))
    return Starlette(
        routes=[
            Route("/healthz", healthz),
            Route("/readyz", readyz),
            Route("/metrics", figures),
            Route("/api/v1/about", about),
            WebSocketRoute("/api/v1/notices", Notices(state).answer),
            WebSocketRoute("/api/v1/line", Line(shown).answer),
            Mount("/api/v1", routes=[*api, *OpenApi(api).routes()]),
            Mount("/", page),
        ],
        middleware=[
            Middleware(Guard, token=token, allowed_hosts=allowed_hosts, guest_token=guest_token)
        ],
        exception_handlers={HTTPException: refusal, Exception: refusal},
    )


def _looking(eyes: Eyes, shown: Api) -> list[Route]:
    """What there is to look at under /api/v1."""
    state = eyes.state
    parts = (shown, History(state, eyes.past), Values(eyes), Health(state), Export(eyes))
    return [route for part in parts for route in part.routes()]
