"""Ingest takes over what a crash left: its own runs, and those of services that are gone."""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING

from . import recovery
from .desk import ARCHIVE
from .latency import Latencies
from .logs import logger

if TYPE_CHECKING:
    from .ingest import Ingest

log = logger("takeover")
LOOK_S = 5.0
"""How often it is looked for spools whose service is gone."""


class Takeover:
    """The runs that were found in a spool, on their way back into the ledger."""

    def __init__(self, ingest: Ingest) -> None:
        self._ingest = ingest
        self._waiting: list[tuple[recovery.Leftover, bool]] = []
        """Runs that wait for their name; whether of this service."""
        self._looked = 0.0

    def begin(self) -> None:
        """Find every run that is still in a spool, of this service or of one that is gone."""
        spools = self._ingest.spools
        spools.remember(recovery.kept(spools.root))
        left = recovery.leftovers(spools.root, self._aside)
        self._waiting += [(found, True) for found in left]
        self.look()

    def look(self) -> None:
        """Take up what can be; from time to time look for services that have gone meanwhile."""
        if time.monotonic() - self._looked > LOOK_S:
            self._looked = time.monotonic()
            with contextlib.suppress(OSError):  # the folder is gone: the spool itself says so
                self._adopt()
        for found, own in list(self._waiting):
            key = found.run.start.run  # of two with one name the second waits
            if key not in self._ingest.spools.runs and key not in self._ingest.ledger.runs:
                self._waiting.remove((found, own))
                self._go_on(found, own)

    def _adopt(self) -> None:
        spools = self._ingest.spools
        for root in recovery.abandoned(spools.root, spools.roots):
            spools.watch(root)
            spools.remember(recovery.kept(root))
            left = recovery.leftovers(root, self._aside)
            self._waiting += [(found, False) for found in left]

    def _aside(self, words: str) -> None:
        """Somebody must look at a spool that can't be taken up."""
        log.warning("a spool was left aside", detail=words)
        self._ingest.alarms[words] = words

    def _go_on(self, found: recovery.Leftover, own: bool) -> None:
        ingest, run, key = self._ingest, found.run, found.run.start.run
        self._say(found)
        ingest.spools.adopt(found.spooled)
        ingest.desk.announce(run.start)
        ingest.desk.tell(ARCHIVE, found.spooled.tail)
        ingest.gathering.restore(key, found.grown)
        if not own:
            ingest.closing.recovered[key] = len(run.account.received)
        if found.stop is not None:
            ingest.closing.resume(found)
            return
        run.last_ns = time.monotonic_ns()
        ingest.ledger.restore(run)
        ingest.run_latencies[key] = Latencies()
        if ingest.source.socket is None:
            # recorded files won't go on with it
            ingest.ledger.end(key, "incomplete", "the service was killed during this run")
        self._analyse(found)

    def _say(self, found: recovery.Leftover) -> None:
        key, files, alarms = found.run.start.run, found.spooled.files, self._ingest.alarms
        log.warning("recovered", run=key, frames=len(found.places), torn=files.torn)
        alarms[f"recovered {key}"] = (
            f"run {key}: {len(found.places)} frames were recovered from the spool"
        )
        if found.damaged:
            alarms[f"damaged {key}"] = (
                f"run {key}: its spool is damaged, which may have cost frames; it is kept as it is "
                f"in {files.path} ({'; '.join(found.damaged[:3])})"
            )

    def _analyse(self, found: recovery.Leftover) -> None:
        """Give the frames that nobody answered for to the analysis, where it loses nothing."""
        ingest, key = self._ingest, found.run.start.run
        analysis = ingest.settings.analysis
        if not analysis.workers or analysis.policy != "wait":
            ingest.skip(key, found.unseen, "ingest_died")
            return
        for number in found.unseen:
            place = found.places[number]
            ingest.hear(ingest.desk.give(key, number, place, place.nbytes))
