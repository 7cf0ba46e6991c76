"""What bluesky says of the frames: where the motors stood, which energy it was, when.

Its documents come from a proxy of bluesky and are joined to the frames by number. They go to the
analysis, whose later results have them as coordinates along `frame`, and are published and archived
under the name `positions`, for results that were there before; `read_result` puts them together.
"""

from __future__ import annotations

import time
from collections import Counter, defaultdict, deque
from typing import TYPE_CHECKING, Any

from ..stream import wire
from ..stream.documents import Documents
from ..stream.facts import Facts, tabled
from ..stream.joining import Joiner, Placed
from ..stream.messages import Result
from ..stream.nexus import POSITIONS
from .desk import PLACED
from .logs import logger

if TYPE_CHECKING:
    from .ingest import Ingest

log = logger("positions")
PERIOD_S = 0.1
PATIENCE_S = 10.0
"""A run that bluesky names is waited for so long."""
MOST_WAITING = 10_000


class Positions:
    """The listener to bluesky's documents, if there is one."""

    def __init__(self, ingest: Ingest) -> None:
        said = ingest.settings.documents
        self._ingest = ingest
        self._documents: Documents | None = None
        if said.address is not None:
            prefix = said.prefix.encode() if said.prefix else None
            self._documents = Documents(
                said.address, prefix=prefix, own_key=said.own_key, server_key=said.server_key
            )
        self._joiner = Joiner(said.frame, said.run)
        self._waiting: deque[tuple[float, Placed]] = deque()
        self._fresh: dict[str, dict[int, Facts]] = defaultdict(dict)
        self._looked = 0.0
        self.counts: Counter[str] = Counter()

    def look(self) -> None:
        """Take what has come, now and then."""
        now = time.monotonic()
        if self._documents is None or now - self._looked < PERIOD_S:
            return
        self._looked = now
        waiting, self._waiting = self._waiting, deque()
        for since, placed in waiting:
            self._place(placed, since)
        for name, document in self._documents.receive():
            self.counts["documents"] += 1
            for placed in self._joiner.take(name, document):
                self._place(placed, now)
        for run, rows in self._fresh.items():
            self._publish(run, rows)
        self._fresh.clear()
        if words := self._complaint(self._documents.refused):
            self._ingest.alarms["documents"] = words

    def _complaint(self, refused: Counter[str]) -> str:
        """What is wrong with the documents, and what to do; the gravest only."""
        if pickles := refused["pickle"]:
            return (
                f"{pickles} of bluesky's documents came as pickles, which are not opened: set "
                "serializer=orjson.dumps at its Publisher"
            )
        if malformed := self._joiner.left_out["malformed"] + refused.total():
            return f"{malformed} of bluesky's documents are malformed and were left out"
        if strays := self.counts["no_run"]:
            return (
                f"{strays} of bluesky's events name a run that the detector does not know: put "
                "beamside_run into the plan's metadata, or name its column in documents.run"
            )
        return ""

    def _place(self, placed: Placed, since: float) -> None:
        open_runs = self._ingest.ledger.runs
        run = next((name for name in placed.runs if name in open_runs), None)
        if run is not None:
            self._fresh[run][placed.frame] = placed.facts
            self.counts["joined"] += 1
        elif time.monotonic() - since < PATIENCE_S and len(self._waiting) < MOST_WAITING:
            self._waiting.append((since, placed))
        else:
            self.counts["no_run"] += 1

    def _publish(self, run: str, rows: dict[int, Facts]) -> None:
        """Tell the analysis, the bus and the log of the run."""
        import xarray as xr  # half a second: only where there are documents

        ingest, numbers = self._ingest, sorted(rows)
        told = [[number, rows[number]] for number in numbers]
        ingest.desk.tell("analysis", {"run": run, "rows": told}, PLACED)
        columns = tabled([rows[number] for number in numbers])
        data = xr.Dataset(
            {
                name: ("frame", values, {"units": unit, "long_name": f"{name}, by bluesky"})
                for name, (values, unit) in columns.items()
            }
        )
        start = ingest.ledger.runs[run].start
        said = {"level": "run", "program": "bluesky", "version": ""}
        result = Result(
            start.source, run, tuple(numbers), POSITIONS, data, said, done_ns=time.time_ns()
        )
        parts = wire.encode(result)
        ingest.bus.send(parts)
        ingest.spools.result(run, wire.read_head(parts), parts)

    def as_json(self) -> dict[str, Any] | None:
        """For the notices; None where nobody listens."""
        if self._documents is None:
            return None
        return {
            "address": self._documents.address,
            **dict(self.counts),
            "refused": dict(self._documents.refused),
            "left_out": dict(self._joiner.left_out),
        }

    def close(self) -> None:
        """Listen no more."""
        if self._documents is not None:
            self._documents.close()
