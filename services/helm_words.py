"""What steerers and people say, taken with care: sizes are bounded, and all of it can be JSON."""

from __future__ import annotations

import datetime
import math
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

Event: TypeAlias = dict[str, Any]
LONGEST_NAME = 80
LONGEST_WORDS = 500
MOST = 32
"""Axes of a suggestion, and values of its reason."""


@dataclass(slots=True)
class Lease:
    """Who holds the wheel, by this machine's steady clock: no other clock matters."""

    name: str
    since: str
    secret: str = field(repr=False)
    seconds: float
    until: float = 0.0

    def __post_init__(self) -> None:
        """It begins now."""
        self.renew()

    def renew(self) -> None:
        """Its holder was heard of."""
        self.until = time.monotonic() + self.seconds

    def as_json(self) -> dict[str, Any]:
        """For people; without the secret."""
        left = round(max(0.0, self.until - time.monotonic()), 1)
        return {"name": self.name, "since": self.since, "expires_s": left}

    def in_words(self) -> str:
        """Why nobody else can have it."""
        left = max(0.0, self.until - time.monotonic())
        return (
            f"{self.name} holds the wheel since {self.since}; it is free when they give it back, "
            f"or {left:.0f} s from now if they are not heard of"
        )


def event_of(kind: str, said: Mapping[str, Any]) -> Event:
    """An event: what, when, by whom, by which way, and in which words."""
    at = datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds")
    event = {"event": kind[:20], "at": at, "by": _line(said.get("by"), LONGEST_NAME) or "somebody"}
    event["via"] = _line(said.get("via"), 20) or "api"
    if words := _line(said.get("words"), LONGEST_WORDS):
        event["words"] = words
    return event


def suggestion_of(said: Mapping[str, Any], by: str) -> dict[str, Any]:
    """A suggestion as it is kept: id, by, plan, moves, reason; ValueError if it is none."""
    number = _line(said.get("id"), LONGEST_NAME)
    moves = said.get("moves")
    if not number or not isinstance(moves, Mapping):
        raise ValueError("a suggestion has an id and moves")
    reason = said.get("reason")
    return {
        "id": number,
        "by": by,
        "plan": _line(said.get("plan"), LONGEST_NAME),
        "moves": {_line(axis, LONGEST_NAME): _move(m) for axis, m in list(moves.items())[:MOST]},
        "reason": _reason(reason if isinstance(reason, Mapping) else {}),
    }


def _move(said: Any) -> dict[str, Any]:
    move = said if isinstance(said, Mapping) else {}
    return {
        "to": _scalar(move.get("to")),
        "from": _scalar(move.get("from")),
        "units": _line(move.get("units"), 20),
    }


def _reason(said: Mapping[str, Any]) -> dict[str, Any]:
    values = said.get("values")
    pairs = list(values.items())[:MOST] if isinstance(values, Mapping) else []
    frame = said.get("frame")
    return {
        "run": _line(said.get("run"), 200) or None,
        "frame": frame if isinstance(frame, int) else None,
        "values": {_line(name, LONGEST_NAME): _scalar(value) for name, value in pairs},
        "sigma": _scalar(said.get("sigma")),
        "model": _line(said.get("model"), 200),
        "words": _line(said.get("words"), LONGEST_WORDS),
    }


def _scalar(value: Any) -> float | str | None:
    if isinstance(value, bool | int | float):
        return float(value) if math.isfinite(value) else None
    return None if value is None else _line(value, LONGEST_NAME)


def _line(value: Any, longest: int) -> str:
    return " ".join(str("" if value is None else value).split())[:longest]
