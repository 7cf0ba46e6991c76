"""How long frames take, as percentiles over the frames of a run."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

BELIEVED_S = 3600.0
"""A detector's clock that is off by more than this is not believed."""


MOST = 20_000
"""Frames that are looked back at."""


@dataclass(slots=True)
class Latencies:
    """From the detector's time stamp (else from the arrival) to the result on the bus."""

    by_detector: int = 0
    """How many were measured from the detector's own time stamp."""
    _ms: np.ndarray = field(default_factory=lambda: np.empty(64))
    """Of the last frames, in no order: it grows to MOST, then the oldest give way."""
    _count: int = 0

    def add(self, detector_ns: int | None, received_ns: int, done_ns: int, *, n: int = 1) -> float:
        """Take `n` frames of one result; give their latency in s."""
        began = received_ns
        if detector_ns is not None and 0 <= received_ns - detector_ns < BELIEVED_S * 1e9:
            began = detector_ns
            self.by_detector += n
        seconds = max(done_ns - began, 0) / 1e9
        for _ in range(n):
            self._keep(seconds * 1e3)
        return seconds

    def _keep(self, ms: float) -> None:
        if self._count == len(self._ms) < MOST:
            self._ms = np.resize(self._ms, min(2 * self._count, MOST))
        self._ms[self._count % len(self._ms)] = ms
        self._count += 1

    def as_json(self) -> dict[str, Any]:
        """The percentiles in ms; null without a frame."""
        if not self._count:
            return dict.fromkeys(("p50", "p95", "p99"))
        ordered = np.sort(self._ms[: self._count])  # a fifth of what numpy's percentile takes
        places = [share * (len(ordered) - 1) for share in (0.5, 0.95, 0.99)]
        values = np.interp(places, np.arange(len(ordered)), ordered)
        return {
            name: round(float(v), 3) for name, v in zip(("p50", "p95", "p99"), values, strict=True)
        }
