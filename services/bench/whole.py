"""The whole service on a stream: every process together, archive on, nothing lost."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..service import Life
from ..settings import load
from ..supervisor import Supervisor
from .streams import CASES, measure, sender, write_line

FRAMES = 4000


def cpu_seconds(pid: int) -> float:
    """User and system time of a running process, in s."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def cpu_by_process(supervisor: Supervisor) -> dict[str, float]:
    """CPU time so far of each process of a service, in s."""
    running = [child for child in supervisor.children if child.process]
    return {c.name: cpu_seconds(c.process.pid) for c in running if c.process}


@dataclass(frozen=True)
class Cost:
    """What one series cost."""

    cpu_s: dict[str, float]
    wall_s: float
    closed: dict[str, Any]

    @property
    def total_s(self) -> float:
        """All processes together."""
        return sum(self.cpu_s.values())


def run_once(frames: int, options: str) -> Cost:
    """Push one series through ingest, spool, archive and the `sum` analysis; count the CPU."""
    with sender(CASES["stream"][0], frames) as (load_process, endpoint), _folder() as to:
        settings = load(
            None,
            {
                "source": {"url": f"dectris+{endpoint}{options}"},
                "analysis": {
                    **{"name": "sum", "policy": "wait", "batch_size": 32, "backlog": 10_000},
                    "settings": {"extremes": False},  # as the bare loop, which only sums
                },
                "archive": {"folder": to},
                "viewer": {"enabled": False},
            },
        )
        supervisor = Supervisor(settings)
        supervisor.start()
        supervisor.wait_ready(Life())
        before, began = cpu_by_process(supervisor), time.perf_counter()
        write_line(load_process, "go")
        while not supervisor.status.get("closed"):
            supervisor.hear(50)
        after, wall = cpu_by_process(supervisor), time.perf_counter() - began
        closed = supervisor.status["closed"][0]
        supervisor.stop()
        supervisor.keep_logs()
    return Cost({name: after[name] - before[name] for name in after}, wall, closed)


def _folder() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(ignore_cleanup_errors=True)


def measure_whole(rounds: int, frames: int | None) -> Iterator[dict[str, Any]]:
    """The whole service, with and without the check of the detector's md5, beside the bare loop."""
    frames = frames or FRAMES
    for name, options in (("no-md5", "?verify=0"), ("md5", "")):
        best = min(
            (run_once(frames, options) for _ in range(max(2, rounds // 2))), key=lambda c: c.total_s
        )
        anchor = measure(CASES["stream"][0], 2, frames)["anchor"]
        cost = round(best.total_s / frames * 1e3, 4)
        account = best.closed["account"]
        yield {
            "name": f"service-512-archive-on-{name}",
            "cpu_ms_per_frame": cost,
            "by_process": {k: round(v / frames * 1e3, 4) for k, v in best.cpu_s.items()},
            "frames_per_s": round(frames / best.wall_s, 1),
            "frames": frames,
            "archived": account["archived"],
            "processed": account["processed"],
            "lost": frames - account["archived"],
            "latency_ms": best.closed["latency_ms"],
            "anchor": anchor,
            "ratio": round(cost / anchor["cpu_ms_per_frame"], 3),
        }
