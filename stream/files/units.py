"""Lengths with their units, in nanometres; unknown units are refused, never guessed."""

from __future__ import annotations

import math
import re

_NM = {
    "nm": 1.0,
    "pm": 1e-3,
    "um": 1e3,
    "\u00b5m": 1e3,  # micro sign
    "\u03bcm": 1e3,  # Greek mu
    "mm": 1e6,
    "cm": 1e7,
    "m": 1e9,
    "A": 0.1,
    "\u00c5": 0.1,
    "\u212b": 0.1,  # Angstrom sign
}
_WORDS = {
    "angstrom": "A",
    "angstroms": "A",
    "picometer": "pm",
    "picometre": "pm",
    "nanometer": "nm",
    "nanometers": "nm",
    "nanometre": "nm",
    "nanometres": "nm",
    "micrometer": "um",
    "micrometers": "um",
    "micrometre": "um",
    "micrometres": "um",
    "micron": "um",
    "microns": "um",
    "millimeter": "mm",
    "millimetre": "mm",
    "meter": "m",
    "metre": "m",
}
_LENGTH = re.compile(r"\s*([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)\s*(.*?)\s*", re.DOTALL)
_RECIPROCAL = re.compile(r"^1\s*/|\^?-1$|\u207b\u00b9$")

ALLOWED = "nm, pm, um, mm, cm, m, A (angstrom)"
"""The units of length that are understood, for messages."""


def in_nm(value: float, unit: str) -> float:
    """Give `value` `unit` in nm; ValueError says why if the unit is no known unit of length."""
    unit = unit.strip()
    factor = _NM.get(_WORDS.get(unit.lower(), unit))
    if factor is not None:
        return value * factor
    if _RECIPROCAL.search(unit):
        raise ValueError(f"{unit!r} is one over a length (a diffraction pattern?), not a length")
    if not unit:
        raise ValueError(f"the unit is missing; allowed: {ALLOWED}")
    raise ValueError(f"{unit!r} is no known unit of length; allowed: {ALLOWED}")


def parse_length(text: str) -> float:
    """Give the length in nm that `text` names, such as '0.019053nm' or '19 pm'.

    ValueError says what is wrong: no number, not above 0, no unit or an unknown one.
    """
    match = _LENGTH.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is no length; write a number and its unit, e.g. 0.019nm")
    try:
        length = in_nm(float(match[1]), match[2])
    except ValueError as error:
        raise ValueError(f"{text!r}: {error}; write e.g. 0.019nm") from None
    if not (0 < length < math.inf):
        raise ValueError(f"{text!r}: a length must be above 0 and finite")
    return length
