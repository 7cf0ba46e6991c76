"""Results for bluesky-adaptive 1.x: its `EvaluationFunction`."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any

from .lost import LostResultError
from .reading import Reading

RUNS = 8
"""bluesky runs whose events are remembered."""


class Evaluate:
    """Outcomes of suggestions, out of the events that were recorded while they were acquired.

        evaluate = Evaluate(reading, ["sharpness"])
        RE.subscribe(evaluate.document)
        problem = OptimizationProblem(
            optimizer=o, actuators=[focus], sensors=[reading], evaluation_function=evaluate)
        RE(optimize(problem, iterations=30))

    Nothing waits here: the triggers have waited. bluesky-adaptive acquires suggestions in an order
    of its own, which its start document (`optimize`) or its uid (`optimize_in_run`) tells. A scan
    that was rewound repeats an event under the same sequence number: the last one counts.
    """

    def __init__(self, reading: Reading, outcomes: Sequence[str] | None = None) -> None:
        self.reading = reading
        self.outcomes = list(outcomes or reading.fields)
        unknown = [name for name in self.outcomes if name not in reading.fields]
        if unknown:
            known = ", ".join(reading.fields)
            raise ValueError(f"{reading.name} has no field {unknown[0]!r}; it has: {known}")
        self._orders: OrderedDict[str, Sequence[Any]] = OrderedDict()
        self._rows: dict[str, dict[int, Mapping[str, Any]]] = {}
        self._run_of: dict[str, str] = {}
        self._taken = 0

    def document(self, name: str, doc: Mapping[str, Any]) -> None:
        """Take in a document of the RunEngine; subscribe this."""
        if name == "start":
            self._begin(doc)
        elif name == "descriptor" and doc["run_start"] in self._rows:
            self._run_of[doc["uid"]] = doc["run_start"]
        elif name == "event" and self.reading.column(self.outcomes[0]) in doc["data"]:
            run = self._run_of.get(doc["descriptor"], "")
            self._rows.setdefault(run, {})[doc["seq_num"]] = doc["data"]

    def _begin(self, doc: Mapping[str, Any]) -> None:
        uid = doc["uid"]
        self._orders[uid] = doc.get("blop_acquisition_order") or ()
        self._rows[uid] = {}
        self._taken = 0
        while len(self._orders) > RUNS:
            old, _ = self._orders.popitem(last=False)
            self._rows.pop(old, None)
            self._run_of = {d: run for d, run in self._run_of.items() if run != old}

    def __call__(self, uid: Any, suggestions: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """The outcomes of each suggestion; LostResultError if one has none, or is not a number."""
        if isinstance(uid, str):
            rows = [row for _, row in sorted(self._rows.get(uid, {}).items())]
            order = self._orders.get(uid) or [one["_id"] for one in suggestions]
        else:  # of a run that goes on: its uid is the order of the suggestions
            order = list(uid)
            all_rows = sorted(self._rows[next(reversed(self._orders))].items())
            rows = [row for _, row in all_rows[self._taken :]]
            self._taken += len(rows)
        if len(rows) != len(order):
            raise LostResultError(
                f"{len(order)} suggestions were acquired in {len(rows)} events with "
                f"{self.reading.column(self.outcomes[0])}: is RE.subscribe(evaluate.document) done?"
            )
        found = dict(zip(order, rows, strict=True))
        return [self._outcome(one["_id"], found) for one in suggestions]

    def _outcome(self, one: Any, found: Mapping[Any, Mapping[str, Any]]) -> dict[str, Any]:
        row = found[one]
        said = {name: float(row[self.reading.column(name)]) for name in self.outcomes}
        wrong = [name for name, value in said.items() if not math.isfinite(value)]
        if wrong:
            frame = row[self.reading.column("frame")]
            raise LostResultError(
                f"{wrong[0]} of frame {frame} is no number ({said[wrong[0]]}): the analysis failed"
            )
        return {"_id": one} | said
