"""What ingest tells of itself a few times a second: one JSON object, read by page and metrics."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

from .desk import ARCHIVE, Reader
from .helm import shortened

if TYPE_CHECKING:
    from .ingest import Ingest

ALARM_FILLS = (0.5, 0.8, 0.95)
"""How full a queue is when people are told."""


def of(ingest: Ingest, state: str | None = None) -> dict[str, Any]:
    """What is going on: state, account, pace, queues, archive, alarms, and how runs ended."""
    run = ingest.ledger.last
    if ingest.draining:
        state = state or "draining"
    return {
        "kind": "status",
        "state": state or (run.state if run and run.state != "closed" else "idle"),
        "source": ingest.settings.source.name,
        "run": run.start.run if run else None,
        "run_status": run.status if run else None,
        "calibration": dict(run.start.calibration) if run else {},
        "account": shortened(run.account.as_json()) if run else {},
        "strangers": dict(ingest.ledger.strangers),
        "ignored": dict(ingest.ledger.ignored),
        "failures": dict(ingest.failures),
        "rates": ingest.rates.as_json(),
        "latency_ms": ingest.latencies.as_json(),
        "readers": {name: queue(ingest, reader) for name, reader in ingest.desk.readers.items()},
        "archive": archive(ingest),
        "spool": spool(ingest),
        "last_frame_ns": ingest.last_frame_ns,
        "alarms": alarms(ingest),
        "grown": ingest.gathering.grown,
        "correction": ingest.acceptance.as_json(),
        "documents": ingest.positions.as_json(),
        "steering": ingest.helm.as_json(),
        "choices": ingest.choices.as_json(),
        "analysis": ingest.settings.analysis.name if ingest.settings.analysis.workers else None,
        "device": "cpu",
        "bytes_received": ingest.rates.nbytes,
        "exhausted": ingest.source.exhausted,
        "closed": list(ingest.closing.closed),
        "totals": ingest.closing.totals.as_json(),
        "open": len(ingest.ledger.runs) + len(ingest.closing.open),
    }


def queue(ingest: Ingest, reader: Reader) -> dict[str, Any]:
    """How full a reader's queue is, and who takes from it; the archive's queue is the spool."""
    backlog, spools = reader.backlog, ingest.spools
    waiting, capacity, fill = len(backlog), backlog.capacity, backlog.fill
    if reader.name == ARCHIVE:
        accounts = [run.account for run in ingest.ledger.runs.values()]
        waiting = sum(len(a.received) - len(a.archived) - len(a.refused) for a in accounts)
        each = ingest.rates.nbytes / max(ingest.rates.frames, 1)
        capacity, fill = int(spools.budget / max(each, 1.0)), spools.fill
    return {
        "queue": waiting,
        "capacity": capacity,
        "fill": round(fill, 3),
        "policy": backlog.policy,
        "workers": len(reader.workers),
    }


def archive(ingest: Ingest) -> dict[str, Any]:
    """Where the archive is, and how much room is left there."""
    if not ingest.settings.archive.enabled:
        return {}
    folder = ingest.settings.archive.folder
    try:
        free = shutil.disk_usage(folder).free
    except OSError:
        free = None
    path = next((str(s["archive"]) for s in reversed(ingest.closing.closed) if s["archive"]), None)
    backlog = ingest.spools.nbytes
    return {"path": path or str(folder), "free_bytes": free, "backlog_bytes": backlog}


def spool(ingest: Ingest) -> dict[str, Any]:
    """Where the spool is, and how much of its budget is used."""
    spools = ingest.spools
    return {
        "path": str(spools.root.path),
        "bytes": spools.nbytes,
        "budget_bytes": spools.budget,
        "fill": round(spools.fill, 3),
        "runs": len(spools.runs),
    }


def alarms(ingest: Ingest) -> list[str]:
    """What somebody should look at, in words."""
    said = list(ingest.alarms.values())
    fills = {f"queue of the {n}": r.backlog.fill for n, r in ingest.desk.readers.items()}
    del fills["queue of the preview"]
    for name, fill in {**fills, "spool": ingest.spools.fill}.items():
        passed = [level for level in ALARM_FILLS if fill >= level]
        if passed:
            said.append(f"the {name} is more than {passed[-1]:.0%} full")
    if ingest.spools.syncer.error:
        said.append(f"a power cut would cost more than it should: {ingest.spools.syncer.error}")
    if ingest.spools.short:
        folder = ingest.spools.root.path
        said.append(
            f"the detector waits: the disk of {folder} is full (spool.keep_free_mb is left to the "
            "archive); make space, or set spool.folder to another disk"
        )
    run = ingest.ledger.last
    if (
        run is not None
        and run.state != "closed"
        and run.status != "aborted"
        and run.account.missing
    ):
        said.append(f"run {run.start.run}: {run.account.missing} frames are missing")
    return said
