from __future__ import annotations

from typing import Any

from beamside.services import summary
from beamside.services.totals import Totals
from beamside.stream.ledger import Ledger
from beamside.stream.messages import Frame, Pixels, Refusal, RunStart, RunStop

KEYS = {
    "run", "status", "received", "processed", "archived", "missing", "refused", "skipped",
    "latency_ms", "archive",
}  # fmt: skip


def closed(run: str, frames: list[int], expected: int, status: str = "complete") -> dict[str, Any]:
    ledger = Ledger("det")
    ledger.enter(RunStart("det", run, expected=expected), 0)
    for n in frames:
        ledger.enter(Frame("det", run, n, {"d": Pixels((1, 1), "|u1", "raw", b"x")}), 0)
    ledger.enter(Refusal("det", "bad_json", ""), 0)
    ledger.enter(RunStop("det", run, status), 0)
    ledger.archived(run, [(n, n) for n in frames])
    ledger.processed(run, frames[:1])
    ledger.skipped(run, frames[1:], "backlog_full")
    stop = ledger.close(run, archive=True, time_ns=0)
    return {
        "run": run, "status": stop.status, "reason": stop.reason, "orphan": False,
        "account": dict(stop.account), "latency_ms": {"p50": 1.0, "p95": 2.0, "p99": 3.0},
        "archive": f"/data/{run}.nxs",
    }  # fmt: skip


def status(*runs: dict[str, Any]) -> dict[str, Any]:
    totals = Totals()
    for run in runs:
        totals.count(run)
    return {"closed": list(runs), "totals": totals.as_json(), "latency_ms": runs[-1]["latency_ms"]}


def test_the_stable_keys_are_there_even_when_nothing_came() -> None:
    empty = summary.of_service({})
    assert set(empty) >= KEYS
    assert set(empty["latency_ms"]) == {"p50", "p95", "p99"}
    assert summary.lines(empty)


def test_several_runs_are_summed_and_the_worst_status_stands() -> None:
    said = summary.of_service(status(closed("1", [0, 1, 3], 4), closed("2", [0], 3, "aborted")))
    assert set(said["runs"][0]) >= KEYS
    assert (said["run"], said["status"], said["archive"]) == ("2", "aborted", "/data/2.nxs")
    assert (said["received"], said["missing"], said["processed"]) == (4, 3, 2)
    assert said["refused"] == {"bad_json": 2}
    assert said["skipped"] == {"backlog_full": 2}
    assert said["expected"] == said["received"] + said["missing"]


def test_people_read_which_frames_are_missing_and_why_others_were_refused() -> None:
    text = "\n".join(summary.lines(summary.of_service(status(closed("7", [0, 1, 5], 6)))))
    assert "run       7 (complete" in text
    assert "3 missing (2-4)" in text
    assert "1 bad_json" in text
    assert "p95 2 ms" in text


def test_progress_is_one_line_from_any_notice() -> None:
    assert "\n" not in summary.progress({})
    line = summary.progress({"state": "running", "run": "4", "account": {"received": 3}})
    assert "run 4" in line
    assert "received 3" in line
