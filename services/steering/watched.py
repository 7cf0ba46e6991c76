"""Signals for bluesky's stock suspenders: a number of each result, and the service's health."""

from __future__ import annotations

import logging
import math
import threading
from collections.abc import Callable, Mapping
from typing import Any

from ...stream.messages import Result
from .feed import Feed
from .fields import Field, number
from .lost import SILENT_S

log = logging.getLogger("beamside.steering")
LOOK_S = 0.5
"""How often the silence of a service is looked for."""


class _Watched:
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
        self._signal = _Watched(self.name, math.nan)
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


class ServiceSignal:
    """1 while the service is there and its account is whole, else 0, with the reason in `reason`.

    `RE.install_suspender(SuspendBoolLow(ServiceSignal(feed)))` pauses any scan while it is 0. It
    falls when the service is silent, when a run is incomplete, and with `max_missing` frames lost.
    """

    name = "beamside_service"

    def __init__(self, feed: Feed, *, max_missing: int = 0) -> None:
        self.feed, self.max_missing = feed, max_missing
        self.reason = ""
        self._signal = _Watched(self.name, 1.0)
        self.subscribe, self.clear_sub = self._signal.subscribe, self._signal.clear_sub
        self.get = self._signal.get
        self._closed = threading.Event()
        feed.subscribe(self._take)
        threading.Thread(target=self._watch, name="beamside-health", daemon=True).start()

    @property
    def value(self) -> float:
        """1 or 0."""
        return self._signal.value

    def close(self) -> None:
        """Watch no more."""
        self._closed.set()
        self.feed.unsubscribe(self._take)

    def _watch(self) -> None:
        while not (self._closed.wait(LOOK_S) or self.feed.closed):
            if self.feed.silent_s > SILENT_S:
                self._say(f"the service has been silent for {self.feed.silent_s:.0f} s")

    def _take(self, message: Any) -> None:
        if isinstance(message, Mapping):
            self._say(self._wrong(message))

    def _wrong(self, status: Mapping[str, Any]) -> str:
        account = status.get("account") or {}
        lost = int(account.get("missing") or 0) + int(account.get("refused_frames") or 0)
        if status.get("run_status") == "incomplete":
            return f"run {status.get('run')} is incomplete"
        if lost > self.max_missing:
            return f"run {status.get('run')}: {lost} frames are missing or could not be read"
        return ""

    def _say(self, reason: str) -> None:
        self.reason = reason
        value = 0.0 if reason else 1.0
        if value != self._signal.value:
            self._signal.put(value)
