"""One step of a plan, and the plans that are a row of steps.

A step is written in messages, not in `bluesky.plan_stubs`: each call of a stub prints the whole
stack for a warning that nobody sees, which is half of what a step of bluesky's own plans costs.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeAlias, TypeVar

import bluesky.plan_stubs as bps
import bluesky.preprocessors as bpp
import numpy as np
from bluesky.protocols import Triggerable
from bluesky.utils import Msg, MsgGenerator, all_safe_rewind, separate_devices

T = TypeVar("T")
Place: TypeAlias = Mapping[Any, float]
"""Where each axis is to be."""
Row: TypeAlias = Mapping[str, Any]
"""The values of one event, by column."""


def look(
    detectors: Sequence[Any],
    place: Place,
    axes: Sequence[Any] | None = None,
    why: Mapping[str, Any] | None = None,
) -> MsgGenerator[Row]:
    """Move at once to `place`, expose, wait for the result; give the event's values.

    `axes` are those that each event holds, of which only some may move; without it, those of the
    place. `why` goes with the suggestion (`model`, `sigma`, `words`), where somebody looks at it.
    """
    yield Msg("checkpoint")
    if place:
        yield from move(place, why)
    devices = separate_devices([*detectors, *(axes or place)])
    simple = all_safe_rewind(devices)
    readings = yield from (_event(devices) if simple else bps.trigger_and_read(devices))
    return {name: said["value"] for name, said in (readings or {}).items()}


def _event(devices: Sequence[Any]) -> MsgGenerator[Mapping[str, Any]]:
    """What `bluesky.plan_stubs.trigger_and_read` does, of devices that may be triggered again."""
    group = f"trigger-{uuid.uuid4().hex[:6]}"
    triggered = [device for device in devices if isinstance(device, Triggerable)]
    for device in triggered:
        yield Msg("trigger", device, group=group)
    if triggered:
        yield Msg("wait", None, group=group)
    yield Msg("create", None, name="primary")
    readings: dict[str, Any] = {}
    try:
        for device in devices:
            readings |= (yield Msg("read", device)) or {}
    except Exception:
        yield Msg("drop")
        raise
    yield Msg("save")
    return readings


def move(place: Place, why: Mapping[str, Any] | None = None) -> MsgGenerator[None]:
    """Move to a place, as one suggestion to whoever guards the plan (`guarded`)."""
    yield Msg("null", None, moves=place, why=why)
    group = f"move-{uuid.uuid4().hex[:6]}"
    for axis, value in place.items():
        yield Msg("set", axis, value, group=group)
    yield Msg("wait", None, group=group)


def value_of(row: Row, field: str) -> float:
    """A column of an event; LookupError lists the columns that there are."""
    if field not in row:
        raise LookupError(f"no column {field!r} is read; there are: {', '.join(sorted(row))}")
    return float(row[field])


def as_run(
    inside: Callable[[], MsgGenerator[T]],
    detectors: Sequence[Any],
    axes: Sequence[Any],
    name: str,
    **said: Any,
) -> MsgGenerator[T]:
    """Do the inside of a plan with all devices staged, as one bluesky run; give what it gives."""
    md = {
        "plan_name": name,
        "detectors": [one.name for one in detectors],
        "motors": [one.name for one in axes],
        "plan_args": said,
    }

    wrapped = bpp.run_decorator(md=md)(inside)
    given: T = yield from bpp.stage_decorator([*detectors, *axes])(wrapped)()
    return given


def scan_until(
    detectors: Sequence[Any], axis: Any, places: Iterable[float], enough: Callable[[Row], bool]
) -> MsgGenerator[Row | None]:
    """Step along `places` until `enough(event)`; give that event, None if it never came.

    Costs one step a place, and no more than are needed.
    """

    def inside() -> MsgGenerator[Row | None]:
        for place in places:
            row = yield from look(detectors, {axis: float(place)})
            if enough(row):
                return row
        return None

    return (yield from as_run(inside, detectors, [axis], "scan_until"))


def center_on(
    detectors: Sequence[Any],
    axis: Any,
    field: str,
    start: float,
    stop: float,
    *,
    steps: int = 9,
    rounds: int = 2,
) -> MsgGenerator[float]:
    """Move to the centre of mass of `field` along `axis`, looking closer each round.

    The mass is what lies above the lowest value. Each round looks at `steps` places, the first
    between `start` and `stop`, the next within a quarter of that about the centre. Costs
    `steps * rounds` steps and the last move. Gives the centre; ValueError where `field` is the same
    everywhere, and the axis is then back where it was.
    """
    if steps < 3:
        raise ValueError(f"a centre needs 3 steps at least, not {steps}")

    def inside() -> MsgGenerator[float]:
        before = yield from bps.rd(axis)
        low, high = sorted((float(start), float(stop)))
        first, last = low, high
        centre = (low + high) / 2
        for _ in range(rounds):
            places = np.linspace(low, high, steps)
            mass = np.zeros(steps)
            for n, place in enumerate(places):
                row = yield from look(detectors, {axis: float(place)})
                mass[n] = value_of(row, field)
            good = np.isfinite(mass)
            mass = np.where(good, mass - (mass[good].min() if good.any() else 0), 0)
            if not mass.sum() > 0:
                yield from move({axis: before})
                what = "the same" if good.any() else "no number"
                raise ValueError(f"{field} is {what} from {low:g} to {high:g}: no centre in it")
            centre = float((places * mass).sum() / mass.sum())
            reach = (high - low) / 8
            low, high = max(centre - reach, first), min(centre + reach, last)
        yield from move({axis: centre})
        return centre

    return (yield from as_run(inside, detectors, [axis], "center_on", field=field))
