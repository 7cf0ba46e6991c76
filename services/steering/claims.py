"""Who waits for the result of which frame: how each wait ends, and of which run the frame is."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from ...stream.messages import Result
from .kept import Kept
from .lost import LostResultError, fate, silence
from .waiting import Waiting

Ended: TypeAlias = list[tuple[Waiting, LostResultError | None]]
"""What is over, to be told when no lock is held."""


@dataclass(eq=False, slots=True)
class Claim:
    """A wait for one frame's result, from the moment on when the frame is not taken yet."""

    who: str
    """The reading that waits; empty: somebody who knows run and frame, and may ask again."""
    analysis: str | None
    timeout: float
    since: int
    """Results that were heard before the frame was taken."""
    until: float
    frame: int | None = None
    """None: it is being exposed."""
    told: str | None = None
    """The run, by who waits; None: it has to be found out."""
    run: str | None = None
    """The run in which it is waited for; None: no run that is known can be the one."""
    rival: str | None = None
    """A run that began meanwhile: the frame may be of that one."""
    doubt: str = ""
    """Why it isn't of the run that is open."""
    result: Result | None = None
    waiting: Waiting = field(default_factory=Waiting)


class Claims:
    """All that wait. Methods give what has ended; the caller holds the lock.

    A frame of which nobody told the run is of the run that is open, unless that can't be: the frame
    was given to an earlier trigger, its result was heard before this one, or the run ends without
    its result. Then it is of the next run, which the service has not told of yet: detectors that
    are armed for each scan begin to count again. Where it may be of either, it is of none.
    """

    def __init__(self, kept: Kept) -> None:
        self._kept = kept
        self._open: list[Claim] = []

    def enter(self, claim: Claim) -> None:
        """Begin to wait."""
        self._open.append(claim)

    def found(self, claim: Claim, frame: int, told: str | None, run: str | None) -> Ended:
        """The frame was taken: its number, its run as told, the run that is open."""
        if claim not in self._open:
            return []
        claim.frame, claim.told = frame, told
        claim.until = time.monotonic() + claim.timeout
        return self._settle(claim, run)

    def begun(self, run: str) -> Ended:
        """A run has begun."""
        ended: Ended = []
        newest = reversed(self._taken())  # of two for one frame, the plan of the first was aborted
        for claim in sorted(newest, key=lambda claim: claim.frame or 0):
            if claim.run is None:
                ended += self._settle(claim, run)
            elif claim.told is None and claim.run != run:
                claim.rival = run
        return ended

    def stopped(self, stopped: str, account: Mapping[str, Any], run: str | None) -> Ended:
        """A run is over, all its results were heard; `run` is open now."""
        ended = self.lost({"run": stopped, "account": account})
        for claim in self._taken():
            if claim.told is None and claim.run == stopped:
                claim.run = claim.rival = None
                claim.doubt = f"frame {claim.frame} is not among the results of run {stopped}"
                ended += self._settle(claim, run)
        return ended

    def heard(self, result: Result) -> Ended:
        """A result has come."""
        ended: Ended = []
        for claim in self._taken():
            if claim.run != result.run or claim.frame not in result.frames:
                continue
            if claim.analysis not in (None, result.analysis):
                continue
            if claim.rival is None:
                claim.result = result
                ended += self._end(claim)
            else:
                ended += self._end(
                    claim,
                    f"frame {claim.frame} may be of run {claim.run} or of {claim.rival}, which "
                    "began meanwhile: give the Reading run=, the detector's series",
                )
        return ended

    def lost(self, status: Mapping[str, Any]) -> Ended:
        """What a notice says will never have a result."""
        ended: Ended = []
        for claim in self._taken():
            if claim.run is not None and (words := fate(status, claim.run, claim.frame or 0)):
                ended += self._end(claim, f"frame {claim.frame} of run {claim.run}: {words}")
        return ended

    def late(self, status: Mapping[str, Any], silent_s: float) -> Ended:
        """What has waited for too long."""
        now, ended = time.monotonic(), Ended()
        for claim in [claim for claim in self._open if claim.until <= now]:
            ended += self._end(claim, _overdue(claim, status, silent_s))
        return ended

    def end(self, claim: Claim, words: str) -> Ended:
        """End one badly, if it has not ended."""
        return self._end(claim, words) if claim in self._open else []

    def end_all(self, words: str) -> Ended:
        """Nothing will be heard any more."""
        return [one for claim in list(self._open) for one in self._end(claim, words)]

    def _taken(self) -> list[Claim]:
        return [claim for claim in self._open if claim.frame is not None]

    def _settle(self, claim: Claim, open_run: str | None) -> Ended:
        """Wait in the run that the frame is of, if that can be the one; take what has come."""
        run, frame = claim.told or open_run, claim.frame
        if run is None or frame is None:
            return []
        if claim.who:
            doubt = self._kept.doubt(claim.who, run, frame, claim.analysis, claim.since)
            if doubt:
                claim.doubt = f"frame {frame} of run {run} {doubt}"
                return []
            self._kept.give(claim.who, run, frame)
        claim.run = run
        claim.result = self._kept.get(run, frame, claim.analysis)
        return [] if claim.result is None else self._end(claim)

    def _end(self, claim: Claim, words: str = "") -> Ended:
        self._open.remove(claim)
        return [(claim.waiting, LostResultError(words) if words else None)]


def _overdue(claim: Claim, status: Mapping[str, Any], silent_s: float) -> str:
    """Why nothing came in time."""
    if claim.frame is None:
        return (
            f"the camera's exposure has not ended after {claim.timeout:g} s: look at the camera; "
            "where exposures take that long, give the Reading a longer timeout="
        )
    if claim.run is None and claim.doubt:
        return (
            f"{claim.doubt}, and no new run began within {claim.timeout:g} s: where the camera "
            "counts a frame at the end of its exposure, give the Reading camera="
        )
    try:
        why = silence(status, silent_s, claim.run)
    except (TypeError, ValueError, AttributeError):  # of a malformed notice
        why = "and what the service tells of itself can't be read"
    if claim.run is None:
        return f"frame {claim.frame} belongs to no run: {why}"
    return f"no result of frame {claim.frame} of run {claim.run} in time: {why}"
