"""How far suggestions may move an instrument, whoever makes them: limits, and what is spent."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


class RefusedError(Exception):
    """A suggestion that is not carried out; the text says why, and what is allowed."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What one axis may do, in its own unit."""

    low: float = -math.inf
    high: float = math.inf
    step: float = math.inf
    """Largest move at once."""
    rate: float = math.inf
    """Moves in a second; what comes too soon waits."""

    def __post_init__(self) -> None:
        """ValueError for limits between which there is nothing."""
        if not (self.low <= self.high and self.step > 0 and self.rate > 0):
            raise ValueError(f"low <= high, step > 0 and rate > 0 are needed: {self}")

    @property
    def free(self) -> bool:
        """Whether any value is allowed, also one that is no number."""
        return self == Limits()


@dataclass(frozen=True, slots=True)
class Dose:
    """Electrons or photons through one place."""

    per_frame: float
    """e/nm^2, or any unit that `limit` has."""
    limit: float
    axes: tuple[str, ...] = ()
    """The axes of the stage; without them every frame counts as taken at one place."""
    field: float = 0.0
    """Width of what is lit, in the unit of the axes: frames closer than that share their dose."""


@dataclass(frozen=True, slots=True)
class Envelope:
    """Limits that no suggestion passes. An axis that is not named here is not moved at all."""

    axes: Mapping[str, Limits]
    """By the name of the axis; `Limits()` sets one free."""
    moves: int | None = None
    """Moves in all."""
    frames: int | None = None
    """Frames in all."""
    dose: Dose | None = None

    def limits(self, axis: str, value: Any, since: float | None) -> Limits:
        """The limits of an axis; RefusedError if it may not go from `since` to `value`."""
        limits = self.axes.get(axis)
        if limits is None:
            known = ", ".join(self.axes) or "none"
            raise RefusedError(f"{axis} is not in the envelope, which names: {known}")
        if limits.free:
            return limits
        to = _number(axis, value)
        if not limits.low <= to <= limits.high:
            raise RefusedError(
                f"{axis} to {to:g} is outside of the envelope, {limits.low:g} to {limits.high:g}"
            )
        if math.isfinite(limits.step) and (since is None or not abs(to - since) <= limits.step):
            at = "an unknown place" if since is None else f"{since:g}"
            raise RefusedError(
                f"{axis} from {at} to {to:g} is a larger step than {limits.step:g} at once"
            )
        return limits


@dataclass(slots=True)
class Spent:
    """What was used of an envelope; keep one for a session to share it between plans."""

    moves: int = 0
    frames: int = 0
    at: dict[str, float] = field(default_factory=dict)
    """Where each axis was sent last."""
    lit: list[tuple[float, ...]] = field(default_factory=list)
    """Where each frame was taken, along the axes of the dose."""
    _moved: dict[str, deque[float]] = field(default_factory=dict)

    def move(self, envelope: Envelope, count: int = 1) -> None:
        """RefusedError if so many moves more are too many."""
        if envelope.moves is not None and self.moves + count > envelope.moves:
            raise RefusedError(f"the envelope allows {envelope.moves} moves, and they are done")

    def moved(self, axis: str, value: Any) -> None:
        """A move is sent."""
        self.moves += 1
        self._moved.setdefault(axis, deque(maxlen=1)).append(time.monotonic())
        try:
            self.at[axis] = _number(axis, value)
        except RefusedError:  # a free axis may go where no number leads
            self.at.pop(axis, None)

    def wait_s(self, axis: str, limits: Limits) -> float:
        """Seconds until the axis may move again."""
        last = self._moved.get(axis)
        if not last or math.isinf(limits.rate):
            return 0.0
        return max(0.0, last[-1] + 1 / limits.rate - time.monotonic())

    def expose(self, envelope: Envelope, counted: int | None = None) -> None:
        """Take a frame; RefusedError if the envelope has none left.

        `counted` are the frames by the detector's own count, where somebody asked it.
        """
        self.frames = self.frames if counted is None else max(self.frames, counted)
        if envelope.frames is not None and self.frames >= envelope.frames:
            raise RefusedError(f"the envelope allows {envelope.frames} frames, and they are taken")
        if envelope.dose is not None:
            self._light(envelope.dose)
        self.frames += 1

    def _light(self, dose: Dose) -> None:
        here = tuple(self.at.get(axis, math.nan) for axis in dose.axes)
        near = sum(
            all(not abs(a - b) > dose.field for a, b in zip(here, there, strict=True))
            for there in self.lit
        )  # a place that is not known is near to all
        if not (near + 1) * dose.per_frame <= dose.limit:
            raise RefusedError(
                f"one more frame here is a dose of {(near + 1) * dose.per_frame:g}, "
                f"and the envelope allows {dose.limit:g}"
            )
        self.lit.append(here)


def _number(axis: str, value: Any) -> float:
    try:
        number = math.nan if isinstance(value, bool | str | bytes) else float(value)
    except (TypeError, ValueError):
        number = math.nan
    if not math.isfinite(number):
        raise RefusedError(f"{axis} to {str(value)[:40]!r} is no move: it is not a finite number")
    return number
