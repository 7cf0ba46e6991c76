"""What people wish, on its way from a request to who can grant it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeAlias

import orjson
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from .answers import json_answer

Act: TypeAlias = Callable[[dict[str, Any]], Awaitable[Mapping[str, Any]]]
"""Takes a wish to who can grant it; gives {"event": ..} or {"error": words}, or TimeoutError."""
LONGEST = 1 << 14


async def nobody(said: dict[str, Any]) -> Mapping[str, Any]:
    """Where only looking is possible."""
    raise TimeoutError


async def said_in(request: Request, longest: int = LONGEST) -> dict[str, Any]:
    """The JSON object that a request carries; 400 or 413 if it carries none."""
    body = b""
    async for piece in request.stream():
        body += piece
        if len(body) > longest:
            raise HTTPException(413, f"the body has at most {longest} bytes")
    try:
        said = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise HTTPException(400, f"the body is no JSON: {error}") from error
    if not isinstance(said, dict):
        raise HTTPException(400, "the body is no JSON object")
    return said


async def granted(act: Act, wish: dict[str, Any]) -> Mapping[str, Any]:
    """What `act` says to a wish; 503 where the service does not answer."""
    try:
        return await act(wish)
    except TimeoutError as error:
        words = "the service does not answer; look whether it still runs"
        raise HTTPException(503, words) from error


async def answer(act: Act, wish: dict[str, Any]) -> Response:
    """Pass on a wish: 200 with what was done, 409 with the reason where it can't be."""
    said = await granted(act, wish)
    return json_answer(said, 409 if "error" in said else 200)
