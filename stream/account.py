"""The account of one run: which frames came, and what became of each."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from .framenumbers import Numbers

LISTED_RANGES = 200
"""Ranges listed in JSON at most; the count beside them is always whole."""


@dataclass(slots=True)
class Account:
    """Every frame of a run by number; `closes` says whether the sums do."""

    announced: int | None = None
    """Frames the detector announced; None when open-ended."""
    received: Numbers = field(default_factory=Numbers)
    """Arrived, whatever became of them."""
    refused: Numbers = field(default_factory=Numbers)
    """Arrived, but could not be kept."""
    archived: Numbers = field(default_factory=Numbers)
    processed: Numbers = field(default_factory=Numbers)
    skipped: Numbers = field(default_factory=Numbers)
    """Kept, but no analysis looked at them."""
    refused_reasons: Counter[str] = field(default_factory=Counter)
    """Refused frames and messages of this run, by reason; doubles and foreign ones too."""
    skipped_reasons: Counter[str] = field(default_factory=Counter)
    double: int = 0
    late: int = 0
    """Came after a later number, or after the end; they are kept like any other."""
    bytes_received: int = 0
    orphan: bool = False
    """Whether the start was never seen: nobody knows of frames before the first that came."""
    events: list[dict[str, Any]] = field(default_factory=list)
    """What people did during the run that changes what results mean, in the order it happened."""
    over: bool = False
    """Whether the end was seen: until then only gaps count as missing."""

    @property
    def expected(self) -> int:
        """Announced frames, or more when more came."""
        return max(self.announced or 0, self.received.stop) - self._first

    @property
    def missing(self) -> int:
        """Frames that never came, of all that are due by now."""
        return self.due - len(self.received)

    @property
    def due(self) -> int:
        """Frames that should have come by now."""
        return self.expected if self.over else self.received.stop - self._first

    @property
    def _first(self) -> int:
        return self.received.first if self.orphan else 0

    def closes(self, archive: bool) -> bool:
        """Whether received = archived + refused; without an archive there is nothing to close."""
        return not archive or len(self.received) == len(self.archived) + len(self.refused)

    @property
    def unkept(self) -> list[int]:
        """Frames that came and are neither archived nor refused."""
        kept, refused = self.archived, self.refused
        if len(self.received) == len(kept) + len(refused):
            return []
        return [n for n in self.received if n not in kept and n not in refused]

    def analysed(self) -> bool:
        """Whether every kept frame was looked at, or skipped for a reason."""
        return not self.unseen

    @property
    def unseen(self) -> int:
        """Kept frames that no analysis has looked at or skipped yet."""
        kept = len(self.received) - len(self.refused)
        return max(kept - len(self.processed) - len(self.skipped), 0)

    def as_json(self) -> dict[str, Any]:
        """The account in plain words and numbers; keys are stable."""
        return {
            "expected": self.expected,
            "announced": self.announced,
            "received": len(self.received),
            "missing": self.missing,
            "missing_ranges": self.received.gaps(self._first + self.due, self._first)[
                :LISTED_RANGES
            ],
            "double": self.double,
            "late": self.late,
            "refused": dict(self.refused_reasons),
            "refused_frames": len(self.refused),
            "refused_ranges": self.refused.ranges()[:LISTED_RANGES],
            "archived": len(self.archived),
            "processed": len(self.processed),
            "skipped": dict(self.skipped_reasons),
            "skipped_frames": len(self.skipped),
            "skipped_ranges": self.skipped.ranges()[:LISTED_RANGES],
            "bytes_received": self.bytes_received,
            "events": list(self.events),
        }
