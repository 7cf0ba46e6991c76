"""Whether results can be steered by: the service is there, its account whole, its results fresh."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from typing import Any

from ...stream.messages import Result
from .feed import Feed
from .lost import SILENT_S
from .watched import Watched

LOOK_S = 0.5
"""How often the silence of a service is looked for."""
STALE_S = 10.0


class ServiceSignal:
    """1 while the service can be steered by, else 0, with the reason in `reason`.

    `guarded(plan, envelope, health=ServiceSignal(feed))` pauses a scan while it is 0, and so does
    `RE.install_suspender(SuspendBoolLow(ServiceSignal(feed)))`. It falls when the service is
    silent, when a run is incomplete, when more than `max_missing` frames are missing or could not
    be read, and when frames have waited for an analysis without any result for `stale_s`.
    """

    name = "beamside_service"

    def __init__(self, feed: Feed, *, max_missing: int = 0, stale_s: float = STALE_S) -> None:
        self.feed, self.max_missing, self.stale_s = feed, max_missing, stale_s
        self.reason = ""
        self._fresh = time.monotonic()
        self._accepted: tuple[Any, int] = (None, 0)
        self._signal = Watched(self.name, 1.0)
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

    def accept(self) -> None:
        """Let it go on: a person knows of the frames that this run has lost so far."""
        status = self.feed.status
        self._accepted = (status.get("run"), _lost(status))
        self._say(self._wrong(status))

    def _watch(self) -> None:
        while not (self._closed.wait(LOOK_S) or self.feed.closed):
            if self.feed.silent_s > SILENT_S:
                self._say(self._wrong(self.feed.status))

    def _take(self, message: Any) -> None:
        if isinstance(message, Result):
            self._fresh = time.monotonic()
        elif isinstance(message, Mapping):
            if not _waiting(message):
                self._fresh = time.monotonic()
            self._say(self._wrong(message))

    def _wrong(self, status: Mapping[str, Any]) -> str:
        if (silent := self.feed.silent_s) > SILENT_S:
            return f"the service has been silent for {silent:.0f} s"
        run, lost = status.get("run"), _lost(status)
        known = self._accepted[1] if self._accepted[0] == run else None
        if status.get("run_status") == "incomplete" and known is None:
            return f"run {run} is incomplete"
        if lost > max(self.max_missing, known or 0):
            return f"run {run}: {lost} frames are missing or could not be read"
        if (since := time.monotonic() - self._fresh) > self.stale_s:
            waiting = _waiting(status)
            return f"results are stale: none for {since:.0f} s, and {waiting} frames wait for one"
        return ""

    def _say(self, reason: str) -> None:
        self.reason = reason
        value = 0.0 if reason else 1.0
        if value != self._signal.value:
            self._signal.put(value)


def _lost(status: Mapping[str, Any]) -> int:
    account = status.get("account") or {}
    return int(account.get("missing") or 0) + int(account.get("refused_frames") or 0)


def _waiting(status: Mapping[str, Any]) -> int:
    """Frames of the run that came, and have no result yet."""
    account = status.get("account") or {}
    done = ("processed", "skipped_frames", "refused_frames")
    return int(account.get("received") or 0) - sum(int(account.get(key) or 0) for key in done)
