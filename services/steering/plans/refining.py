"""A coarse raster, then a fine one where the result says that it is worth it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from bluesky.utils import MsgGenerator

from .steps import as_run, look, value_of


def refine_where(
    detectors: Sequence[Any],
    axes: Sequence[Any],
    field: str,
    places: Sequence[Sequence[float]],
    worth: Callable[[float], bool],
    *,
    finer: int = 3,
    budget: int | None = None,
) -> MsgGenerator[list[tuple[float, float, float]]]:
    """Raster over `places` of the (y, x) `axes`, then each cell worth it `finer` times as dense.

    `worth(value)` decides by the value of `field` in the coarse raster. The coarse places are not
    looked at again. A cell reaches half a step around its place, at the edges of the raster beyond
    the places given (an `Envelope` holds it back). Costs one step a place: coarse ones, and
    `finer**2 - 1` in each cell that is worth it (one more where `finer` is even). Stops after
    `budget` frames. Gives (y, x, value) of all frames, in their order.
    """
    if finer < 2:
        raise ValueError(f"finer must be 2 at least, not {finer}")
    rows, columns = (np.asarray(one, float) for one in places)
    step = [float(abs(np.diff(one)).mean()) if len(one) > 1 else 0.0 for one in (rows, columns)]
    offsets = (np.arange(finer) + 0.5) / finer - 0.5
    seen: list[tuple[float, float, float]] = []

    def visit(y: float, x: float) -> MsgGenerator[None]:
        row = yield from look(detectors, {axes[0]: y, axes[1]: x})
        seen.append((y, x, value_of(row, field)))

    def inside() -> MsgGenerator[list[tuple[float, float, float]]]:
        for n, y in enumerate(rows):
            for x in columns if n % 2 == 0 else columns[::-1]:
                if len(seen) == budget:
                    return seen
                yield from visit(float(y), float(x))
        for y, x, value in list(seen):
            if not worth(value):
                continue
            for up in offsets:
                for along in offsets:
                    if len(seen) == budget:
                        return seen
                    if up or along:
                        yield from visit(y + up * step[0], x + along * step[1])
        return seen

    return (yield from as_run(inside, detectors, axes, "refine_where", field=field))
