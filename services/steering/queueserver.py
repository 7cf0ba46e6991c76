"""Plans for bluesky's queue server, where results call for them: seconds, not milliseconds.

    from bluesky_queueserver_api import BPlan
    from bluesky_queueserver_api.zmq import REManagerAPI

    manager = REManagerAPI(zmq_control_addr="tcp://qs:60615")
    plan = BPlan("list_scan", ["camera"], "x", [1, 2, 3]).to_dict()
    with QueueAgent(manager, feed, "count(spot)", lambda spots: spots > 20, plan):
        ...

It needs the extra `queueserver`. Inside of a RunEngine a decision costs a hundredth of that: see
`plans`. The queue server moves the instrument with its own plans: an envelope holds there with
`RE.preprocessors.append(partial(guarded, envelope=...))` in its startup script.
"""

from __future__ import annotations

import contextlib
import logging
import math
import queue
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from typing import Any, Protocol, TypeAlias

from ...stream.messages import Result
from .envelope import RefusedError
from .feed import Feed
from .fields import Field, number
from .wheel import Suggestion, Wheel

log = logging.getLogger("beamside.steering")
Item: TypeAlias = Mapping[str, Any]
"""A plan as the queue server takes it: name, args, kwargs."""
MOST_WAITING = 1000
LOOK_S = 0.1


class Manager(Protocol):
    """What is used of `bluesky_queueserver_api.zmq.REManagerAPI`."""

    def item_add(self, item: Any) -> Mapping[str, Any]:
        """Put a plan into the queue."""


class QueueAgent:
    """Adds a plan to the queue when a number of a result says so.

    `when(value)` decides by `field` (see `fields.Field`) of each frame; `plan` is the item, or
    makes it of `(result, frame, value)`, None for none after all. At most one is added in `every_s`
    seconds and `most` in all. With a `wheel`, a person accepts it in mode advise, and none is added
    while the emergency stop is pressed. The start documents of its runs say why under `beamside`.
    """

    def __init__(
        self,
        manager: Manager,
        feed: Feed,
        field: Field,
        when: Callable[[float], bool],
        plan: Item | Callable[[Result, int, float], Item | None],
        *,
        analysis: str | None = None,
        every_s: float = 60.0,
        most: int = 100,
        wheel: Wheel | None = None,
    ) -> None:
        self.manager, self.feed, self.field, self.when, self.plan = manager, feed, field, when, plan
        self.analysis, self.every_s, self.most, self.wheel = analysis, every_s, most, wheel
        self.added: list[Item] = []
        self.failed: list[str] = []
        """What could not be added, in words; the newest last."""
        self._next = -math.inf
        self._closing = threading.Event()
        self._heard: queue.Queue[Result | None] = queue.Queue(MOST_WAITING)
        self._thread = threading.Thread(target=self._work, name="beamside-queue", daemon=True)

    def __enter__(self) -> QueueAgent:
        self.feed.subscribe(self._take)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.feed.unsubscribe(self._take)
        self._closing.set()
        with contextlib.suppress(queue.Full):  # then it is at work, and looks at `_closing` next
            self._heard.put_nowait(None)
        self._thread.join()

    def _take(self, message: Any) -> None:
        """In the feed's thread: nothing may wait here."""
        if not isinstance(message, Result) or message.error is not None:
            return
        if message.provenance.get("level") == "run":
            return
        if self.analysis in (None, message.analysis):
            try:
                self._heard.put_nowait(message)
            except queue.Full:
                self._fail("the queue server is slower than the results: some were not looked at")

    def _work(self) -> None:
        while (result := self._heard.get()) is not None and not self._closing.is_set():
            for frame in result.frames:
                try:
                    self._look(result, frame)
                except Exception as error:  # of the network, or of `when` and `plan`
                    self._fail(f"frame {frame} of run {result.run}: {error}")

    def _look(self, result: Result, frame: int) -> None:
        value = number(result, frame, self.field)
        if math.isnan(value) or not self.when(value):
            return
        if time.monotonic() < self._next or len(self.added) >= self.most:
            return
        item = self.plan(result, frame, value) if callable(self.plan) else self.plan
        if item is None:
            return
        reason = {"run": result.run, "frame": frame, "values": {str(self.field): value}}
        told = self._ask(item, reason)
        meta = {**dict(item.get("meta") or {}), "beamside": reason | {"suggestion": told.id}}
        wanted = {"item_type": "plan", **item, "meta": meta}
        answer = self.manager.item_add(wanted)
        if not answer.get("success", True):
            raise RuntimeError(str(answer.get("msg") or "the queue server refused the plan"))
        self._next = time.monotonic() + self.every_s
        self.added.append(wanted)

    def _ask(self, item: Item, reason: dict[str, Any]) -> Suggestion:
        told = Suggestion(uuid.uuid4().hex[:12], str(item.get("name", "")), reason)
        if self.wheel is None:
            return told
        if words := self.wheel.hindrance():
            raise RefusedError(words)
        waiting = self.wheel.ask(told)
        ended = threading.Event()
        waiting.add_callback(lambda done: ended.set())
        while not ended.wait(LOOK_S):
            if self._closing.is_set():
                raise RefusedError("nobody had answered when the agent ended")
        if (error := waiting.exception()) is not None:
            raise error
        return told

    def _fail(self, words: str) -> None:
        log.warning("no plan was added: %s", words)
        self.failed = [*self.failed[-99:], words]
