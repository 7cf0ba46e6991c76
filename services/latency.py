"""How long frames take, as percentiles over the frames of a run."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Any

import numpy as np

BELIEVED_S = 3600.0
"""A detector's clock that is off by more than this is not believed."""


@dataclass(slots=True)
class Latencies:
    """From the detector's time stamp (else from the arrival) to the result on the bus."""

    milliseconds: deque[float] = field(default_factory=lambda: deque(maxlen=20_000))
    by_detector: int = 0
    """How many were measured from the detector's own time stamp."""

    def add(self, detector_ns: int | None, received_ns: int, done_ns: int, *, n: int = 1) -> float:
        """Take `n` frames of one result; give their latency in s."""
        began = received_ns
        if detector_ns is not None and 0 <= received_ns - detector_ns < BELIEVED_S * 1e9:
            began = detector_ns
            self.by_detector += n
        seconds = max(done_ns - began, 0) / 1e9
        self.milliseconds.extend([seconds * 1e3] * n)
        return seconds

    def as_json(self) -> dict[str, Any]:
        """The percentiles in ms; null without a frame."""
        if not self.milliseconds:
            return {"p50": None, "p95": None, "p99": None}
        p50, p95, p99 = np.percentile(np.asarray(self.milliseconds), (50, 95, 99))
        return {"p50": round(p50, 3), "p95": round(p95, 3), "p99": round(p99, 3)}
