"""What a request asks for, checked: a wrong parameter is named with what is allowed."""

from __future__ import annotations

import math
from collections.abc import Sequence

from starlette.exceptions import HTTPException
from starlette.requests import Request

SIZES = (16, 8192)
LONGEST_WAIT = 30.0


def choice(request: Request, name: str, allowed: Sequence[str]) -> str:
    """One of the words `allowed`; the first when not given."""
    value = request.query_params.get(name, allowed[0])
    if value not in allowed:
        raise refused(name, value, f"one of {', '.join(allowed)}")
    return value


def whole(request: Request, name: str, default: int, low: int, high: int) -> int:
    """A whole number from `low` to `high`."""
    value = request.query_params.get(name)
    if value is None:
        return default
    if not (value.isascii() and value.isdigit() and len(value) < 20 and low <= int(value) <= high):
        raise refused(name, value, f"a whole number from {low} to {high}")
    return int(value)


def seconds(request: Request, name: str = "wait") -> float:
    """How long to wait for something newer; 0 when not given."""
    value = request.query_params.get(name)
    try:
        number = 0.0 if value is None else float(value)
    except ValueError:
        number = -1.0
    if not 0 <= number <= LONGEST_WAIT:
        raise refused(name, str(value), f"seconds from 0 to {LONGEST_WAIT:g}")
    return number


def numbers(request: Request, name: str, count: int) -> tuple[float, ...] | None:
    """`count` finite numbers with commas between them; None when not given."""
    value = request.query_params.get(name)
    if value is None:
        return None
    try:
        found = tuple(float(part) for part in value.split(","))
    except ValueError:
        found = ()
    if len(found) != count or not all(map(math.isfinite, found)):
        raise refused(name, value, f"{count} numbers with commas between them")
    return found


def pair(request: Request, name: str) -> tuple[float, float] | None:
    """LOW,HIGH with LOW below HIGH; None when not given."""
    found = numbers(request, name, 2)
    if found is None:
        return None
    low, high = found
    if not low < high:
        raise refused(name, f"{low:g},{high:g}", "LOW,HIGH with LOW below HIGH")
    return low, high


def refused(name: str, value: str, allowed: str) -> HTTPException:
    """The answer to a parameter that can't be meant."""
    return HTTPException(400, f"{name}={value[:40]!r} is not allowed; {name} is {allowed}")


def absent(text: str) -> HTTPException:
    """The answer to a question about what isn't here."""
    return HTTPException(404, text)
