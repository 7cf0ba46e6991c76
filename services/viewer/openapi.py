"""The OpenAPI document of the API, drawn from its routes and the tables below."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ... import __version__
from .answers import json_answer

PARAMETER = re.compile(r"\{(\w+)(?::\w+)?\}")
WORDS: Mapping[str, tuple[str, str]] = {
    "run": ("string", "name of a run, or the id of an archive (percent-encoded, / as %2F)"),
    "frame": ("integer", "number of a frame"),
    "variable": ("string", "variable of a result"),
    "table": ("string", "table of a result"),
    "source": ("string", "only of this source"),
    "analysis": ("string", "only of this analysis"),
    "channel": ("string", "image of a frame; the first if not given"),
    "prefer": ("string", "this image of a frame, or the first of a frame that lacks it"),
    "after": ("integer", "only what has a higher `seq`"),
    "wait": ("number", "seconds to wait for it, 0 to 30"),
    "enc": ("string", "u8 or u16 (value = offset + scale * code, code 0: none), f32, or raw"),
    "size": ("integer", "pixels a side at most, 16 to 8192"),
    "percentiles": ("string", "LOW,HIGH: contrast window, 0.1,99.9 if not given"),
    "beyond": ("integer", "so many windows below and above the contrast are coded too, 0 to 1000"),
    "limits": ("string", "LOW,HIGH in true values: contrast window"),
    "sel": ("string", "DIM:INDEX or DIM:LABEL, once for each dimension to cut"),
    "turn": ("string", "AZIMUTH,ELEVATION in degrees: a volume of labels from outside"),
    "colour": ("string", "with turn: a column of the table of the labels, or light"),
    "limit": ("integer", "so many at most"),
    "before": ("string", "only archives whose id is below"),
    "y": ("integer", "row"),
    "x": ("integer", "column"),
    "last": (
        "integer",
        "also the course over so many held frames, or over a past run (100 at most)",
    ),
    "roi": ("string", "Y0,X0,Y1,X1 in pixels, half open"),
    "line": ("string", "Y0,X0,Y1,X1 in pixels"),
    "width": ("integer", "pixels across the line, 1 to 200"),
    "offset": ("integer", "first row"),
    "columns": ("string", "names with commas between them"),
    "format": ("string", "png, tiff, csv, npy, h5 or py"),
    "map": ("string", "colour map"),
    "scale": ("string", "linear, log, sqrt or gamma"),
    "gamma": ("number", "0.05 to 20"),
    "dark": ("integer", "1 for a dark ground"),
    "inverted": ("integer", "1 for the colour map turned round"),
    "minus": ("string", "RUN/FRAME to subtract (percent-encoded)"),
    "image": ("integer", "1 to put the image of the frame with it"),
}
WHOSE = ("source", "analysis")
LOOK = ("enc", "size", "percentiles", "limits", "beyond")
OF_FRAME, OF_RESULT = ("source", "channel", "prefer"), (*WHOSE, "sel")
EXPORTED = (
    *("format", "size", "percentiles", "limits", "map", "scale", "gamma", "dark", "inverted"),
)
F, R, V = "frames/{run}/{frame}", "results/{run}/{frame}", "results/{run}/{frame}/{variable}"
QUERIES: Mapping[str, Sequence[str]] = {
    **{"status": (), "health": (), "calibration": (), "settings": (), "roi": (), "steering": ()},
    **{"openapi.json": (), "runs/{run}": ()},
    "history": ("after", "limit", "run"),
    "runs": ("limit", "before"),
    "frames/latest": ("after", "wait", *OF_FRAME, *LOOK),
    "results/latest": ("after", "wait", *WHOSE),
    **{F: (*OF_FRAME, *LOOK), R: ("wait", *WHOSE), V: (*OF_RESULT, *LOOK, "turn", "colour")},
    f"values/{F}": ("y", "x", "last", *OF_FRAME),
    f"values/{V}": ("y", "x", "last", *OF_RESULT),
    f"region/{F}": ("roi", "last", *OF_FRAME),
    f"region/{V}": ("roi", "last", *OF_RESULT),
    f"profile/{F}": ("line", "width", *OF_FRAME),
    f"profile/{V}": ("line", "width", *OF_RESULT),
    f"tables/{R}/{{table}}": ("offset", "limit", "columns", *WHOSE),
    f"export/{F}": (*EXPORTED, "minus", *OF_FRAME),
    f"export/{V}": (*EXPORTED, *OF_RESULT),
    f"export/{R}": ("format", "image", *WHOSE),
    f"export/tables/{R}/{{table}}": ("format", *WHOSE),
}
"""What each address takes beside what is in its path."""
BODIES: Mapping[str, Mapping[str, Any]] = {
    "calibration": {"action": "accept | withdraw", "by": "name", "correction": "three numbers"},
    "settings": {"settings": "what is changed, by field", "by": "name"},
    "steering": {"action": "accept | reject | mode | stop | clear", "by": "name", "id": "of what"},
    "roi": {"roi": "{y: [first, last], x: [first, last]} in pixels, or null", "by": "name"},
}


def bare(path: str) -> str:
    """A path of a route as OpenAPI writes it, without the first slash."""
    return PARAMETER.sub(r"{\1}", path).lstrip("/")


def document(routes: Sequence[Route]) -> dict[str, Any]:
    """The whole document."""
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        methods = sorted((route.methods or set()) - {"HEAD"})
        for method in methods:
            paths.setdefault(f"/{bare(route.path)}", {})[method.lower()] = operation(route, method)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "beamside",
            "version": __version__,
            "description": "Frames, results and runs of a beamside service. Arrays come as "
            "little-endian bytes, row major; X-Shape, X-Dtype, X-Axes and more explain them. "
            "In JSON null stands for a number that is none (NaN), and the texts 'inf' and '-inf' "
            "for infinite ones.",
        },
        "servers": [{"url": "/api/v1"}],
        "security": [{"token": []}],
        "paths": paths,
        "components": {"securitySchemes": {"token": {"type": "http", "scheme": "bearer"}}},
    }


def operation(route: Route, method: str) -> dict[str, Any]:
    """One method of one address."""
    path = bare(route.path)
    said = [_parameter(name, "path") for name in PARAMETER.findall(route.path)]
    if method == "GET":
        said += [_parameter(name, "query") for name in QUERIES.get(path, ())]
    doc = (route.endpoint.__doc__ or "").strip()
    found: dict[str, Any] = {
        "summary": doc.partition("\n")[0],
        "operationId": f"{method.lower()}-{re.sub('[^a-z]+', '-', path).strip('-')}",
        "parameters": said,
        "responses": {
            "200": {"description": "what was asked for"},
            "default": {
                "description": "why not, in words",
                "content": {"application/json": {"schema": ERROR}},
            },
        },
    }
    if method == "POST":
        fields = {k: {"description": v} for k, v in BODIES.get(path, {}).items()}
        schema = {"type": "object", "properties": fields}
        found["requestBody"] = {"content": {"application/json": {"schema": schema}}}
    return found


ERROR = {"type": "object", "properties": {"error": {"type": "string"}}}


def _parameter(name: str, where: str) -> dict[str, Any]:
    kind, words = WORDS[name]
    schema: dict[str, Any] = {"type": kind}
    if name == "sel":
        schema = {"type": "array", "items": {"type": "string"}}
    return {
        "name": name,
        "in": where,
        "required": where == "path",
        "description": words,
        "schema": schema,
    }


class OpenApi:
    """The address of the document."""

    def __init__(self, routes: Sequence[Route]) -> None:
        self._known = list(routes)

    def routes(self) -> list[Route]:
        """The one address."""
        return [Route("/openapi.json", self.show)]

    async def show(self, request: Request) -> Response:
        """This document."""
        del request
        return json_answer(document([*self._known, *self.routes()]))
