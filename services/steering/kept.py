"""The last results, and what is known of earlier ones: which frames cannot be those of now."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import TypeAlias

from ...stream.framenumbers import Numbers
from ...stream.messages import Result

Address: TypeAlias = tuple[str, int, str | None]
"""Run, frame, analysis (None: any)."""
KEPT = 256
"""Results that are kept; a rewound scan asks again for the last few."""
RUNS = 64
"""Runs of which it is known what was heard."""
BLOCK = 64
"""Frames that no longer kept results are remembered by: a few ranges, however many were skipped."""


@dataclass
class _Past:
    """What is known of a run."""

    gone: dict[str | None, Numbers] = field(default_factory=dict)
    """Blocks of frames whose results are kept no more, by analysis."""
    given: dict[str, int] = field(default_factory=dict)
    """The last frame that each reading had, by its name."""


class Kept:
    """Results by `(run, frame, analysis)`, the last `KEPT` of them."""

    def __init__(self) -> None:
        self.count = 0
        """Results heard so far."""
        self._results: OrderedDict[Address, tuple[int, Result]] = OrderedDict()
        self._runs: OrderedDict[str, _Past] = OrderedDict()

    def add(self, result: Result) -> None:
        """Keep a result; the oldest go."""
        self.count += 1
        for number in result.frames:
            for analysis in (result.analysis, None):
                address = (result.run, number, analysis)
                first = self._results.get(address, (self.count,))[0]  # of whichever analysis
                self._results[address] = first, result
                self._results.move_to_end(address)
        while len(self._results) > 2 * KEPT:
            (run, number, analysis), _ = self._results.popitem(last=False)
            self._past(run).gone.setdefault(analysis, Numbers()).add(number // BLOCK)

    def get(self, run: str, frame: int, analysis: str | None) -> Result | None:
        """The result of a frame, if it has come and is still kept."""
        found = self._results.get((run, frame, analysis))
        return None if found is None else found[1]

    def give(self, who: str, run: str, frame: int) -> None:
        """Remember that a reading of this name was given a frame."""
        self._past(run).given[who] = frame

    def doubt(self, who: str, run: str, frame: int, analysis: str | None, since: int) -> str:
        """Why this can't be the frame that a reading asks for now; empty: it can be.

        `since` is how many results were heard when the frame was not taken yet.
        """
        past = self._runs.get(run) or _Past()
        if frame <= past.given.get(who, -1):
            return "was asked for by an earlier trigger"
        heard = self._results.get((run, frame, analysis))
        gone = past.gone.get(analysis, ())
        if (heard is not None and heard[0] <= since) or frame // BLOCK in gone:
            return "had its result before this trigger"
        return ""

    def forget(self, run: str) -> None:
        """A run of this name begins: what is known of an earlier one is of another."""
        self._runs.pop(run, None)
        for address in [address for address in self._results if address[0] == run]:
            del self._results[address]

    def _past(self, run: str) -> _Past:
        past = self._runs.setdefault(run, _Past())
        self._runs.move_to_end(run)
        while len(self._runs) > RUNS:
            self._runs.popitem(last=False)
        return past
