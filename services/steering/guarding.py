"""A plan within an envelope, and under a wheel: each move is looked at before it is sent."""

from __future__ import annotations

import logging
import math
import uuid
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import bluesky.plan_stubs as bps
from bluesky.utils import FailedStatus, Msg, MsgGenerator

from .envelope import Envelope, RefusedError, Spent
from .health import ServiceSignal
from .held import Held
from .passing import halted, passing
from .wheel import Asked, Suggestion, Wheel

log = logging.getLogger("beamside.steering")
FLYING = ("kickoff", "prepare")


def guarded(
    plan: Iterable[Msg],
    envelope: Envelope,
    *,
    wheel: Wheel | None = None,
    health: ServiceSignal | None = None,
    spent: Spent | None = None,
    exposures: Callable[[], int] | None = None,
    name: str = "",
) -> MsgGenerator[Any]:
    """Do a plan as far as the envelope allows; RefusedError in the plan where it goes outside.

    Nothing outside is ever sent to an axis. A step of our plans is one suggestion, of others each
    `set` is one. With a `wheel` every suggestion is told to the service, with the result that it
    stands on; in mode advise it waits for a person, who may reject it (RefusedError); while the
    emergency stop is pressed, steering is off or the wheel is held by another, the scan is paused,
    and whoever resumes it, no move and no exposure is sent, those of a rewind neither.
    Without one the envelope alone holds, with no service at all. With `health` the scan is paused
    too before its next move or frame when the service is silent, when its results are stale, or
    when frames are lost: to resume is to accept what was lost until then, and no more.

    Frames are counted by the groups of triggers; `exposures()` asks the detector's own count, which
    knows of the frames of rewinds too. A rewind repeats moves that were allowed, uncounted.
    `spent` carries the counts from plan to plan. Costs 0.15 ms a move, 0.8 where its step is
    limited.
    """
    guard = _Guard(envelope, wheel, health, spent or Spent(), exposures, name)
    return (yield from passing(plan, guard.around))


class _Guard:
    def __init__(
        self,
        envelope: Envelope,
        wheel: Wheel | None,
        health: ServiceSignal | None,
        spent: Spent,
        exposures: Callable[[], int] | None,
        name: str,
    ) -> None:
        self.envelope, self.wheel, self.spent, self.exposures = envelope, wheel, spent, exposures
        self.name, self.health = name, health
        self._allowed: dict[str, Any] = {}
        self._row: dict[str, Any] = {}
        self._triggered: Any = None
        self._seen = ""

    def asked(self) -> str:
        """Why nothing may happen now; to resume after a pause for health accepts it."""
        words = self._hindrance()
        if self.health is not None and words and words == self._seen == self.health.reason:
            self.health.accept()
            return ""
        return words

    def paused(self, words: str) -> bool:
        """Pause the scan before what a rewind would send; False if no engine is known."""
        log.warning("nothing is sent: %s", words)
        self._tell("pause", words)
        self._seen = "" if self.health is None else self.health.reason
        return self.wheel is not None and self.wheel.halt(words)

    def around(self, message: Msg) -> MsgGenerator[Any]:
        """Let a message pass, delay it, or refuse it."""
        match message.command:
            case "set":
                return (yield from self._set(message))
            case "null" if "moves" in message.kwargs:
                self._allowed.clear()  # of a step that failed
                yield from self._suggest(**message.kwargs)
                return None
            case "trigger":
                yield from self._trigger(message)
                message = message._replace(obj=Held(message.obj, self))
            case "open_run" if not self.name:
                self.name = str(message.kwargs.get("plan_name", ""))
            case command if command in FLYING:
                raise RefusedError(
                    f"{_name(message.obj)} flies by itself ({command}): no envelope holds it"
                )
        answer = yield message
        if message.command == "read" and isinstance(answer, Mapping):
            self._row |= {column: said["value"] for column, said in answer.items()}
        return answer

    def _set(self, message: Msg) -> MsgGenerator[Any]:
        axis, value = message.obj, message.args[0]
        if axis.name not in self._allowed or self._allowed.pop(axis.name) != value:
            yield from self._suggest({axis: value})
            self._allowed.pop(axis.name)
        while (wait := self.spent.wait_s(axis.name, self.envelope.axes[axis.name])) > 0:
            yield from bps.sleep(wait)
        yield from self._free()  # last of all: what was allowed before the wait need not be now
        status = yield message._replace(obj=Held(axis, self))
        self.spent.moved(axis.name, value)
        return status

    def _suggest(
        self, moves: Mapping[Any, Any], why: Mapping[str, Any] | None = None
    ) -> MsgGenerator[None]:
        """Ask whether the axes may go there: the envelope first, then who holds the wheel."""
        told = Suggestion(uuid.uuid4().hex[:12], self.name, self._reason(why or {}))
        try:
            self.spent.move(self.envelope, len(moves))
            for axis, value in moves.items():
                yield from self._within(axis, value, told)
        except RefusedError as error:
            if self.wheel is not None:
                self.wheel.tell("refused", told, str(error))
            raise
        if self.wheel is not None:
            yield from self._free()
            yield from _consent(self.wheel, told)
        self._allowed |= {axis.name: value for axis, value in moves.items()}

    def _within(self, axis: Any, value: Any, told: Suggestion) -> MsgGenerator[None]:
        limits = self.envelope.axes.get(axis.name)
        since = self.spent.at.get(axis.name)
        if limits is not None and math.isfinite(limits.step):
            since = float((yield from bps.rd(axis)))
        told.moves[axis.name] = {"to": value, "from": since, "units": getattr(axis, "units", "")}
        self.envelope.limits(axis.name, value, since)

    def _reason(self, why: Mapping[str, Any]) -> dict[str, Any]:
        """The last event: which frame it was, and what its result said."""
        row = self._row
        names = [name.removesuffix("_run") for name in row if name.endswith("_run")]
        ours = next((name for name in names if f"{name}_frame" in row), None)
        run = None if ours is None else str(row[f"{ours}_run"])
        frame = None if ours is None else int(row[f"{ours}_frame"])
        values = {k: v for k, v in row.items() if isinstance(v, int | float)}
        return {"run": run, "frame": frame, "values": values, **why}

    def _trigger(self, message: Msg) -> MsgGenerator[None]:
        group = message.kwargs.get("group")
        if group is not None and group == self._triggered:
            return
        yield from self._free()
        self.spent.expose(self.envelope, None if self.exposures is None else self.exposures())
        self._triggered = group

    def _free(self) -> MsgGenerator[None]:
        """Pause as long as the wheel, or the health of the service, lets nothing happen."""
        while words := self._hindrance():
            log.warning("the scan is paused: %s", words)
            self._tell("pause", words)
            yield from halted()
            if self.health is not None:
                self.health.accept()
            if not self._hindrance():
                self._tell("resume", "")

    def _hindrance(self) -> str:
        words = "" if self.wheel is None else self.wheel.hindrance()
        return words or ("" if self.health is None else self.health.reason)

    def _tell(self, event: str, words: str) -> None:
        if self.wheel is not None:
            self.wheel.tell(event, None, words)


def _consent(wheel: Wheel, told: Suggestion) -> MsgGenerator[None]:
    """Tell of a suggestion; wait in a Status until it may be done."""
    waiting = wheel.ask(told)
    if waiting.success:
        return
    group = f"suggestion {told.id}"
    try:
        yield Msg("trigger", Asked(waiting), group=group)
        yield Msg("wait", None, group=group)
    except FailedStatus as error:
        raise RefusedError(str(error.__cause__ or error)) from error


def _name(device: Any) -> str:
    return str(getattr(device, "name", device))
