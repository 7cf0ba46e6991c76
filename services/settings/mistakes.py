"""What is wrong with settings, in a line each, for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from .instrument import Settings


def lines(error: ValidationError, file: Path | None) -> list[str]:
    """One line for each mistake that pydantic found."""
    where = f"{file}: " if file else ""
    return [f"{where}{_line(dict(mistake))}" for mistake in error.errors()]


def _line(mistake: Mapping[str, Any]) -> str:
    location = [str(part) for part in mistake["loc"]]
    key = ".".join(location)
    if not location:  # of several sections at once: the words name the keys
        return str(mistake["msg"]).removeprefix("Value error, ")
    if mistake["type"] == "extra_forbidden":
        allowed = ", ".join(_section(location[:-1]))
        return f"unknown key {key!r}; allowed here: {allowed}"
    words = str(mistake["msg"]).removeprefix("Value error, ")
    return f"{key} = {mistake['input']!r}: {words[:1].lower()}{words[1:]}"


def _section(location: Sequence[str]) -> list[str]:
    model: Any = Settings
    for part in location:
        model = model.model_fields[part].annotation
    return list(model.model_fields)
