"""What can be looked at: the frames and results that are held, and the runs of the archive."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ...stream.errors import FileError
from ...stream.framenumbers import Numbers
from ...stream.nexus.names import may_hold
from .answers import json_answer
from .past import Past
from .query import absent, whole
from .state import Ring, ViewState, numbers_of

MOST = 20_000
IN_DETAIL = ("numbers", "results", "channels", "calibration", "account")
"""What only one run's own address tells."""


class History:
    """The addresses about time."""

    def __init__(self, state: ViewState, past: Past) -> None:
        self.state = state
        self.past = past

    def routes(self) -> list[Route]:
        """All addresses."""
        return [
            Route("/history", self.history),
            Route("/runs", self.runs),
            Route("/runs/{run:path}", self.one_run),
        ]

    async def history(self, request: Request) -> Response:
        """The frames and results in the rings, the oldest first."""
        after = whole(request, "after", 0, 0, 1 << 62)
        limit = whole(request, "limit", 5000, 1, MOST)
        run = request.query_params.get("run")

        def wanted(ring: Ring[Any]) -> list[Any]:
            fits = [h for h in ring if h.seq > after and run in (None, h.message.run)]
            return fits[-limit:]

        memory = self.state.frames.nbytes + self.state.results.nbytes
        return json_answer(
            {
                "frames": [_frame(held) for held in wanted(self.state.frames)],
                "results": [_result(held) for held in wanted(self.state.results)],
                "memory": {"bytes": memory, "limit_bytes": self.state.memory},
            }
        )

    async def runs(self, request: Request) -> Response:
        """The runs, the newest first: those that are live, then those in the archive."""
        limit = whole(request, "limit", 50, 1, 1000)
        before = request.query_params.get("before")
        try:
            names = await self.past.ids()
        except FileError as error:
            return json_answer({"runs": [], "more": False, "folder": None, "error": str(error)})
        names = [(name, mark) for name, mark in names if before is None or name < before]
        found = [self._archived(await self.past.run(*one)) for one in names[:limit]]
        held = [] if before else self._only_held({(r["source"], r["run"]) for r in found})
        older = [name for name, _ in names[limit:]]
        live = [r for r in held if r["live"] or not any(may_hold(n, r["run"]) for n in older)]
        said = [{k: v for k, v in run.items() if k not in IN_DETAIL} for run in live + found]
        folder = self.past.folder
        return json_answer(
            {
                "runs": said,
                "more": len(names) > limit,
                "folder": None if folder is None else str(folder),
            }
        )

    async def one_run(self, request: Request) -> Response:
        """One run in detail: which frames can be asked for, which have results."""
        name = request.path_params["run"]
        archive = await self._find(name)
        if archive is not None:
            said = self._archived(await self.past.run(archive))
        else:
            held = [run for run in self._only_held(set()) if run["run"] == name]
            if not held:
                raise absent(f"there is no run {name[:80]!r}, live or in the archive")
            said = held[0]
        numbers = held_numbers(self.state.frames, said["run"])
        return json_answer(said | {"held": numbers.ranges()})

    async def _find(self, name: str) -> str | None:
        try:
            return await self.past.find(name)
        except FileError:
            return None

    def _archived(self, said: dict[str, Any]) -> dict[str, Any]:
        live = self.state.live == (said["source"], said["run"]) and said["status"] == "unfinished"
        return {**said, "live": live, "status": "running" if live else said["status"]}

    def _only_held(self, known: set[tuple[str, str]]) -> list[dict[str, Any]]:
        """Runs that are held and in no archive."""
        found: dict[tuple[str, str], dict[str, Any]] = {}
        for held in (*self.state.frames, *self.state.results):
            key = held.message.source, held.message.run
            if key not in known and key not in found:
                found[key] = self._held_run(*key)
        return list(reversed(found.values()))

    def _held_run(self, source: str, run: str) -> dict[str, Any]:
        frames = held_numbers(self.state.frames, run)
        results: dict[str, Numbers] = {}
        for held in self.state.results:
            if held.message.run == run and held.message.error is None:
                found = results.setdefault(held.message.analysis, Numbers())
                for number in held.message.frames:
                    found.add(number)
        live = self.state.live == (source, run)
        stop = self.state.stop
        ended = stop.status if stop is not None and stop.run == run else "unfinished"
        return {
            **{"id": None, "run": run, "source": source, "live": live},
            **{"status": "running" if live else ended, "reason": "", "path": None},
            **{"start_time": "", "end_time": "", "missing": 0, "shape": None, "problems": []},
            "frames": len(frames),
            "first": frames.first if len(frames) else None,
            "last": frames.stop - 1 if len(frames) else None,
            "analyses": [{"name": k, "frames": len(v), "failed": 0} for k, v in results.items()],
            "numbers": frames.ranges(),
            "results": {name: numbers.ranges() for name, numbers in results.items()},
            "channels": [],
            "calibration": dict(self.state.calibration_of(source, run)),
            "account": {},
        }


def held_numbers(ring: Ring[Any], run: str) -> Numbers:
    """The frames of a run that are held."""
    found = Numbers()
    for held in ring:
        if held.message.run == run:
            for number in numbers_of(held.message):
                found.add(number)
    return found


def _where(held: Any) -> Mapping[str, Any]:
    message = held.message
    return {
        "seq": held.seq,
        "source": message.source,
        "run": message.run,
        "received_ns": message.received_ns,
    }


def _frame(held: Any) -> dict[str, Any]:
    frame = held.message
    return {**_where(held), "frame": frame.number, "detector_ns": frame.detector_ns}


def _result(held: Any) -> dict[str, Any]:
    result = held.message
    return {
        **_where(held),
        "frames": result.frames,
        "analysis": result.analysis,
        "done_ns": result.done_ns,
        "error": result.error,
    }
