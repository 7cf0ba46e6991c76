"""A result's attributes as the page may rely on them: words are text, flags whole numbers."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

WORDS = ("units", "long_name", "flag_meanings", "note")
"""Attributes that are text, whatever an analysis put there."""


def attributes(attrs: Mapping[Any, Any]) -> dict[str, Any]:
    """`attrs` with text for what is text by convention (CF); flags that are none are left out.

    A sequence of words becomes one text: `flag_meanings` may come as a list of names.
    """
    said = {str(key): value for key, value in attrs.items()}
    for name in WORDS:
        if name in said:
            said[name] = text(said[name])
    if "flag_values" in said:
        flags = np.atleast_1d(np.asarray(said.pop("flag_values")))
        if flags.ndim == 1 and flags.dtype.kind in "iu":
            said["flag_values"] = flags
    return {name: _infinite(value) for name, value in said.items()}


def spelled(value: Any) -> Any:
    """Infinities as `inf` and `-inf`, which every `float()` reads; JSON has no number for them."""
    if isinstance(value, float):
        return str(value) if math.isinf(value) else value
    return [spelled(item) for item in value] if isinstance(value, list | tuple) else value


def _infinite(value: Any) -> Any:
    if isinstance(value, np.ndarray | np.generic) and value.dtype.kind == "f":
        return spelled(value.tolist())
    return spelled(value)


def text(value: Any) -> str:
    """What an attribute says."""
    if isinstance(value, str):
        return value
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if isinstance(value, np.ndarray | list | tuple):
        return " ".join(map(text, np.asarray(value).ravel().tolist()))
    return "" if value is None else str(value)
