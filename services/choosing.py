"""What people choose while the service runs: settings of the analysis, and a region to steer by.

A choice is an event with who made it and when. It goes into the log of each open run, to every
worker, which takes it up with its next batch, and into the notices. It holds until the service is
started anew; then the settings file rules again. Choices are validated by the page, which knows the
analysis: ingest never loads one.

    {"event": "settings", "at": .., "by": "ann", "via": "page", "changes": {"k_min": [1.5, 2.0]}}
    {"event": "roi", "at": .., "by": .., "via": "page", "roi": {"y": [0, 99], "x": [10, 50]}}
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..stream import journal
from ..stream.errors import FileError
from .desk import CHOSEN, Receipt
from .logs import logger

if TYPE_CHECKING:
    from .ingest import Ingest

log = logger("choosing")
FILE = "choices.jsonl"
SHOWN = 20
"""Events in a notice."""
LONGEST_NAME = 80


class Choices:
    """What is chosen now, as ingest keeps it and tells its workers.

    The events are kept in `folder`, the service's private one: an ingest that is started again
    after a crash goes on with them.
    """

    def __init__(self, ingest: Ingest, folder: Path) -> None:
        self._ingest = ingest
        self._path = folder / FILE
        self.settings: dict[str, Any] = dict(ingest.settings.analysis.settings)
        self.roi: dict[str, Any] | None = None
        self.revision = 0
        self.events: list[dict[str, Any]] = []
        for event in journal.read(self._path):
            self._apply(event)
        if self.revision:
            self._post()

    def hear(self, receipt: Receipt) -> None:
        """Take a choice that the page has validated, and answer it."""
        said = receipt.said
        answer: dict[str, Any] = {"id": said.get("id")}
        try:
            event = self._event(said)
            journal.append(self._path, event)
        except (ValueError, FileError) as error:
            answer["error"] = str(error)
        else:
            self._apply(event)
            self._post()
            self._log(event)
            answer |= {"event": event, "choices": self.as_json()}
        self._ingest.desk.reply(receipt, answer)
        self._ingest.notice()

    def _event(self, said: Mapping[str, Any]) -> dict[str, Any]:
        kind = said["kind"]
        event = {
            "event": kind,
            "at": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
            "by": " ".join(str(said.get("by") or "").split())[:LONGEST_NAME] or "somebody",
            "via": "page",
        }
        if kind == "roi":
            return event | {"roi": said["roi"]}
        if said.get("revision") != self.revision:
            raise ValueError("somebody else changed the settings meanwhile; look again")
        changes = {
            str(key): [self.settings.get(key), value]
            for key, value in said["settings"].items()
            if key not in self.settings or self.settings[key] != value
        }
        if not changes:
            raise ValueError("nothing is different from what is in force")
        return event | {"changes": changes}

    def _apply(self, event: dict[str, Any]) -> None:
        if event.get("event") == "roi":
            said = event.get("roi")
            about = {key: event.get(key) for key in ("by", "at")}
            self.roi = {**said, "units": "px", **about} if isinstance(said, Mapping) else None
        elif event.get("event") == "settings":
            self.settings |= {key: values[1] for key, values in event["changes"].items()}
        self.revision += 1
        self.events = [*self.events, event][-SHOWN:]

    def _post(self) -> None:
        """Tell every worker, also those to come."""
        self._ingest.desk.post(CHOSEN, {"settings": self.settings, "revision": self.revision})

    def _log(self, event: dict[str, Any]) -> None:
        log.info("choice", what=event["event"], **{k: v for k, v in event.items() if k != "event"})
        for key, run in self._ingest.ledger.runs.items():
            run.account.events.append(event)
            self._ingest.spools.note(key, "event", event=event)

    def as_json(self) -> dict[str, Any]:
        """For the notices."""
        return {
            "settings": self.settings,
            "revision": self.revision,
            "roi": self.roi,
            "events": self.events,
        }
