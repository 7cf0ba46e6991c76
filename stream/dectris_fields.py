"""Single fields that both DECTRIS streams say in the same words, read with suspicion."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from .errors import WireError
from .messages import Json
from .quote import short

MAX_NUMBER = 1 << 40
"""Frame numbers and counts above it are nonsense (a kilohertz detector needs 35 years)."""
MAX_SERIES = (1 << 64) - 1

SLACK_NS = 3_600_000_000_000
"""A time within a series is at most its own duration and an hour of waiting for triggers."""

NANOMETRES = {"nm": 1.0, "pm": 1e-3, "um": 1e3, "µm": 1e3, "μm": 1e3, "A": 0.1, "Å": 0.1}
"""Units of length that a calibration may use; others are not guessed."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST_NS, _LAST_NS = 10**18, 4 * 10**18
"""2001 to 2096: between them, a number of ns is a Unix time, not an offset."""


def whole(fields: Mapping[Any, Any], key: str, limit: int = MAX_NUMBER) -> int | None:
    """The whole number 0..limit under `key`; None if there is none, or something else."""
    value = fields.get(key)
    return value if type(value) is int and 0 <= value <= limit else None


def series(fields: Mapping[Any, Any], key: str) -> str:
    """The series number under `key`, as a run id; WireError if there is none."""
    value = whole(fields, key, MAX_SERIES)
    if value is None:
        raise WireError("bad_header", f"{key} {short(fields.get(key))}: a whole number is expected")
    return str(value)


def number(fields: Mapping[Any, Any], key: str) -> int:
    """The frame number under `key`; WireError if there is none."""
    value = whole(fields, key)
    if value is None:
        raise WireError(
            "bad_header", f"{key} {short(fields.get(key))}: 0..{MAX_NUMBER} is expected"
        )
    return value


def size(fields: Mapping[Any, Any], y: str, x: str) -> tuple[int, int] | None:
    """The announced (ny, nx); None if it is absent or no size."""
    ny, nx = whole(fields, y, 65536), whole(fields, x, 65536)
    return (ny, nx) if ny and nx else None


def date_ns(value: object) -> int | None:
    """Unix time in ns of an ISO date or datetime; None without a time zone."""
    if isinstance(value, str) and len(value) <= 64:
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            return None
    if not isinstance(value, datetime) or value.utcoffset() is None:
        return None
    ns = (value - _EPOCH) // timedelta(microseconds=1) * 1000
    return ns if is_unix_ns(ns) else None


def is_unix_ns(value: object) -> bool:
    """Whether `value` can only be a Unix time in ns."""
    return type(value) is int and _FIRST_NS < value < _LAST_NS


def iso_date(ns: int) -> str:
    """The date of a Unix time in ns, in UTC and to the millisecond, as the detectors write it."""
    moment = _EPOCH + timedelta(milliseconds=ns // 1_000_000)
    return moment.isoformat(timespec="milliseconds")


def calibration(appendix: object, notes: list[str]) -> Json:
    """What `{"beamside": {...}}` in a header's appendix says of the pixels.

    `{"pixel_size": [y, x], "unit": "nm", "voltage_kV": 300, "temperature_K": 293}`; whatever is
    wrong with it is said in `notes`, and left out.
    """
    said = appendix.get("beamside") if isinstance(appendix, Mapping) else None
    if not isinstance(said, Mapping):
        return {}
    known: dict[str, Any] = {}
    if (pixel_size := _pixel_size(said, notes)) is not None:
        known["pixel_size_nm"] = pixel_size
    for key in ("voltage_kV", "temperature_K"):
        if key not in said:
            continue
        if _positive(said[key]):
            known[key] = float(said[key])
        else:
            notes.append(f"calibration: {key} {short(said[key])} is no positive number")
    return {**known, "origin": "detector header"} if known else {}


def beamside_run(appendix: object) -> str | None:
    """The unique id of the run that a `beamside` appendix may carry."""
    said = appendix.get("beamside") if isinstance(appendix, Mapping) else None
    run = said.get("run") if isinstance(said, Mapping) else None
    return run if isinstance(run, str) and 0 < len(run) <= 256 else None


def beamside_appendix(known: Json, run: str | None) -> dict[str, Any]:
    """The opposite of `calibration` and `beamside_run`; {} if there is nothing to say."""
    said: dict[str, Any] = {}
    if "pixel_size_nm" in known:
        said |= {"pixel_size": list(known["pixel_size_nm"]), "unit": "nm"}
    said |= {key: known[key] for key in ("voltage_kV", "temperature_K") if key in known}
    if run is not None:
        said["run"] = run
    return {"beamside": said} if said else {}


def _pixel_size(said: Mapping[Any, Any], notes: list[str]) -> list[float] | None:
    if "pixel_size" not in said:
        return None
    values, unit = said["pixel_size"], said.get("unit")
    if not isinstance(unit, str) or unit not in NANOMETRES:
        known = ", ".join(NANOMETRES)
        notes.append(f"calibration: unit {short(unit)} of pixel_size is not one of {known}")
        return None
    pair = isinstance(values, list | tuple) and len(values) == 2
    if not pair or not all(_positive(value) for value in values):
        notes.append(
            f"calibration: pixel_size {short(values)} is no pair of positive numbers [y, x]"
        )
        return None
    return [float(value) * NANOMETRES[unit] for value in values]


def _positive(value: object) -> bool:
    return type(value) in (int, float) and 0 < value < math.inf  # type: ignore[operator]


class SeriesNumbers:
    """Gives each run the number that the wire needs, its own where its id is one."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}

    def of(self, run: str) -> int:
        """The number of `run`, the same whenever asked."""
        if run not in self._numbers:
            taken = set(self._numbers.values())
            own = int(run) if run.isascii() and run.isdigit() and len(run) < 19 else 1
            self._numbers[run] = own if own not in taken else max(taken) + 1
        return self._numbers[run]
