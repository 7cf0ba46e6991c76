"""Benches of the way of a frame: ours against a bare loop, A/B/A/B over one sender."""

from __future__ import annotations

import contextlib
import os
import statistics
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import orjson

from ..service import ENVIRONMENT


@dataclass(frozen=True)
class Case:
    """One thing to measure."""

    name: str
    size: int
    frames: int
    encoding: str = "bslz4"
    decode: bool = True
    verify: bool = False
    anchor: str = "bare pyzmq + decode + sum loop"


CASES = {
    "stream": (
        Case("dectris-v1-bslz4-512", 512, 2000),
        Case("dectris-v1-bslz4-512-md5", 512, 2000, verify=True),
        Case("dectris-v1-bslz4-4096", 4096, 60),
    ),
    "raw": (
        Case("ingest-raw-4096", 4096, 60, "raw", decode=False, anchor="raw pyzmq, receive only"),
    ),
}


def measure(case: Case, rounds: int, frames: int | None) -> dict[str, Any]:
    """Run `case`, ours and the anchor by turns; medians over the rounds."""
    frames = frames or case.frames
    costs: dict[str, list[dict[str, Any]]] = {"ours": [], "bare": []}
    with sender(case, frames) as (load, endpoint):
        for _ in range(rounds):
            for way in costs:
                costs[way].append(_receive(load, endpoint, case, way, frames))
    sums = {cost["sum"] for both in costs.values() for cost in both}
    ours, bare = (_median(costs[way], frames) for way in ("ours", "bare"))
    return {
        "name": case.name,
        **ours,
        "anchor": {"name": case.anchor, **bare},
        "ratio": round(ours["cpu_ms_per_frame"] / bare["cpu_ms_per_frame"], 3),
        "throughput_ratio": round(bare["cpu_ms_per_frame"] / ours["cpu_ms_per_frame"], 3),
        "frames": frames,
        "rounds": rounds,
        "lost": sum(cost["lost"] for cost in costs["ours"]),
        "sums_agree": len(sums) == 1,
    }


@contextlib.contextmanager
def sender(case: Case, frames: int) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A load process, and where it sends."""
    load = python("load")
    want = {"size": case.size, "frames": frames, "encoding": case.encoding}
    try:
        endpoint = ask(load, orjson.dumps(want).decode())["endpoint"]
        yield load, endpoint
    finally:
        load.kill()
        load.communicate()


def _receive(
    load: subprocess.Popen[str], endpoint: str, case: Case, way: str, frames: int
) -> dict[str, Any]:
    want = {
        "endpoint": endpoint,
        "way": way,
        "frames": frames,
        "decode": case.decode,
        "verify": case.verify,
    }
    receiver = python("receivers")
    try:
        write_line(receiver, orjson.dumps(want).decode())
        _line(receiver)
        write_line(load, "go")
        cost: dict[str, Any] = orjson.loads(_line(receiver))
    finally:
        receiver.kill()
        receiver.communicate()
    return cost


def _median(costs: list[dict[str, Any]], frames: int) -> dict[str, float]:
    cpu = statistics.median(cost["cpu_s"] for cost in costs) / frames
    wall = statistics.median(cost["wall_s"] for cost in costs) / frames
    return {
        "cpu_ms_per_frame": round(cpu * 1e3, 4),
        "frames_per_s": round(1 / wall, 1),
        "cpu_ms_per_frame_min": round(min(cost["cpu_s"] for cost in costs) / frames * 1e3, 4),
    }


def python(module: str) -> subprocess.Popen[str]:
    """Start one of the modules of this package, to be talked to line by line."""
    return subprocess.Popen(  # noqa: S603  our own interpreter and module
        [sys.executable, "-m", f"beamside.services.bench.{module}"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, **ENVIRONMENT},
    )


def write_line(process: subprocess.Popen[str], line: str) -> None:
    """Tell a bench process one line."""
    if process.stdin is not None:
        process.stdin.write(line + "\n")
        process.stdin.flush()


def _line(process: subprocess.Popen[str]) -> str:
    line = process.stdout.readline() if process.stdout else ""
    if not line:
        raise RuntimeError(f"a bench process died with exit code {process.wait()}")
    return line


def ask(process: subprocess.Popen[str], line: str) -> dict[str, Any]:
    """Tell a bench process one line, and read the JSON that it answers."""
    write_line(process, line)
    answer: dict[str, Any] = orjson.loads(_line(process))
    return answer
