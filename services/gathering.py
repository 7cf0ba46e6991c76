"""What grows over the runs, as ingest sees it: asked for at the end, waited for, and passed on."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ..stream.ledger import Run
from ..stream.spool import Mark
from .desk import GATHER, Receipt
from .logs import logger
from .spools import Spooled

if TYPE_CHECKING:
    from .ingest import Ingest

log = logger("gathering")
LEVEL = "run"
"""`level` in the provenance of a result of a whole run."""


@dataclass(slots=True)
class Asked:
    """A run at its end whose results are all in the log."""

    answered: int
    """Frames that the analysis had answered for when it was asked: with more it is asked again."""
    at: Mark
    since: float
    finals: list[Receipt] = field(default_factory=list)
    """What the run has become, until that is known to be all of it."""


class Gathering:
    """Which runs still wait for what grows over them."""

    def __init__(self, ingest: Ingest) -> None:
        self._ingest = ingest
        self.grown: dict[str, dict[str, Any]] = {}
        """The newest of each thing that grows, in figures, by its name."""
        self._asked: dict[str, Asked] = {}
        self._done: dict[str, int] = {}
        """Runs that are through, with so many frames answered for."""
        self._logged: dict[str, set[str]] = {}
        """Of runs that were recovered: what of them is in the log already."""

    # what the gatherers say

    def hear(self, receipt: Receipt) -> None:
        """Take what a gatherer said."""
        if receipt.kind in ("hello", "again"):
            self._hello(receipt)
        elif receipt.kind == "result":
            self._result(receipt)
        elif receipt.kind == "gathered":
            self._gathered(receipt.said)

    def _hello(self, receipt: Receipt) -> None:
        desk = self._ingest.desk
        if not receipt.said.get("grows"):
            desk.readers.pop(GATHER, None)  # it goes by itself
            return
        for key, spooled in self._ingest.spools.runs.items():
            self.tell(spooled, self._asked.get(key))

    def tell(self, spooled: Spooled, asked: Asked | None = None) -> None:
        """Tell the gatherers how far the spool of a run goes, unless the run is closed.

        With `asked` it is told as well that it has its last result.
        """
        if spooled.run in self._ingest.ledger.runs:
            over = {} if asked is None else {"over": [asked.at.segment, asked.at.offset]}
            self._ingest.desk.tell(GATHER, spooled.tail | over)

    def _result(self, receipt: Receipt) -> None:
        head = receipt.said
        key = head["run"]
        if key not in self._ingest.ledger.runs:
            return  # the run did not wait any longer
        asked = self._asked.get(key)
        if not head["provenance"].get("final"):
            self._publish(receipt)
        elif asked is not None:
            asked.finals.append(receipt)

    def _gathered(self, said: dict[str, Any]) -> None:
        key = said["run"]
        run, asked = self._ingest.ledger.runs.get(key), self._asked.get(key)
        if run is None or asked is None or Mark(*said["at"]) != asked.at:
            return
        finals, asked.finals = asked.finals, []
        if said["broken"]:
            self._alarm(f"what grows over run {key} can't be told: {said['broken']}")
        if len(run.account.processed) != asked.answered:
            return  # a late frame was analysed meanwhile: it is asked again
        logged = self._logged.pop(key, set())
        for receipt in finals:
            self._publish(receipt)
            if receipt.said["analysis"] not in logged:
                self._ingest.spools.result(key, receipt.said, receipt.parts)
        self._done[key] = asked.answered

    def _publish(self, receipt: Receipt) -> None:
        head, ingest = receipt.said, self._ingest
        name, provenance, attrs = head["analysis"], head["provenance"], head["attrs"]
        ingest.bus.send(receipt.parts)
        alarm = str(attrs.get("alarm") or "none")
        if head["error"] is not None and provenance.get("failure") != "not_foldable":
            alarm = str(head["error"])
        elif alarm == "none" and provenance["left_out"]:
            alarm = _left_out(provenance)
        ingest.alarms.pop(name, None)
        if alarm != "none":
            ingest.alarms[name] = f"{name}: {alarm}"
        self.grown[name] = {
            "proposal": _proposal(head),
            "run": head["run"],
            "frames": len(head["frames"]),
            "final": provenance["final"],
            "done_ns": head["done_ns"],
            "note": attrs.get("note"),
            "error": head["error"],
            "left_out": provenance["left_out"],
        }

    # the end of a run

    def through(self, run: Run) -> bool:
        """Whether the run need not wait: all has grown, nothing does, or it took too long."""
        ingest, key = self._ingest, run.start.run
        spooled = ingest.spools.runs.get(key)
        answered = len(run.account.processed)
        if GATHER not in ingest.desk.readers or spooled is None or not answered:
            return True
        if self._done.get(key) == answered:
            return True
        asked = self._asked.get(key)
        now = time.monotonic()
        if asked is None or asked.answered != answered:
            since = now if asked is None else asked.since
            asked = self._asked[key] = Asked(answered, spooled.files.log.end, since)
            self.tell(spooled, asked)
        if now - asked.since < self._patience_s:
            return False
        self._alarm(
            f"run {key} was closed without what grows over it: that was not finished within "
            f"{self._patience_s:g} s (analysis.gather_timeout_s); its results are archived"
        )
        return True

    @property
    def _patience_s(self) -> float:
        settings = self._ingest.settings
        limit = settings.analysis.gather_timeout_s
        if self._ingest.draining:  # the archive has to be closed in the time that is left
            limit = min(limit, settings.service.drain_timeout_s / 2)
        return limit

    def _alarm(self, words: str) -> None:
        log.warning("not gathered", words=words)
        self._ingest.alarms["gathering"] = words

    def restore(self, key: str, logged: set[str]) -> None:
        """A run was taken up whose log holds these results of the whole run."""
        self._logged[key] = logged

    def forget(self, key: str) -> None:
        """The run is closed."""
        for known in (self._asked, self._done, self._logged):
            known.pop(key, None)


def _proposal(head: dict[str, Any]) -> dict[str, Any] | None:
    """The correction of the pixel grid that a result proposes, if it is such a result."""
    attrs = head["attrs"]
    size = head["provenance"]["calibration"].get("pixel_size_nm")
    if "proposed_correction" not in attrs or size is None:
        return None
    return {
        "correction": attrs["proposed_correction"],
        "correction_sigma": attrs.get("proposed_correction_sigma"),
        "enough": bool(attrs.get("enough")),
        "alarm": attrs.get("alarm", "none"),
        "note": attrs.get("note", ""),
        "pixel_size_nm": size,
        "analysis": head["analysis"],
        "run": head["run"],
        "frames": len(head["frames"]),
    }


def _left_out(provenance: dict[str, Any]) -> str:
    """Which frames are not in it for a reason that somebody should look at."""
    bad = {r: n for r, n in provenance["left_out"].items() if r != "not_foldable"}
    words = provenance["left_out_words"]
    said = [f"{n} frames were left out ({reason}: {words[reason]})" for reason, n in bad.items()]
    return "; ".join(said) or "none"
