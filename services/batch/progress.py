"""Progress for people: a bar that is rewritten on a terminal, else a plain line now and then."""

from __future__ import annotations

import sys
import time
from collections import deque
from typing import TextIO

BAR = 24
QUIET_S = 15.0
"""Between two lines where there is no terminal."""
LIVE_S = 0.2
RECENT = 40
"""Frames by which the rate is told."""
CLEAR = "\r\x1b[K"


class Progress:
    """What is done of how much, how fast, how long it takes still."""

    def __init__(
        self,
        what: str,
        total: int,
        before: int = 0,
        out: TextIO | None = None,
    ) -> None:
        """`before` of `total` were done by an earlier run."""
        self._what = what
        self._total = total
        self._done = before
        self._failed = 0
        self._out = out or sys.stderr
        self._live = self._out.isatty()
        # from the first that is done on: it loaded the network, and says nothing of the others
        self._times: deque[float] = deque(maxlen=RECENT + 1)
        self._told = time.monotonic() if not self._live else 0.0

    def step(self, *, failed: bool = False) -> None:
        """One more is done."""
        self._done += 1
        self._failed += failed
        self._times.append(time.monotonic())
        last = self._done >= self._total  # which `end` says
        if not last and time.monotonic() - self._told >= (LIVE_S if self._live else QUIET_S):
            self.tell()

    def tell(self) -> None:
        """Say it now."""
        self._told = time.monotonic()
        start, end = (f"{CLEAR}  ", "") if self._live else ("  ", "\n")
        self._out.write(start + self.line() + end)
        self._out.flush()

    def note(self, text: str) -> None:
        """Say something else, on a line of its own."""
        self._out.write(f"{CLEAR if self._live else ''}  {text}\n")
        self._out.flush()

    def end(self) -> None:
        """Say the last, and leave the line."""
        self.tell()
        if self._live:
            self._out.write("\n")
            self._out.flush()

    def line(self) -> str:
        """Give what there is to say."""
        share = self._done / self._total if self._total else 1.0
        full = round(BAR * share)
        words = [f"{self._what:<9} [{'#' * full}{'.' * (BAR - full)}] {self._done}/{self._total}"]
        rate = self.rate
        if rate:
            words.append(f"{60 * rate:.1f}/min" if rate < 1 else f"{rate:.1f}/s")
            if self._done < self._total:
                words.append(f"{duration((self._total - self._done) / rate)} left")
        if self._failed:
            words.append(f"{self._failed} without a result")
        return "  ".join(words)

    @property
    def rate(self) -> float:
        """Of late, in 1/s; 0 = nothing to go by."""
        took = self._times[-1] - self._times[0] if self._times else 0.0
        return (len(self._times) - 1) / took if took > 0 else 0.0


def duration(seconds: float) -> str:
    """Say a time as people do: `50 s`, `12 min`, `3.5 h`."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
