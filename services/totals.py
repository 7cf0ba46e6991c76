"""The sums over all runs since the service was started."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

SUMS = ("expected", "received", "processed", "archived", "missing", "refused_frames")
WORST = ("idle", "complete", "aborted", "incomplete")


@dataclass(slots=True)
class Totals:
    """Counts of closed runs and of what became of their frames."""

    runs: int = 0
    recovered: int = 0
    """Of these: runs of an earlier service that had been killed."""
    status: str = "idle"
    """The worst status of any run that was started; of orphans only where there is nothing else."""
    orphans_only: bool = True
    sums: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    skipped: Counter[str] = field(default_factory=Counter)

    def count(self, closed: Mapping[str, Any]) -> None:
        """Add one closed run."""
        account = closed["account"]
        self.runs += 1
        self.recovered += bool(closed.get("recovered"))
        orphan = bool(closed["orphan"])
        if self.orphans_only and not orphan:
            self.status, self.orphans_only = closed["status"], False
        elif self.orphans_only or not orphan:
            self.status = max(self.status, closed["status"], key=WORST.index)
        self.sums.update({key: account[key] for key in SUMS})
        self.refused.update(account["refused"])
        self.skipped.update(account["skipped"])

    def as_json(self) -> dict[str, Any]:
        """The sums under the keys of a run's account."""
        return {
            "runs": self.runs,
            "recovered": self.recovered,
            "status": self.status,
            **{key: self.sums[key] for key in SUMS},
            "refused": dict(self.refused),
            "skipped": dict(self.skipped),
        }
