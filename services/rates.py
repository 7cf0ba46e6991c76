"""Frames per second, in and out, over the last seconds."""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass, field

WINDOW_S = 5.0
SLOT_S = 0.25


@dataclass(slots=True)
class Rates:
    """Counts in slots of time; a count costs no more than an addition."""

    nbytes: int = 0
    """All bytes that ever came in."""
    frames: int = 0
    """All frames that ever came in."""
    _slots: deque[tuple[float, dict[str, int]]] = field(default_factory=deque)

    def count(self, what: str, nbytes: int = 0, n: int = 1) -> None:
        """Count `n` of `what` now."""
        self.nbytes += nbytes
        self.frames += n if what == "in" else 0
        now = time.monotonic()
        if not self._slots or now - self._slots[-1][0] > SLOT_S:
            self._slots.append((now, {}))
            while now - self._slots[0][0] > WINDOW_S:
                self._slots.popleft()
        counts = self._slots[-1][1]
        counts[what] = counts.get(what, 0) + n

    def as_json(self) -> dict[str, float]:
        """Frames per second in and out; 0 when nothing came lately."""
        now = time.monotonic()
        recent = [slot for slot in self._slots if now - slot[0] <= WINDOW_S]
        if not recent:
            return {"in_fps": 0.0, "out_fps": 0.0}
        span = max(now - recent[0][0], SLOT_S)
        return {
            f"{what}_fps": round(sum(counts.get(what, 0) for _, counts in recent) / span, 2)
            for what in ("in", "out")
        }
