"""A map where it is uncertain: each next place is the one that an optimiser asks for."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from typing import Any

from bluesky.utils import MsgGenerator

from ..envelope import RefusedError
from .steps import Row, as_run, look, value_of

MOST_REFUSED = 10


def adaptive_map(
    detectors: Sequence[Any],
    axes: Sequence[Any],
    field: str,
    optimiser: Any,
    *,
    frames: int,
    seconds: float | None = None,
    known_to: float | None = None,
) -> MsgGenerator[list[Row]]:
    """Measure `field` wherever `optimiser` asks for it; give the events.

    `optimiser` is any `Optimizer` of bluesky-adaptive 1.x, e.g. `GaussianProcess(bounds, field,
    boldness=inf)`; its places are named as the axes. Stops after `frames` (the dose), after
    `seconds`, when the optimiser says so (`should_stop`), or when its `doubt()` is below
    `known_to`. Costs one step and one suggestion a frame; the suggestion is computed in the
    RunEngine's own loop, so it should take milliseconds.

    A place that is refused (`guarded`) or no number, and a result that is none, are told to the
    optimiser as failures (`register_failures`, if it has that), never as values; RefusedError after
    ten refusals in a row. What the optimiser raises ends the plan, with its run closed and nothing
    moved.
    """
    by_name = {axis.name: axis for axis in axes}

    def inside() -> MsgGenerator[list[Row]]:
        rows: list[Row] = []
        refused = 0
        began = time.monotonic()
        while len(rows) < frames and (seconds is None or time.monotonic() - began < seconds):
            asked = optimiser.suggest(1)[0]
            try:
                place = {by_name[name]: _number(asked, name) for name in by_name}
                row = yield from look(detectors, place, why=_why(optimiser))
            except RefusedError:
                refused += 1
                if refused == MOST_REFUSED:
                    raise
                _failed(optimiser, asked)
                continue
            refused = 0
            rows.append(row)
            value = value_of(row, field)
            if not math.isfinite(value):
                _failed(optimiser, asked)
                continue
            optimiser.ingest([dict(asked) | {field: value}])
            if _over(optimiser, known_to):
                break
        return rows

    return (yield from as_run(inside, detectors, axes, "adaptive_map", field=field))


def _number(asked: Mapping[str, Any], name: str) -> float:
    """Where an axis is to go; RefusedError if the optimiser gave no place that there is."""
    try:
        number = float(asked[name])
    except (KeyError, TypeError, ValueError):
        number = math.nan
    if not math.isfinite(number):
        raise RefusedError(f"the optimiser gave {str(asked)[:80]}: no number to send {name} to")
    return number


def _why(optimiser: Any) -> dict[str, Any]:
    """Which model suggests it, and how uncertain that is."""
    doubt = getattr(optimiser, "doubt", None)
    return {"model": type(optimiser).__name__, "sigma": None if doubt is None else doubt()}


def _failed(optimiser: Any, asked: Mapping[str, Any]) -> None:
    if hasattr(optimiser, "register_failures"):
        optimiser.register_failures([asked])


def _over(optimiser: Any, known_to: float | None) -> bool:
    if hasattr(optimiser, "should_stop") and optimiser.should_stop()[0]:
        return True
    doubt = getattr(optimiser, "doubt", None)
    return bool(known_to is not None and doubt is not None and doubt() <= known_to)
