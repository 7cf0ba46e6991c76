"""What viewers cost the service: nobody looks, one looks, fifty look at the same stream.

The cost of a viewer and update is a slope: CPU of the page's process each second over updates each
second, with 1, 11 and 51 viewers in turn, several rounds in one run. Each frame is made into a
picture once whoever looks, so that this cost is in the slope's foot and not in the slope.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from subprocess import Popen
from typing import Any

import numpy as np
import orjson

from ..service import Life
from ..settings import load
from ..supervisor import Supervisor
from .browser import measure_browser
from .streams import ask, python, write_line
from .whole import cpu_by_process

SECONDS = 15.0
"""Of each part; of fifty viewers, if no minutes are asked for."""
VIEWERS = 50
SIZE = 1024
RATE = 10.0
"""Frames per second."""
COUNTS, ROUNDS, TURN, SETTLE = (1, 11, 51), 4, 4.0, 1.0
"""Viewers in turn, how often, for how many seconds, after so many to settle."""
SLOPE_RATE = 5.0
"""Frames per second that 51 viewers keep up with on a small machine."""
GOAL_MS, GOAL_GROWTH = 1.0, 0.10


def measure_viewer(minutes: float | None) -> Iterator[dict[str, Any]]:
    """What an update costs in a browser, and what fifty viewers do to the service."""
    seconds = SECONDS if minutes is None else 60 * minutes
    yield from measure_browser(SECONDS)
    yield _each()
    yield _many(seconds)


def _each() -> dict[str, Any]:
    """CPU of the service for each viewer and update."""
    frames = int(SLOPE_RATE * (ROUNDS * len(COUNTS) * (TURN + SETTLE) + 15))
    turns: list[tuple[int, float, float]] = []
    with _served(frames, SLOPE_RATE) as (supervisor, detector, eyes):
        write_line(detector, "go")
        for _ in range(ROUNDS):
            for count in COUNTS:
                ask(eyes, str(count))
                time.sleep(SETTLE)
                before, cpu = ask(eyes, str(count)), cpu_by_process(supervisor)["viewer"]
                began = time.perf_counter()
                while time.perf_counter() - began < TURN:
                    supervisor.hear(50)
                after, cpu = ask(eyes, str(count)), cpu_by_process(supervisor)["viewer"] - cpu
                wall = time.perf_counter() - began
                turns.append((count, (after["updates"] - before["updates"]) / wall, cpu / wall))
    slope, error, foot = _line([turn[1] for turn in turns], [turn[2] for turn in turns])
    return {
        "name": f"viewer-each-{SIZE}",
        "words": f"one viewer more of {SIZE}^2 at {SLOPE_RATE:g} frames/s",
        "service_cpu_ms_per_viewer_and_update": round(1e3 * slope, 3),
        "service_cpu_ms_sigma": round(1e3 * error, 3),
        "service_cpu_ms_goal": GOAL_MS,
        "service_cpu_ms_per_frame_whoever_looks": round(1e3 * foot / SLOPE_RATE, 2),
        "turns": [
            {"viewers": n, "updates_per_s": round(x, 1), "cpu_ms_per_s": round(1e3 * y, 1)}
            for n, x, y in turns
        ],
    }


def _line(x: list[float], y: list[float]) -> tuple[float, float, float]:
    """Slope by least squares, its standard error, and where the line begins."""
    (slope, foot), covariance = np.polyfit(x, y, 1, cov=True)
    return float(slope), float(np.sqrt(covariance[0, 0])), float(foot)


def _many(seconds: float) -> dict[str, Any]:
    """What fifty viewers do to ingest and latency; nobody looks before and after."""
    short = min(seconds, 60.0)
    before, many, after = _look(0, short), _look(VIEWERS, seconds), _look(0, short)
    alone = [part["latency_ms"]["p95"] for part in (before, after)]
    p95, p95_alone = many["latency_ms"]["p95"], statistics.mean(alone)
    return {
        "name": f"viewers-{VIEWERS}-of-{SIZE}",
        "words": f"{VIEWERS} simulated viewers of a {SIZE}^2 stream at {RATE:g} frames/s",
        "updates_per_s_and_viewer": round(many["updates"] / VIEWERS / many["wall_s"], 2),
        "megabytes_per_s": round(many["nbytes"] / many["wall_s"] / 1e6, 1),
        "service_cpu_s": {name: round(many["cpu_s"][name], 2) for name in many["cpu_s"]},
        "frames": many["frames"],
        "ingest_lost": many["lost"],
        "ingest_lost_without": before["lost"] + after["lost"],
        "latency_p95_ms": p95,
        "latency_p95_ms_without": alone,
        "latency_p95_growth": round(p95 / p95_alone - 1, 3),
        "latency_p95_growth_goal": GOAL_GROWTH,
        "failed_requests": many["failures"],
        "seconds": round(many["wall_s"], 1),
    }


@contextmanager
def _served(frames: int, rate: float) -> Iterator[tuple[Supervisor, Popen[str], Popen[str]]]:
    """A service, a detector that waits for `go`, and pretend pages of which none looks yet."""
    detector, eyes = python("latency"), python("viewing")
    try:
        want = {"frames": frames, "size": SIZE, "rate": rate}
        endpoint = ask(detector, orjson.dumps(want).decode())["endpoint"]
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
            supervisor = Supervisor(load(None, _settings(endpoint, folder)))
            supervisor.start()
            supervisor.wait_ready(Life())
            address, _, token = str(supervisor.url).partition("/?token=")
            write_line(eyes, orjson.dumps(dict(address=address, token=token, size=SIZE)).decode())
            yield supervisor, detector, eyes
            supervisor.stop()
            supervisor.keep_logs()
    finally:
        for process in (detector, eyes):
            process.kill()
            process.communicate()


def _look(viewers: int, seconds: float) -> dict[str, Any]:
    """One service, one run of so many seconds, so many viewers."""
    frames = max(20, int(RATE * seconds))
    with _served(frames, RATE) as (supervisor, detector, eyes):
        ask(eyes, str(viewers))
        time.sleep(SETTLE)
        before, began = cpu_by_process(supervisor), time.perf_counter()
        write_line(detector, "go")
        while not supervisor.status.get("closed"):
            supervisor.hear(50)
        wall, after = time.perf_counter() - began, cpu_by_process(supervisor)
        seen = ask(eyes, str(viewers))
        closed = supervisor.status["closed"][0]
    return {
        **seen,
        "cpu_s": {name: after[name] - before[name] for name in after},
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
