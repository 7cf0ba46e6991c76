"""The whole service on a stream: every process together, archive on, nothing lost."""

from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path
from typing import Any

from ..service import Life
from ..settings import load
from ..supervisor import Supervisor
from .streams import CASES, measure, sender, write_line

FRAMES = 2000


def cpu_seconds(pid: int) -> float:
    """User and system time of a running process, in s."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def measure_service_cpu(supervisor: Supervisor) -> float:
    """CPU time so far of all processes of a service, in s."""
    running = [child.process for child in supervisor.children if child.process]
    return sum(cpu_seconds(process.pid) for process in running)


def measure_whole(rounds: int, frames: int) -> dict[str, Any]:
    """Push one series through ingest, desk, archive and the `sum` analysis; count the CPU."""
    case = CASES["stream"][0]
    costs = []
    for _ in range(max(1, rounds // 2)):
        with sender(case, frames) as (load_process, endpoint), tempfile.TemporaryDirectory() as to:
            settings = load(
                None,
                {
                    "source": {"url": f"dectris+{endpoint}"},
                    "analysis": {"name": "sum", "policy": "wait", "batch_size": 32},
                    "archive": {"folder": to},
                    "viewer": {"enabled": False},
                },
            )
            supervisor = Supervisor(settings)
            supervisor.start()
            supervisor.wait_ready(Life())
            before, began = measure_service_cpu(supervisor), time.perf_counter()
            write_line(load_process, "go")
            while not supervisor.status.get("closed"):
                supervisor.hear(50)
            cost = measure_service_cpu(supervisor) - before
            wall = time.perf_counter() - began
            costs.append((cost, wall, supervisor.status["closed"][0]))
            supervisor.stop()
            supervisor.keep_logs()
    cost, wall, closed = min(costs, key=lambda c: c[0])
    return {
        "name": "service-512-archive-on",
        "cpu_ms_per_frame": round(cost / frames * 1e3, 4),
        "frames_per_s": round(frames / wall, 1),
        "frames": frames,
        "archived": closed["account"]["archived"],
        "processed": closed["account"]["processed"],
        "lost": frames - closed["account"]["archived"],
        "latency_ms": closed["latency_ms"],
    }


def measure_with_anchor(rounds: int, frames: int | None) -> dict[str, Any]:
    """The whole service, beside the bare loop of the same run."""
    frames = frames or FRAMES
    case = measure_whole(rounds, frames)
    anchor = measure(CASES["stream"][0], 2, frames)["anchor"]
    ratio = round(case["cpu_ms_per_frame"] / anchor["cpu_ms_per_frame"], 3)
    return {**case, "anchor": anchor, "ratio": ratio}
