"""The ways out of ingest, and when one of them is cut."""

from __future__ import annotations

import time
from dataclasses import dataclass

from ..stream.backlog import Backlog
from .desk import ARCHIVE, GATHER, Parcel, Reader
from .settings import Settings


def readers(settings: Settings, gatherers: int = 0) -> list[Reader]:
    """The ways out: the analysis takes as set, the preview has the newest.

    The archive and the gatherers, where there are any, follow the spool.
    """
    ways = [Reader("preview", Backlog("newest", 1), pins=False)]
    if settings.archive.enabled:
        ways.append(Reader(ARCHIVE, Backlog[Parcel]("wait")))
    if gatherers:
        ways.append(Reader(GATHER, Backlog[Parcel]("wait")))
    analysis = settings.analysis
    if analysis.workers:
        # the frames lie on disk: their bytes are bounded by the budget of the spool
        backlog = Backlog[Parcel](analysis.policy, analysis.backlog, 1 << 62, n=analysis.every)
        ways.append(Reader("analysis", backlog))
    return ways


@dataclass(slots=True)
class Cut:
    """How long a reader may make a detector wait."""

    timeout_s: float
    """0: for ever."""
    _since: float | None = None

    def due(self, waiting: bool) -> bool:
        """Whether it has now been waited for too long; then it starts anew."""
        now = time.monotonic()
        if not waiting or not self.timeout_s:
            self._since = None
            return False
        self._since = self._since or now
        if now - self._since < self.timeout_s:
            return False
        self._since = None
        return True
