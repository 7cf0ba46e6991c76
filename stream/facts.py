"""Numbers that came with frames: where the stage stood, how far the image was out of focus.

They are taken from a frame's metadata, and from its `appendix` (SIMPLON V1) or `user_data`
(stream2) where that is a JSON object:

    "defocus": -52.5                              a number
    "stage_x": {"value": 12.1, "units": "um"}     with its unit, also as [12.1, "um"] or "12.1 um"
    "stage_x_um": 12.1                            the same

Lengths come out in nm, and plain numbers called `stage_...` or `defocus` are nm. All else keeps the
unit that it came with. What is no number is passed over: it stays in the archive with the frame.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeAlias

import orjson

from .files.units import in_nm
from .messages import Frame

Facts: TypeAlias = dict[str, tuple[float, str]]
"""Value and unit by name."""
NESTED = ("appendix", "user_data")
OWN = frozenset(
    ("start_time", "stop_time", "real_time", "frame", "series", "series_id", "image_id")
)
"""Numbers of the detector's own bookkeeping."""
LARGEST = 1e300
MOST = 64
"""Numbers of one frame that are taken."""
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,59}")
_WITH_UNIT = re.compile(r"\s*([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)\s*([^\s\d].{0,15}?)\s*")
_SUFFIX = re.compile(r"(.+)_(nm|pm|um|mm)")
_IN_NM = re.compile(r"stage_[xyz]|defocus")


def facts(metadata: Mapping[str, Any]) -> Facts:
    """Give the numbers in a frame's metadata by name: value and unit."""
    found: Facts = {}
    for name, value in _entries(metadata):
        if len(found) >= MOST:
            break
        if not _NAME.fullmatch(name):
            continue
        taken = _measured(value)
        if taken is not None:
            name, taken = in_nm_where_a_length(name, *taken)
            found.setdefault(name, taken)
    return found


def columns(frames: Sequence[Frame]) -> dict[str, tuple[list[float], str]]:
    """Give the numbers of several frames by name: a value for each, NaN where there is none.

    A number in another unit than the first frame that has it is NaN as well.
    """
    return tabled([facts(frame.metadata) for frame in frames])


def tabled(every: Sequence[Facts]) -> dict[str, tuple[list[float], str]]:
    """Give the numbers of several frames as columns, as `columns` does."""
    units: dict[str, str] = {}
    for one in every:
        for name, (_, unit) in one.items():
            units.setdefault(name, unit)
    return {
        name: ([_value(one.get(name), unit) for one in every], unit) for name, unit in units.items()
    }


def _value(fact: tuple[float, str] | None, unit: str) -> float:
    return fact[0] if fact is not None and fact[1] == unit else math.nan


def _entries(metadata: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, value in metadata.items():
        if name not in NESTED:
            if name not in OWN:
                yield str(name), value
            continue
        if isinstance(value, str):
            try:
                value = orjson.loads(value)
            except orjson.JSONDecodeError:
                continue
        if isinstance(value, Mapping):
            yield from ((str(key), item) for key, item in value.items())


def _measured(value: Any) -> tuple[float, str] | None:
    """A number and its unit, if it is one."""
    if isinstance(value, str):
        match = _WITH_UNIT.fullmatch(value[:80])
        value = (float(match[1]), match[2]) if match else None
    unit = ""
    if isinstance(value, Mapping):
        unit, value = value.get("units", value.get("unit", "")), value.get("value")
    elif isinstance(value, list | tuple) and len(value) == 2:
        value, unit = value
    known = type(value) in (int, float) and isinstance(unit, str) and len(unit) <= 16
    if not known or not -LARGEST < value < LARGEST:
        return None
    return float(value), unit


def in_nm_where_a_length(name: str, value: float, unit: str) -> tuple[str, tuple[float, str]]:
    """Lengths in nm; a unit in the name is a unit."""
    match = _SUFFIX.fullmatch(name)
    if match and not unit:
        name, unit = match[1], match[2]
    if not unit:
        return name, (value, "nm" if _IN_NM.fullmatch(name) else "")
    try:
        return name, (in_nm(value, unit), "nm")
    except ValueError:
        return name, (value, unit)
