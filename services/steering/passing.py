"""Every message of a plan passes by somebody who may change, delay, repeat or refuse it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from bluesky.utils import Msg, MsgGenerator, ensure_generator


def passing(plan: Iterable[Msg], around: Callable[[Msg], MsgGenerator[Any]]) -> MsgGenerator[Any]:
    """Do `around(message)` instead of each message of a plan; what it returns answers the plan.

    What it raises is raised in the plan at that message, so that the plan can clean up. Unlike
    `bluesky.preprocessors.plan_mutator` it sees the answers as well.
    """
    inner = ensure_generator(plan)
    go_on: Callable[[Any], Msg] = inner.send
    said: Any = None
    while True:
        try:
            message = go_on(said)
        except StopIteration as end:
            return end.value
        try:
            said = yield from around(message)
            go_on = inner.send
        except GeneratorExit:
            inner.close()
            raise
        except BaseException as error:  # also bluesky's own, of abort and halt: the plan's to see
            go_on, said = inner.throw, error


def halted() -> MsgGenerator[None]:
    """Pause here; on resume nothing is repeated."""
    yield Msg("checkpoint")
    yield Msg("pause", None, defer=False)
