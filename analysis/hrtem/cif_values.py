"""Single values of a CIF."""

from __future__ import annotations

import math
import re
from typing import Any


def number(block: Any, tag: str) -> float | None:
    """The number under `tag` without its uncertainty; None where there is none."""
    import gemmi

    text = block.find_value(tag)
    value = gemmi.cif.as_number(text) if text else math.nan
    return value if math.isfinite(value) else None


def text_of(block: Any, *tags: str) -> str:
    """The text under the first of `tags` that has one."""
    import gemmi

    for tag in tags:
        if (value := block.find_value(tag)) and value not in ("?", "."):
            return " ".join(gemmi.cif.as_string(value).split())
    return ""


def atoms_said(block: Any) -> tuple[float, ...]:
    """Atoms in the cell, without H, by formula and Z: empty where they are not said.

    Some databases give the formula of the whole cell beside Z: where it may be, both are given.
    """
    units = number(block, "_cell_formula_units_Z")
    formula = text_of(block, "_chemical_formula_sum")
    counts = re.findall(r"([A-Z][a-z]?)(\d*\.?\d*)", formula)
    many = [float(n) if n.strip(".") else 1.0 for element, n in counts if element not in "HD"]
    if not units or not many:
        return ()
    whole = all(n % units == 0 for n in many)
    return (units * sum(many), sum(many)) if whole else (units * sum(many),)
