"""Quoting a stranger in an error, whatever he sent: short, and never failing itself."""

from __future__ import annotations


def short(value: object) -> str:
    """A value as people would write it, at most 60 characters; containers by their kind only."""
    if isinstance(value, str | bytes):
        return repr(value[:60])[:60]
    if isinstance(value, int) and value.bit_length() > 64:
        return "a huge number"
    if value is None or isinstance(value, int | float):
        return repr(value)
    if isinstance(value, list | tuple) and len(value) <= 4:
        return f"[{', '.join(_leaf(item) for item in value)}]"
    return _leaf(value)


def _leaf(value: object) -> str:
    # Not one level deeper: the repr of a deep value overruns the stack.
    plain = value is None or isinstance(value, str | int | float)
    return short(value) if plain else f"a {type(value).__name__}"
