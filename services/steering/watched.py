"""Numbers of results as signals for bluesky's stock suspenders."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from typing import Any

from ...stream.messages import Result
from .feed import Feed
from .fields import Field, number

log = logging.getLogger("beamside.steering")


class Watched:
    """A value that can be subscribed to as an ophyd signal: `subscribe(cb, run=)`, `clear_sub`."""

    parent = None

    def __init__(self, name: str, value: float) -> None:
        self.name, self.value = name, value
        self._callbacks: list[Callable[..., None]] = []

    def subscribe(
        self, callback: Callable[..., None], event_type: str | None = None, run: bool = True
    ) -> None:
        """Call `callback(value=..., old_value=..., ...)` at each change; at once with `run`."""
        del event_type
        self._callbacks.append(callback)
        if run and not math.isnan(self.value):
            callback(value=self.value, old_value=self.value, obj=self)

    def clear_sub(self, callback: Callable[..., None]) -> None:
        """Call it no more."""
        self._callbacks = [one for one in self._callbacks if one is not callback]

    def get(self) -> float:
        """The value."""
        return self.value

    def put(self, value: float) -> None:
        """Tell a new value."""
        old, self.value = self.value, value
        for callback in list(self._callbacks):
            try:
                callback(value=value, old_value=old, obj=self)
            except Exception:  # of a suspender whose RunEngine is gone, say: the others go on
                log.exception("a subscriber of %s failed", self.name)


class ResultSignal:
    """A number of the newest result, e.g. for `SuspendFloor(ResultSignal(feed, "sharpness"), .5)`.

    An analysis that failed, and a number that is not there, is no value: nothing is told.
    """

    def __init__(self, feed: Feed, field: Field, *, analysis: str | None = None) -> None:
        self.name = field if isinstance(field, str) else getattr(field, "__name__", "result")
        self._signal = Watched(self.name, math.nan)
        self._field, self._analysis = field, analysis
        self.subscribe, self.clear_sub = self._signal.subscribe, self._signal.clear_sub
        self.get = self._signal.get
        feed.subscribe(self._take)

    @property
    def value(self) -> float:
        """The newest number; NaN before the first."""
        return self._signal.value

    def _take(self, message: Any) -> None:
        if not isinstance(message, Result) or not message.frames:
            return
        if self._analysis not in (None, message.analysis):
            return
        try:
            value = number(message, message.frames[-1], self._field)
        except LookupError:
            return
        if not math.isnan(value):
            self._signal.put(value)
