"""How the runs ended: one JSON object for scripts, a few lines for people.

Stable keys: `run, status, received, processed, archived, missing, refused{reason},
skipped{reason}, latency_ms{p50,p95,p99}, archive`; beside them `expected, missing_ranges,
refused_frames, ignored{reason}, reason, alarms, run_count` and `runs`, the same of each of the last
50 runs.

`status` is the worst of all runs but orphans (frames without a start, or of another series, which
are kept in a run of their own and counted as `foreign` in the run they disturbed). The exit code
says whether the service ended in order, `status` how the runs went.

`refused` counts every message and frame that was not taken into the run, by reason;
`refused_frames` is how many of them were frames of the run, known by number, so that
expected = received + missing and received = archived + refused_frames.
"""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from .totals import SUMS, Totals


def of_run(closed: Mapping[str, Any]) -> dict[str, Any]:
    """The summary of one closed run."""
    account = closed["account"]
    return {
        "run": closed["run"],
        "status": closed["status"],
        "reason": closed["reason"],
        **{key: account[key] for key in SUMS},
        "missing_ranges": account["missing_ranges"],
        "refused": account["refused"],
        "skipped": account["skipped"],
        "latency_ms": closed["latency_ms"],
        "archive": closed["archive"],
        "recovered": bool(closed.get("recovered")),
    }


def of_service(status: Mapping[str, Any], alarms: Sequence[str] = ()) -> dict[str, Any]:
    """The summary of all runs since the start, from the last notice of ingest."""
    closed = list(status.get("closed", ()))
    runs = [of_run(run) for run in closed]
    named = [run for run, raw in zip(runs, closed, strict=True) if not raw["orphan"]] or runs
    last = named[-1] if named else {}
    totals = status.get("totals") or Totals().as_json()
    worst = next((run for run in reversed(named) if run["status"] == totals["status"]), last)
    refused = Counter(totals["refused"]) + Counter(status.get("strangers", {}))
    return {
        "run": last.get("run"),
        "status": totals["status"],
        "reason": worst.get("reason", "no run came"),
        **{key: totals[key] for key in SUMS},
        "missing_ranges": last.get("missing_ranges", []),
        "refused": dict(refused),
        "skipped": totals["skipped"],
        "ignored": dict(status.get("ignored", {})),
        "latency_ms": status.get("latency_ms", {"p50": None, "p95": None, "p99": None}),
        "archive": last.get("archive"),
        "alarms": list(dict.fromkeys([*status.get("alarms", ()), *alarms])),
        "run_count": totals["runs"],
        "runs": runs,
    }


def lines(summary: Mapping[str, Any]) -> list[str]:
    """The summary for people."""
    latency = summary["latency_ms"]
    shown = "none measured"
    if latency["p50"] is not None:
        shown = f"p50 {latency['p50']:.0f} ms, p95 {latency['p95']:.0f} ms"
    rows = [
        ("run", _last(summary)),
        ("frames", _frames(summary)),
        ("refused", _reasons(summary["refused"])),
        ("skipped", _reasons(summary["skipped"])),
        ("latency", shown),
        ("archive", summary["archive"] or "none"),
    ]
    if summary["run_count"] > 1:
        said = f"{summary['run_count']} in all, the figures are their sums; the worst"
        rows.insert(1, ("runs", f"{said} is {summary['status']}: {summary['reason']}"))
    recovered = [str(run["run"]) for run in summary["runs"] if run["recovered"]]
    if recovered:
        rows.append(("recovered", f"of a service that was killed: run {', '.join(recovered)}"))
    if summary["archive"]:
        rows.append(("look", f"beamside inspect {shlex.quote(summary['archive'])}"))
    rows += [("alarm", alarm) for alarm in summary["alarms"]]
    return [f"  {name:<10}{text}" for name, text in rows]


def _last(summary: Mapping[str, Any]) -> str:
    """The last run, with how it went itself."""
    run = summary["runs"][-1] if summary["runs"] else summary
    named = next((r for r in reversed(summary["runs"]) if r["run"] == summary["run"]), run)
    return f"{summary['run']} ({named['status']}: {named['reason']})"


def _frames(summary: Mapping[str, Any]) -> str:
    text = (
        f"{summary['received']} received, {summary['processed']} processed, "
        f"{summary['archived']} archived, {summary['missing']} missing"
    )
    if summary["missing_ranges"]:
        listed = ", ".join(
            f"{a}-{b}" if a != b else f"{a}" for a, b in summary["missing_ranges"][:8]
        )
        text += f" ({listed})"
    return text


def _reasons(reasons: Mapping[str, int]) -> str:
    return ", ".join(f"{n} {reason}" for reason, n in reasons.items()) or "none"


def progress(status: Mapping[str, Any]) -> str:
    """One line on what is going on."""
    account = status.get("account") or {}
    rates = status.get("rates", {})
    latency = status.get("latency_ms", {}).get("p95")
    parts = [
        f"{status.get('state', 'starting'):<9}",
        f"run {status.get('run') or '-'}",
        f"received {account.get('received', 0)}"
        + (f"/{account['announced']}" if account.get("announced") else ""),
        f"processed {account.get('processed', 0)}",
        f"archived {account.get('archived', 0)}",
        f"missing {account.get('missing', 0)}",
        f"{rates.get('in_fps', 0):.1f} in/s {rates.get('out_fps', 0):.1f} out/s",
    ]
    if latency is not None:
        parts.append(f"p95 {latency:.0f} ms")
    return "  ".join(parts)
