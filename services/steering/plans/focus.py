"""Focus and stigmation by what the result says of the picture's quality."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import bluesky.plan_stubs as bps
import numpy as np
from bluesky.utils import MsgGenerator

from ....analysis.decisions.peak import COARSE, NEAR, Peak, flat, next_place, peak
from .steps import as_run, look, move, value_of


def autofocus(
    detectors: Sequence[Any],
    axis: Any,
    field: str,
    low: float,
    high: float,
    *,
    tolerance: float,
    budget: int = 10,
) -> MsgGenerator[Peak]:
    """Move `axis` to where `field` is highest between `low` and `high`; give that place.

    `field` must have one maximum there, as the quality of a power spectrum has about its focus.
    Stops when the place is known to `tolerance` (the axis' own unit), or after `budget` frames:
    then `sigma` says how well. Where `field` is the same everywhere, or no number, the axis goes
    back to where it was: ValueError. Costs 5 to `budget` steps and the last move.
    """

    def inside() -> MsgGenerator[Peak]:
        ends = (low, high)
        return (yield from _climb(detectors, [axis], axis, field, ends, tolerance, budget))

    return (yield from as_run(inside, detectors, [axis], "autofocus", field=field))


def stigmate(
    detectors: Sequence[Any],
    axes: Sequence[Any],
    field: str,
    reach: float,
    *,
    tolerance: float,
    rounds: int = 2,
    budget: int = 40,
) -> MsgGenerator[list[Peak]]:
    """Move the two stigmators to where `field` is highest, one after the other, `rounds` times.

    Each round looks `reach` to both sides of where it is, half as far as the round before. Costs at
    most `budget` steps.
    """

    def inside() -> MsgGenerator[list[Peak]]:
        found: list[Peak] = []
        for n in range(rounds):
            found = []
            for axis in axes:
                place = yield from bps.rd(axis)
                span = reach / 2**n
                share = budget // (rounds * len(axes))
                ends = (place - span, place + span)
                best = yield from _climb(detectors, axes, axis, field, ends, tolerance, share)
                found.append(best)
        return found

    return (yield from as_run(inside, detectors, axes, "stigmate", field=field))


def _climb(
    detectors: Sequence[Any],
    axes: Sequence[Any],
    axis: Any,
    field: str,
    ends: tuple[float, float],
    tolerance: float,
    budget: int,
) -> MsgGenerator[Peak]:
    low, high = ends
    if not low < high or not tolerance > 0:
        raise ValueError(
            f"look from low to high, to a tolerance above 0: {low}, {high}, {tolerance}"
        )
    before = yield from bps.rd(axis)
    places: list[float] = []
    values: list[float] = []
    while len(places) < budget:
        if len(places) >= COARSE and flat(np.array(values)):
            break
        place = next_place(np.array(places), np.array(values), low, high, tolerance)
        if place is None:
            break
        row = yield from look(detectors, {axis: place}, axes)
        places.append(place)
        values.append(value_of(row, field))
    if flat(np.array(values)):
        yield from move({axis: before})
        said = f"{values[0]:g}" if np.isfinite(values).any() else "no number"
        raise ValueError(
            f"{field} is {said} at all {len(values)} places from {low:g} to {high:g}: "
            f"nothing to go by, so {axis.name} is back at {before:g}"
        )
    away = (high - low) / NEAR
    found = peak(np.array(places), np.array(values), 1.5 * away)
    yield from move({axis: found.place})
    return found
