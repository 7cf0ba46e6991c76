"""Find the places that hold a phase, with far fewer frames than a raster."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from bluesky.utils import MsgGenerator

from ....analysis.decisions import Search
from .steps import as_run, look, value_of


def hunt(
    detectors: Sequence[Any],
    axes: Sequence[Any],
    field: str,
    places: Sequence[Sequence[float]],
    *,
    enough: float = 0.01,
    stop_at: float | None = None,
    budget: int | None = None,
    dwell: int = 0,
) -> MsgGenerator[np.ndarray]:
    """Move over a stage until enough of a phase is found; give what each place holds.

    `axes` are (y, x), `places` the positions along each of them, `field` the column with the area
    fraction of the phase. Where a place holds `enough`, its neighbours come next; else the middle
    of the largest hole. Stops when `stop_at` (a sum of fractions, in frames) was found, when what
    holes may hide is below a hundredth of what was found, or after `budget` frames. Then `dwell`
    more frames are taken at the richest place. Costs one step a frame; never more than a raster.

    Gives float64 [y, x], NaN where nobody looked.
    """
    rows, columns = (np.asarray(one, float) for one in places)
    search = Search((len(rows), len(columns)), enough)

    def inside() -> MsgGenerator[np.ndarray]:
        frames = 0
        while (cell := search.next()) is not None and frames != budget:
            row = yield from look(
                detectors, {axes[0]: float(rows[cell[0]]), axes[1]: float(columns[cell[1]])}
            )
            search.tell(cell, value_of(row, field))
            frames += 1
            if stop_at is not None and search.found >= stop_at:
                break
            if stop_at is None and search.found > 0 and search.left() < 0.01 * search.found:
                break
        if dwell and search.found > 0:
            y, x = np.unravel_index(int(np.nanargmax(search.seen)), search.shape)
            for _ in range(dwell):
                yield from look(detectors, {axes[0]: float(rows[y]), axes[1]: float(columns[x])})
        return search.seen

    return (yield from as_run(inside, detectors, axes, "hunt", field=field))
