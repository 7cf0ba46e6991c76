"""The HRTEM pipeline on the shipped mosaic phantom: time per frame, and memory over many frames."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from ..service import ENVIRONMENT
from .gpu import gpu_name

FRAMES = 200
SETTLED = 5
"""Frames of a process before its memory counts as settled."""
GPU = "gpu"
"""Word for a process that keeps its images on the GPU."""
GPU_AIM = {
    "name": "goal on one data-centre GPU: 3000 frames a minute",
    "cpu_ms_per_frame": None,
    "frames_per_s": 50.0,
}
AIM = {
    "name": "aim of the batch tool it grew from, 80 frames a minute (never reached)",
    "cpu_ms_per_frame": None,
    "frames_per_s": round(80 / 60, 3),
}


def measure(frames: int | None) -> Iterator[dict[str, Any]]:
    """Run the analysis over the 4096^2 mosaic, one process a core, as the service's workers do."""
    yield _measured(frames or FRAMES)


def measure_gpu(frames: int | None) -> Iterator[dict[str, Any]]:
    """Do the same with the images on a GPU, fed by a process a core; ValueError without one.

    Crop, tiles and envelopes are then transformed there; all else is still work of the cores.
    """
    device = gpu_name()
    yield _measured(frames or FRAMES, GPU) | {"device": device, "anchor": GPU_AIM}


def _measured(frames: int, where: str = "") -> dict[str, Any]:
    cores = len(os.sched_getaffinity(0))
    each = max(1, frames // cores)
    processes = [_worker(each, where) for _ in range(cores)]
    for process in processes:
        _expect(process, b"ready")  # all begin together: the making of the phantom is not timed
    for process in processes:
        process.stdin.write(b"go\n")  # type: ignore[union-attr]
        process.stdin.flush()  # type: ignore[union-attr]
    costs = [orjson.loads(process.communicate()[0].splitlines()[-1]) for process in processes]
    done = each * cores
    wall = max(cost["wall_s"] for cost in costs)
    return {
        "name": f"hrtem-mosaic-4096-{where}{'-' * bool(where)}{cores}-workers",
        "cpu_ms_per_frame": round(sum(cost["cpu_s"] for cost in costs) / done * 1e3, 1),
        "frames_per_s": round(done / wall, 3),
        "frames_per_min": round(60 * done / wall, 1),
        "anchor": AIM,
        "ratio": None,
        "frames": done,
        "memory_mb": [cost["memory_mb"] for cost in costs],
        "grains": costs[0]["grains"],
        "spots": costs[0]["spots"],
    }


def _worker(frames: int, where: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(  # noqa: S603  our own interpreter and module
        [sys.executable, "-m", "beamside.services.bench.hrtem", str(frames), where],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, **ENVIRONMENT},
    )


def _expect(process: subprocess.Popen[bytes], word: bytes) -> None:
    line = process.stdout.readline().strip() if process.stdout else b""
    if line != word:
        raise RuntimeError(f"a bench process died with exit code {process.wait()}")


def resident_mb() -> float:
    """Memory of this process that is in use, in MB."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def main() -> None:
    """Measure in this process and print the cost."""
    from ...analysis.hrtem.mapper import PhaseMapper
    from ...analysis.operators import Calibration
    from ...models.phantoms.hrtem import mosaic

    frames = int(sys.argv[1])
    images: Any = np.asarray(mosaic(seed=1).image)[np.newaxis]
    if sys.argv[2:] == [GPU]:
        images = import_module("cupy").asarray(images)
    calibration = Calibration((0.03, 0.03), 300.0, 298.0, "phantom")
    mapper = PhaseMapper()
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.readline()
    memory = []
    cpu, wall = time.process_time(), time.perf_counter()
    for _ in range(frames):
        data = mapper(images, calibration)
        memory.append(resident_mb())
    cost = {
        "cpu_s": time.process_time() - cpu,
        "wall_s": time.perf_counter() - wall,
        "memory_mb": _trend(memory),
        "grains": int(data.sizes.get("grain", 0)),
        "spots": int(data.sizes.get("spot", 0)),
    }
    sys.stdout.write(orjson.dumps(cost).decode() + "\n")


def _trend(memory: list[float]) -> dict[str, float]:
    settled = memory[min(SETTLED, len(memory) - 1) :]
    slope = np.polyfit(np.arange(len(settled)), settled, 1)[0] if len(settled) > 1 else 0.0
    return {
        "first": round(memory[0]),
        "settled": round(settled[0]),
        "last": round(memory[-1]),
        "peak": round(max(memory)),
        "slope_mb_per_frame": round(float(slope), 4),
    }


if __name__ == "__main__":
    main()
