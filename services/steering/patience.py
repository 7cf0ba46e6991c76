"""A plan that waits for people where a result was lost, instead of failing."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from typing import Any

from bluesky.utils import Msg, MsgGenerator

from .lost import LostResultError
from .passing import halted, passing

log = logging.getLogger("beamside.steering")
BEGIN = frozenset(("checkpoint", "save", "drop", "open_run", "close_run", "stage", "unstage"))
"""Messages behind which a step begins: what was before is not repeated."""


def patient(plan: Iterable[Msg], tell: Callable[[str], Any] | None = None) -> MsgGenerator[Any]:
    """Pause the scan with the reason when a result is lost, and take the step again on resume.

    The messages since the last checkpoint (move, expose, wait) are sent again, so the frame is a
    new one with a number of its own; the event of the step is recorded once. `tell(reason)` hears
    of it, as does the log. `RE.preprocessors.append(patient)` does it for every plan.
    """
    step: list[Msg] = []

    def around(message: Msg) -> MsgGenerator[Any]:
        step.append(message)
        again = [message]
        while True:
            try:
                answer = None
                for one in again:
                    answer = yield one
                break
            except Exception as error:
                reason = lost(error)
                if reason is None:
                    raise
            log.warning("the scan is paused: %s", reason)
            if tell is not None:
                tell(reason)
            yield from _settled(step)
            yield from halted()
            again = list(step)
        if message.command in BEGIN:
            step.clear()
        return answer

    return (yield from passing(plan, around))


def lost(error: BaseException | None) -> str | None:
    """The reason, if a failure is that of a lost result."""
    while error is not None:
        if isinstance(error, LostResultError):
            return str(error)
        error = error.__cause__ or error.__context__
    return None


def _settled(step: list[Msg]) -> MsgGenerator[None]:
    """Have done with what is under way: an event that was begun, and groups that wait."""
    commands = [one.command for one in step]
    if "create" in commands:
        yield Msg("drop")
    for group in dict.fromkeys(one.kwargs.get("group") for one in step):
        if group is not None:
            try:
                yield Msg("wait", None, group=group)
            except Exception as error:
                if lost(error) is None:
                    raise
