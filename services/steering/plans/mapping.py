"""A map where it is uncertain: each next place is the one that an optimiser asks for."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from bluesky.utils import MsgGenerator

from .steps import Row, as_run, look, value_of


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
    """
    by_name = {axis.name: axis for axis in axes}

    def inside() -> MsgGenerator[list[Row]]:
        rows: list[Row] = []
        began = time.monotonic()
        while len(rows) < frames and (seconds is None or time.monotonic() - began < seconds):
            asked = optimiser.suggest(1)[0]
            place = {by_name[name]: float(asked[name]) for name in by_name}
            row = yield from look(detectors, place)
            rows.append(row)
            optimiser.ingest([dict(asked) | {field: value_of(row, field)}])
            if _over(optimiser, known_to):
                break
        return rows

    return (yield from as_run(inside, detectors, axes, "adaptive_map", field=field))


def _over(optimiser: Any, known_to: float | None) -> bool:
    if hasattr(optimiser, "should_stop") and optimiser.should_stop()[0]:
        return True
    doubt = getattr(optimiser, "doubt", None)
    return bool(known_to is not None and doubt is not None and doubt() <= known_to)
