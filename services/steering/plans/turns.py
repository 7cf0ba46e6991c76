"""Several plans by turns, a step of each: two strategies under the same conditions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import bluesky.preprocessors as bpp
from bluesky.utils import Msg, MsgGenerator, ensure_generator


def by_turns(plans: Mapping[str, MsgGenerator[Any]]) -> MsgGenerator[dict[str, Any]]:
    """Do a step of each plan in turn until all are through; give what each gives, by its name.

    Each is a bluesky run of its own, all open together, so each needs readings of its own (a camera
    may be shared). A step begins with a checkpoint; what drifts, drifts for all. Where one fails,
    all are told, clean up and close their runs.
    """
    going = [_Going(name, ensure_generator(_keyed(plan, name))) for name, plan in plans.items()]
    given: dict[str, Any] = {}
    try:
        while going:
            for one in list(going):
                yield from one.step()
                if one.over:
                    given[one.name] = one.given
                    going.remove(one)
    except Exception as error:
        for one in going:
            yield from one.fail(error)
        raise
    return given


def _keyed(plan: MsgGenerator[Any], name: str) -> MsgGenerator[Any]:
    """The plan with its messages about runs bound to its own run."""
    return (yield from bpp.set_run_key_wrapper(plan, name))


@dataclass
class _Going:
    """A plan that stands before its next step."""

    name: str
    plan: Any
    held: Msg | None = None
    over: bool = False
    given: Any = None

    def step(self) -> MsgGenerator[None]:
        """Go on until the next step begins, or all is over."""
        yield from self._on(lambda: next(self.plan) if self.held is None else self.held)

    def fail(self, error: Exception) -> MsgGenerator[None]:
        """Let it clean up, unless it has failed itself."""
        try:
            while not self.over:
                yield from self._on(lambda: self.plan.throw(error))
        except Exception as raised:
            if raised is not error:
                raise

    def _on(self, first: Callable[[], Msg]) -> MsgGenerator[None]:
        try:
            message = first()
            while True:
                try:
                    answer = yield message
                except GeneratorExit:
                    self.plan.close()
                    raise
                except BaseException as error:  # bluesky's own too, of abort: the plan's to see
                    message = self.plan.throw(error)
                else:
                    message = self.plan.send(answer)
                if message.command == "checkpoint":
                    self.held = message
                    return
        except StopIteration as end:
            self.over, self.given = True, end.value
