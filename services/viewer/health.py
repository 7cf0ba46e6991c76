"""Whether all is well, in one JSON: what comes in, what is kept, how late, how long it lasts."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ... import __version__
from .answers import json_answer
from .guard import may_change
from .state import ViewState

STALE_S = 5.0
"""Without a notice of the service."""
WINDOW_S = 60.0
"""Over which the rate of bytes is taken."""
SLOWEST = 10.0
"""Bytes a second, below which nothing fills a disk."""


class Health:
    """The address of one `ViewState`'s health."""

    def __init__(self, state: ViewState) -> None:
        self.state = state
        self._seen: deque[tuple[float, int]] = deque()
        state.watchers.append(self._take)

    def routes(self) -> list[Route]:
        """The one address."""
        return [Route("/health", self.show)]

    async def show(self, request: Request) -> Response:
        """All of it."""
        return json_answer(self.as_json() | {"may_change": may_change(request)})

    def as_json(self) -> dict[str, Any]:
        """What is said of the service now."""
        state, status = self.state, self.state.status
        ages = {
            "frame": age(state.frame_at),
            "result": age(state.result_at),
            "status": state.status_age,
        }
        correction, held = status.get("correction"), state.results.find()
        return {
            "state": status.get("state"),
            "source": status.get("source"),
            "run": status.get("run"),
            "run_status": status.get("run_status"),
            "stale": self._stale(ages),
            "age_s": ages,
            "frames": frames(status),
            "rates": status.get("rates") or {},
            "latency_ms": status.get("latency_ms") or {},
            "queues": status.get("readers") or {},
            "spool": status.get("spool") or {},
            "disk": self._disk(status),
            "calibration": status.get("calibration") or {},
            "correction": correction if isinstance(correction, Mapping) else None,
            "analysis": status.get("analysis"),
            "models": models({} if held is None else held.message.data.attrs),
            "device": (held and held.message.provenance.get("device")) or status.get("device"),
            "alarms": list(status.get("alarms") or ()),
            "events": list((status.get("choices") or {}).get("events") or ()),
            "viewers": state.viewers,
            "clients": {
                "connections": state.clients.count,
                "waiting_bytes": state.clients.nbytes,
                "cut": state.clients.cut,
            },
            "memory": {
                "bytes": state.frames.nbytes + state.results.nbytes,
                "limit_bytes": state.memory,
            },
            "version": __version__,
        }

    def _stale(self, ages: Mapping[str, float | None]) -> bool:
        """Whether what is shown may be of before: a silent service, or a run without frames."""
        status = ages["status"]
        return self.state.late or (status is not None and status > STALE_S)

    def _take(self, status: Mapping[str, Any]) -> None:
        """Remember how many bytes had come at this time."""
        nbytes, now = status.get("bytes_received"), time.monotonic()
        if not isinstance(nbytes, int):
            return
        if self._seen and nbytes < self._seen[-1][1]:
            self._seen.clear()  # ingest was started again
        if not self._seen or now - self._seen[-1][0] > 0.5:
            self._seen.append((now, nbytes))
        while now - self._seen[0][0] > WINDOW_S:
            self._seen.popleft()

    def _rate(self) -> float:
        """Bytes a second over the last minute."""
        if len(self._seen) < 2:
            return 0.0
        (began, before), (now, nbytes) = self._seen[0], self._seen[-1]
        return (nbytes - before) / max(now - began, 0.5)

    def _disk(self, status: Mapping[str, Any]) -> dict[str, Any]:
        archive = status.get("archive") or {}
        free, rate = archive.get("free_bytes"), self._rate()
        hours = free / rate / 3600 if isinstance(free, int | float) and rate > SLOWEST else None
        return {
            "path": archive.get("path"),
            "free_bytes": free,
            "bytes_per_s": round(rate, 1),
            "hours_left": hours if hours is None else round(hours, 3),
        }


def age(at: float | None) -> float | None:
    """Seconds since a moment; None if it never came."""
    return None if at is None else time.monotonic() - at


def frames(status: Mapping[str, Any]) -> dict[str, Any]:
    """The account of the run's frames, in the words of the page."""
    account = status.get("account") or {}
    return {
        "in": account.get("received", 0),
        **{k: account.get(k, 0) for k in ("processed", "archived", "missing")},
        "refused": account.get("refused_frames", 0),
        "skipped": account.get("skipped_frames", 0),
        "expected": account.get("expected"),
    }


def models(attrs: Mapping[Any, Any]) -> list[dict[str, str]]:
    """The networks and databases that a result stands on, by its attributes `<name>_sha256`."""
    found = []
    for key, sha in attrs.items():
        if str(key).endswith("_sha256"):
            what = str(key).removesuffix("_sha256")
            found.append({"name": str(attrs.get(what, what)), "sha256": str(sha)})
    return found
