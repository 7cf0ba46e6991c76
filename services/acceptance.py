"""Corrections of the pixel grid that people accepted: which is in force, and who said so when.

The events of a session are one file, `calibration.jsonl` in the archive's folder: what it says last
of a pixel size holds for all runs with that pixel size, also after a restart. Who may write there
may accept; a running service takes it up at once.

    {"event": "accept", "at": "2026-11-21T10:11:12+00:00", "by": "ann", "via": "page",
     "pixel_size_nm": [0.02, 0.02], "correction": [0.031, -0.004, 0.002],
     "correction_sigma": [0.002, 0.003, 0.003], "analysis": "hrtem.calibration", "run": "7"}
    {"event": "withdraw", "at": ..., "by": ..., "via": ..., "pixel_size_nm": [0.02, 0.02]}
"""

from __future__ import annotations

import datetime
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..stream import journal
from ..stream.errors import FileError
from .desk import ACCEPTED, Receipt
from .logs import logger

if TYPE_CHECKING:
    from .ingest import Ingest

log = logger("acceptance")
FILE = "calibration.jsonl"
SAME = 1e-5
"""Relative difference of pixel sizes that are the same."""
LARGEST = 0.3
"""No microscope is wrong by more; a larger number is a mistake."""
SHOWN = 20
"""Events in a notice."""
LONGEST_NAME = 80


class NotAcceptedError(Exception):
    """This can't be accepted or withdrawn; the text says why, and what to do."""


def accepted(
    proposal: Mapping[str, Any], by: str, via: str, *, correction: Any = None
) -> dict[str, Any]:
    """The event that a proposal is accepted; NotAcceptedError if there is nothing to accept.

    `correction` is what the person saw, where that may be older than the proposal.
    """
    size = _numbers(proposal.get("pixel_size_nm"), 2)
    if size is None or min(size) <= 0:
        raise NotAcceptedError("there is no pixel size that could be corrected")
    given = proposal.get("correction") if correction is None else correction
    values = _numbers(given, 3)
    if values is None or max(map(abs, values)) >= LARGEST:
        raise NotAcceptedError(
            f"a correction is three numbers (scale, anisotropy, shear) below {LARGEST}"
        )
    if correction is None and not proposal.get("enough", True):
        raise NotAcceptedError(
            "the evidence is too little so far: wait for more grains, or accept numbers of your own"
        )
    event = _event("accept", by, via, size) | {"correction": values}
    for key in ("correction_sigma", "analysis", "run", "frames"):
        if key in proposal and (key != "correction_sigma" or correction in (None, given)):
            event[key] = proposal[key]
    return event


def withdrawn(pixel_size_nm: Any, by: str, via: str) -> dict[str, Any]:
    """The event that nothing is accepted any more for a pixel size."""
    size = _numbers(pixel_size_nm, 2)
    if size is None:
        raise NotAcceptedError("there is no pixel size whose correction could be withdrawn")
    return _event("withdraw", by, via, size)


def _event(kind: str, by: str, via: str, size: Sequence[float]) -> dict[str, Any]:
    now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    name = " ".join(str(by).split())[:LONGEST_NAME] or "somebody"
    return {"event": kind, "at": now, "by": name, "via": via, "pixel_size_nm": list(size)}


def in_force(events: Sequence[Mapping[str, Any]], pixel_size_nm: Any) -> dict[str, Any] | None:
    """The acceptance that holds for a pixel size by the header; None if there is none."""
    size = _numbers(pixel_size_nm, 2)
    if size is None:
        return None
    for event in reversed(events):
        of = _numbers(event.get("pixel_size_nm"), 2)
        if of is None or not all(
            math.isclose(a, b, rel_tol=SAME) for a, b in zip(of, size, strict=True)
        ):
            continue
        values = _numbers(event.get("correction"), 3)
        if event.get("event") == "withdraw":
            return None
        if event.get("event") == "accept" and values and max(map(abs, values)) < LARGEST:
            sigma = _numbers(event.get("correction_sigma"), 3)
            known = {"correction_sigma": sigma} if sigma else {}
            plain = {name: said for name, said in event.items() if name != "correction_sigma"}
            return {**plain, "correction": values, **known}
    return None


def in_words(event: Mapping[str, Any]) -> str:
    """Who accepted when, for people."""
    return f"accepted by {event.get('by', 'somebody')} at {event.get('at', 'some time')}"


def _numbers(values: Any, count: int) -> list[float] | None:
    if not isinstance(values, list | tuple) or len(values) != count:
        return None
    if not all(type(v) in (int, float) and math.isfinite(v) for v in values):
        return None
    return [float(value) for value in values]


class Acceptance:
    """What is accepted in this session, as ingest keeps it and tells its workers."""

    def __init__(self, ingest: Ingest, path: Path) -> None:
        self.path = path
        self.events: list[dict[str, Any]] = []
        self._ingest = ingest
        self._known: tuple[int, int] | None = None
        self.look()

    def look(self) -> None:
        """Take up what was written to the file, by us or by others; tell the workers."""
        try:
            said = self.path.stat()
            now = (said.st_mtime_ns, said.st_size)
        except OSError:
            now = None
        if now == self._known:
            return
        alarms = self._ingest.alarms
        try:
            events = journal.read(self.path)
        except FileError as error:
            alarms["acceptance"] = f"what was accepted is not known: {error}"
            return
        alarms.pop("acceptance", None)
        self._known = now
        fresh = events[len(self.events) :] if events[: len(self.events)] == self.events else events
        self.events = events
        self._ingest.desk.post(ACCEPTED, {"events": events, "file": str(self.path)})
        for event in fresh:
            self._happened(event)

    def _happened(self, event: dict[str, Any]) -> None:
        """Log an event with the runs that are open; what was before them is in their results."""
        log.info(
            "calibration",
            **{k: v for k, v in event.items() if k != "event"},
            what=event.get("event"),
        )
        for key, run in self._ingest.ledger.runs.items():
            run.account.events.append(event)
            self._ingest.spools.note(key, "event", event=event)
        if name := event.get("analysis"):
            self._ingest.alarms.pop(str(name), None)  # the next result says what is left of it

    # what people say

    def hear(self, receipt: Receipt) -> None:
        """Accept or withdraw what the page says, and answer it."""
        said = receipt.said
        answer: dict[str, Any] = {"id": said.get("id")}
        try:
            answer |= {"event": self._done(said), "calibration": self.as_json()}
        except (NotAcceptedError, FileError) as error:
            answer["error"] = str(error)
        self._ingest.desk.reply(receipt, answer)
        self._ingest.notice()

    def _done(self, said: Mapping[str, Any]) -> dict[str, Any]:
        by, via = str(said.get("by") or "the page"), "page"
        if said.get("action") == "accept":
            self._check_setting()
            proposal = self.proposal()
            if proposal is None:
                raise NotAcceptedError(
                    "nothing is proposed yet: a self-calibration needs frames with crystals"
                )
            event = accepted(proposal, by, via, correction=said.get("correction"))
        elif said.get("action") == "withdraw":
            event = withdrawn(self._pixel_size(), by, via)
        else:
            raise NotAcceptedError("action is accept or withdraw")
        journal.append(self.path, event)
        self.look()
        return event

    def _check_setting(self) -> None:
        setting = self.setting
        if setting != "accepted":
            raise NotAcceptedError(
                f"the settings say analysis.settings.calibration = {setting!r}, which is what is "
                "applied; set it to 'accepted' and start again"
            )

    @property
    def setting(self) -> Any:
        """What the settings of the analysis say is applied."""
        return self._ingest.choices.settings.get("calibration", "accepted")

    def proposal(self) -> dict[str, Any] | None:
        """The newest correction that an analysis proposes."""
        for grown in reversed(self._ingest.gathering.grown.values()):
            if grown.get("proposal"):
                return dict(grown["proposal"])
        return None

    def _pixel_size(self) -> Any:
        run, proposal = self._ingest.ledger.last, self.proposal()
        size = run.start.calibration.get("pixel_size_nm") if run else None
        size = size or (proposal["pixel_size_nm"] if proposal else None)
        if size is None and self.events:
            size = self.events[-1].get("pixel_size_nm")
        return size

    def as_json(self) -> dict[str, Any]:
        """For the notices: what is proposed, what is in force, since when and by whom."""
        return {
            "setting": self.setting,
            "in_force": in_force(self.events, self._pixel_size()),
            "proposal": self.proposal(),
            "file": str(self.path),
            "events": self.events[-SHOWN:],
        }
