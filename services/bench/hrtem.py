"""The HRTEM pipeline on the shipped mosaic phantom: time per frame, and memory over many frames."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from ..service import ENVIRONMENT

FRAMES = 200
SETTLED = 5
"""Frames before the memory counts as settled."""


def measure(frames: int | None) -> Iterator[dict[str, Any]]:
    """Run the analysis over the 4096^2 mosaic in a process with the service's allocator."""
    done = subprocess.run(  # noqa: S603  our own interpreter and module
        [sys.executable, "-m", "beamside.services.bench.hrtem", str(frames or FRAMES)],
        check=True,
        stdout=subprocess.PIPE,
        env={**os.environ, **ENVIRONMENT},
    )
    case: dict[str, Any] = orjson.loads(done.stdout)
    yield case


def resident_mb() -> float:
    """Memory of this process that is in use, in MB."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def main() -> None:
    """Measure in this process and print the case."""
    from ...analysis.hrtem import PhaseMapper
    from ...analysis.operators import Calibration
    from ...models.phantoms.hrtem import mosaic

    frames = int(sys.argv[1])
    phantom = mosaic(seed=1)
    images = np.asarray(phantom.image)[np.newaxis]
    calibration = Calibration((0.03, 0.03), 300.0, 298.0, "phantom")
    mapper = PhaseMapper()
    memory, walls = [], []
    cpu = time.process_time()
    for _ in range(frames):
        began = time.perf_counter()
        data = mapper(images, calibration)
        walls.append(time.perf_counter() - began)
        memory.append(resident_mb())
    cpu = time.process_time() - cpu
    settled = memory[min(SETTLED, frames - 1) :]
    slope = float(np.polyfit(np.arange(len(settled)), settled, 1)[0]) if len(settled) > 1 else 0.0
    case = {
        "name": "hrtem-mosaic-4096",
        "cpu_ms_per_frame": round(cpu / frames * 1e3, 1),
        "frames_per_s": round(frames / sum(walls), 3),
        "frames_per_min": round(60 * frames / sum(walls), 1),
        "anchor": None,
        "ratio": None,
        "frames": frames,
        "memory_mb": {
            "first": round(memory[0]),
            "settled": round(settled[0]),
            "last": round(memory[-1]),
            "peak": round(max(memory)),
            "slope_mb_per_frame": round(slope, 4),
        },
        "grains": int(data.sizes.get("grain", 0)),
        "spots": int(data.sizes.get("spot", 0)),
    }
    sys.stdout.write(orjson.dumps(case).decode() + "\n")


if __name__ == "__main__":
    main()
