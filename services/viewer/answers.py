"""How answers travel: JSON without NaN, arrays as little-endian bytes with headers that explain."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import numpy as np
import orjson
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

NO_STORE = {"cache-control": "no-store"}
OPTIONS = orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_NON_STR_KEYS


def encode(content: Any) -> bytes:
    """JSON bytes of nearly anything; NaN becomes null, strangers their text."""
    try:
        return orjson.dumps(content, default=plain, option=OPTIONS)
    except TypeError:
        return orjson.dumps(_tame(content), default=plain, option=OPTIONS)


def _tame(value: Any, depth: int = 0) -> Any:
    """Replace what JSON refuses: half characters, numbers beyond 64 bits, endless nesting."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if depth > 100:
        return "..."
    if isinstance(value, Mapping):
        return {_tame(str(key)): _tame(item, depth + 1) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_tame(item, depth + 1) for item in value]
    if isinstance(value, int) and not -(2**63) <= value < 2**64:
        return float(value) if abs(value) < 2**1000 else str(value)[:40]
    return value


def plain(value: Any) -> Any:
    """What JSON can hold instead of `value`."""
    if isinstance(value, np.ndarray):
        if value.dtype.kind in "biuf" and value.dtype.itemsize <= 8:
            return np.ascontiguousarray(value.astype(value.dtype.newbyteorder("="))).tolist()
        return [plain(item) for item in value.tolist()]
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, set | frozenset):
        return sorted(map(str, value))
    if isinstance(value, float | int | bool) or value is None:
        return value
    return str(value).encode("utf-8", "replace").decode()


def json_answer(content: Any, status: int = 200) -> Response:
    """A JSON response that no cache keeps."""
    return Response(encode(content), status, NO_STORE, "application/json")


def refusal(request: Request, error: Exception) -> Response:
    """The JSON form of a refusal: one sentence."""
    del request
    if not isinstance(error, HTTPException):
        return json_answer({"error": "something went wrong inside the service; see its log"}, 500)
    text = error.detail if error.detail != "Not Found" else "there is nothing at this address"
    return json_answer({"error": text}, error.status_code)


def array_answer(pixels: np.ndarray, facts: Mapping[str, Any]) -> Response:
    """The bytes of `pixels`, little endian and row major, with `facts` as X- headers.

    Text is percent-encoded, mappings and lists are ASCII JSON, so any name can travel.
    """
    pixels = np.ascontiguousarray(pixels, pixels.dtype.newbyteorder("<"))
    headers = {"x-shape": ",".join(map(str, pixels.shape)), "x-dtype": pixels.dtype.str}
    headers |= {f"x-{name}": _header(value) for name, value in facts.items() if value is not None}
    return Response(pixels.tobytes(), 200, NO_STORE | headers, "application/octet-stream")


def _header(value: Any) -> str:
    if isinstance(value, str):
        return quote(value.encode("utf-8", "replace"), safe=" ()[]+-_.:,")
    if isinstance(value, Mapping | list):
        return json.dumps(orjson.loads(encode(value)))
    return repr(value)
