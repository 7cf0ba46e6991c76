"""Settings as trees: what one assignment says, and trees laid over each other."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from .section import SettingsError


def assignment(text: str) -> dict[str, Any]:
    """Turn `analysis.workers=2` into a tree; the value is TOML, or plain text."""
    key, equals, value = text.partition("=")
    if not equals or not re.match(r"^[a-z_]+(\.[A-Za-z0-9_-]+)+$", key):
        raise SettingsError(f"--set {text!r}: write SECTION.KEY=VALUE, e.g. analysis.workers=2")
    try:
        parsed: Any = tomllib.loads(f"v = {value}")["v"]
    except tomllib.TOMLDecodeError:
        parsed = value
    for part in reversed(key.split(".")):
        parsed = {part: parsed}
    tree: dict[str, Any] = parsed
    return tree


def merge(trees: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Lay trees over each other, the last on top."""
    merged: dict[str, Any] = {}
    for tree in trees:
        merged = _merge(merged, tree)
    return merged


def _merge(under: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(under)
    for key, value in over.items():
        below = merged.get(key)
        both = isinstance(value, Mapping) and isinstance(below, Mapping)
        merged[key] = _merge(below, value) if both and below is not None else value
    return merged


def tree_of(file: Path) -> dict[str, Any]:
    """Read a TOML file; SettingsError if it is none."""
    try:
        with file.open("rb") as opened:
            return tomllib.load(opened)
    except OSError as error:
        raise SettingsError(f"{file}: can't be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{file}: is not TOML: {error}") from error
