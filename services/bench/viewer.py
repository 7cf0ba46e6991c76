"""What viewers cost the service: nobody looks, one looks, fifty look at the same stream."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from typing import Any

import orjson

from ..service import Life
from ..settings import load
from ..supervisor import Supervisor
from .browser import measure_browser
from .streams import ask, python, write_line
from .whole import cpu_by_process

SECONDS = 15.0
"""Of each part, if no minutes are asked for."""
VIEWERS = 50
SIZE = 1024
RATE = 10.0
"""Frames per second."""
GOAL_MS, GOAL_GROWTH = 1.0, 0.10


def measure_viewer(minutes: float | None) -> Iterator[dict[str, Any]]:
    """What an update costs in a browser, and what fifty viewers do to the service."""
    yield from measure_browser(SECONDS if minutes is None else 60 * minutes)
    yield _many(minutes)


def _many(minutes: float | None) -> dict[str, Any]:
    """CPU of the service by viewer and update, and what fifty viewers do to ingest and latency."""
    seconds = SECONDS if minutes is None else 60 * minutes
    short = min(seconds, 60.0)
    none, one, many = _look(0, short), _look(1, short), _look(VIEWERS, seconds)
    updates = many["pictures"] - one["pictures"]
    each = (many["cpu_s"] / many["wall_s"] - one["cpu_s"] / one["wall_s"]) * many["wall_s"]
    before, after = none["latency_ms"]["p95"], many["latency_ms"]["p95"]
    return {
        "name": f"viewers-{VIEWERS}-of-{SIZE}",
        "words": f"{VIEWERS} simulated viewers of a {SIZE}^2 stream at {RATE:g} frames/s",
        "service_cpu_ms_per_viewer_and_update": round(each / max(updates, 1) * 1e3, 3),
        "service_cpu_ms_per_update_pictures_made_in_it": round(
            (many["cpu_s"] - none["cpu_s"]) / max(many["pictures"], 1) * 1e3, 3
        ),
        "service_cpu_ms_goal": GOAL_MS,
        "first_viewer_cpu_ms_per_update": round(
            (one["cpu_s"] - none["cpu_s"]) / max(one["pictures"], 1) * 1e3, 3
        ),
        "updates_per_s_and_viewer": round(many["pictures"] / VIEWERS / many["wall_s"], 2),
        "megabytes_per_s": round(many["nbytes"] / many["wall_s"] / 1e6, 1),
        "frames": many["frames"],
        "ingest_lost": many["lost"],
        "ingest_lost_without": none["lost"],
        "latency_p95_ms": after,
        "latency_p95_ms_without": before,
        "latency_p95_growth": None if not before or after is None else round(after / before - 1, 3),
        "latency_p95_growth_goal": GOAL_GROWTH,
        "failed_requests": many["failures"] + one["failures"],
        "seconds": round(many["wall_s"], 1),
    }


def _look(viewers: int, seconds: float) -> dict[str, Any]:
    """One service, one run of so many seconds, so many viewers."""
    frames = max(20, int(RATE * seconds))
    detector, eyes = python("latency"), python("viewing")
    try:
        want = {"frames": frames, "size": SIZE, "rate": RATE}
        endpoint = ask(detector, orjson.dumps(want).decode())["endpoint"]
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
            supervisor = Supervisor(load(None, _settings(endpoint, folder)))
            supervisor.start()
            supervisor.wait_ready(Life())
            address, _, token = str(supervisor.url).partition("/?token=")
            looking = {"address": address, "token": token, "viewers": viewers, "size": SIZE}
            write_line(eyes, orjson.dumps(looking).decode())
            time.sleep(1.0)
            before, began = cpu_by_process(supervisor)["viewer"], time.perf_counter()
            write_line(detector, "go")
            while not supervisor.status.get("closed"):
                supervisor.hear(50)
            wall = time.perf_counter() - began
            cpu = cpu_by_process(supervisor)["viewer"] - before
            seen = ask(eyes, "stop")
            closed = supervisor.status["closed"][0]
            supervisor.stop()
            supervisor.keep_logs()
    finally:
        for process in (detector, eyes):
            process.kill()
            process.communicate()
    return {
        **seen,
        "cpu_s": cpu,
        "wall_s": wall,
        "frames": frames,
        "lost": frames - closed["account"]["archived"],
        "latency_ms": closed["latency_ms"],
    }


def _settings(endpoint: str, folder: str) -> dict[str, Any]:
    return {
        "source": {"url": f"dectris+{endpoint}"},
        "analysis": {"name": "sum", "workers": 1, "policy": "wait", "batch_size": 1},
        "archive": {"folder": folder},
    }
