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
SETTLED_S = 5.0


class ServiceSignal:
    """1 while the service can be steered by, else 0, with the reason in `reason`.

    It falls when the service is silent, and when frames have waited for an analysis without any
    result for `stale_s`, until that is over. It falls too when a run is incomplete, and when more
    than `max_missing` frames are missing or could not be read; as nothing brings them back, it
    rises again once no more were lost for `settled_s`. So a scan under
    `SuspendBoolLow(ServiceSignal(feed))` goes on by itself, and each further loss suspends it anew.

    `reason` stays until a person accepts what was lost (`accept`), or the next run begins:
    `guarded(plan, envelope, health=ServiceSignal(feed))` pauses a scan as long as there is one.
    """

    name = "beamside_service"

    def __init__(
        self,
        feed: Feed,
        *,
        max_missing: int = 0,
        stale_s: float = STALE_S,
        settled_s: float = SETTLED_S,
    ) -> None:
        self.feed, self.max_missing, self.stale_s = feed, max_missing, stale_s
        self.settled_s = settled_s
        self.reason = ""
        self._loss, self._lost_at = "", 0.0
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
        self._judge(status)

    def _watch(self) -> None:
        while not (self._closed.wait(LOOK_S) or self.feed.closed):
            if self.feed.silent_s > SILENT_S:
                self._judge(self.feed.status)

    def _take(self, message: Any) -> None:
        if isinstance(message, Result):
            self._fresh = time.monotonic()
        elif isinstance(message, Mapping):
            if not _waiting(message):
                self._fresh = time.monotonic()
            self._judge(message)

    def _judge(self, status: Mapping[str, Any]) -> None:
        now = time.monotonic()
        trouble, loss = self._trouble(status), self._lost(status)
        if loss != self._loss:
            self._loss, self._lost_at = loss, now
        self.reason = trouble or loss
        losing = bool(loss) and now - self._lost_at < self.settled_s
        value = 0.0 if trouble or losing else 1.0
        if value != self._signal.value:
            self._signal.put(value)

    def _trouble(self, status: Mapping[str, Any]) -> str:
        """What goes wrong now, and may be over soon."""
        if (silent := self.feed.silent_s) > SILENT_S:
            return f"the service has been silent for {silent:.0f} s"
        if (since := time.monotonic() - self._fresh) > self.stale_s:
            waiting = _waiting(status)
            return f"results are stale: none for {since:.0f} s, and {waiting} frames wait for one"
        return ""

    def _lost(self, status: Mapping[str, Any]) -> str:
        """What is lost for good, and was not accepted."""
        run, lost = status.get("run"), _lost(status)
        known = self._accepted[1] if self._accepted[0] == run else None
        if status.get("run_status") == "incomplete" and known is None:
            return f"run {run} is incomplete"
        if lost > max(self.max_missing, known or 0):
            return f"run {run}: {lost} frames are missing or could not be read"
        return ""


def _lost(status: Mapping[str, Any]) -> int:
    account = status.get("account") or {}
    return int(account.get("missing") or 0) + int(account.get("refused_frames") or 0)


def _waiting(status: Mapping[str, Any]) -> int:
    """Frames of the run that came, and have no result yet."""
    account = status.get("account") or {}
    done = ("processed", "skipped_frames", "refused_frames")
    return int(account.get("received") or 0) - sum(int(account.get(key) or 0) for key in done)
