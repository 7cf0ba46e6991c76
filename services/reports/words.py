"""Crystallographers' spelling: subscripts in formulas, bars over negative indices."""

from __future__ import annotations

import re

_SUBSCRIPTS = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")
_FORMULA = re.compile(r"^([A-Z][a-z]?\d*)+$")


def formula(name: str) -> str:
    """`Li2CO3` as Li₂CO₃; what is no formula stays."""
    return name.translate(_SUBSCRIPTS) if _FORMULA.match(name) else name


def barred(indices: str) -> str:
    """`-202` with a bar over the 2, as matplotlib's mathematics; `1 0 -12` keeps its spaces."""
    words = indices.split(" ") if " " in indices else re.findall(r"-?\d", indices)
    parts = [rf"\bar{{{word[1:]}}}" if word.startswith("-") else word for word in words]
    return f"${(chr(92) + ' ' if ' ' in indices else '').join(parts)}$" if parts else ""


def opposite(indices: str) -> str:
    """Indices of the Friedel partner: `-202` for `20-2`."""
    spaced = " " in indices
    words = indices.split(" ") if spaced else re.findall(r"-?\d", indices)
    turned = [w if w == "0" else w[1:] if w.startswith("-") else f"-{w}" for w in words]
    return (" " if spaced else "").join(turned)


def zone_axis(zone: str) -> str:
    """`[1 -1 0]` with bars; nothing for a row."""
    inside = zone.strip("[]")
    if not inside:
        return ""
    small = all(len(word.lstrip("-")) == 1 for word in inside.split())
    return f"[{barred(inside.replace(' ', '') if small else inside)}]"


def reflection(label: str) -> str:
    """`Li2O 1-11`, as a picture says it."""
    name, _, hkl = label.partition(" ")
    return f"{formula(name)} {barred(hkl)}" if hkl else formula(name)
