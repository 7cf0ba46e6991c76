"""From a frame to its result on the bus: the whole service, one worker that is idle in between.

Run as `python -m beamside.services.bench.latency` it is the detector: it renders its frames first,
prints its endpoint, and pushes them in time once told `go`.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import orjson

from ...stream.decompress import encode
from ...stream.messages import Frame, Message, RunStart, RunStop
from ...stream.sinks import open_sink
from ..service import Life
from ..settings import load
from ..supervisor import Supervisor
from .streams import ask, python, write_line
from .whole import cpu_by_process

FRAMES = 40
SIZE = 2048
PIXEL = 0.03
RATE = 0.5
"""Frames per second: slow enough that no frame waits for another."""
DISTINCT = 4
"""Different images, so that no cache knows the next one."""
GOAL = {
    "name": "goal: p95 of 600 ms",
    "cpu_ms_per_frame": None,
    "frames_per_s": RATE,
}


def measure_latency(frames: int | None) -> Iterator[dict[str, Any]]:
    """Push HRTEM frames at a steady rate through ingest, spool, analysis, archive and bus."""
    frames = frames or FRAMES
    detector = python("latency")
    try:
        want = {"frames": frames, "size": SIZE, "rate": RATE}
        endpoint = ask(detector, orjson.dumps(want).decode())["endpoint"]
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
            supervisor = Supervisor(load(None, _settings(endpoint, folder)))
            supervisor.start()
            supervisor.wait_ready(Life())
            before, began = cpu_by_process(supervisor), time.perf_counter()
            write_line(detector, "go")
            while not supervisor.status.get("closed"):
                supervisor.hear(50)
            after, wall = cpu_by_process(supervisor), time.perf_counter() - began
            closed = supervisor.status["closed"][0]
            supervisor.stop()
            supervisor.keep_logs()
    finally:
        detector.kill()
        detector.communicate()
    costs = {name: round((after[name] - before[name]) / frames * 1e3, 1) for name in after}
    yield {
        "name": f"hrtem-{SIZE}-frame-to-result",
        "cpu_ms_per_frame": round(sum(costs.values()), 1),
        "by_process": costs,
        "frames_per_s": round(frames / wall, 2),
        "frames": frames,
        "processed": closed["account"]["processed"],
        "lost": frames - closed["account"]["archived"],
        "latency_ms": closed["latency_ms"],
        "anchor": GOAL,
        "ratio": None,
    }


def _settings(endpoint: str, folder: str) -> dict[str, Any]:
    return {
        "source": {"url": f"dectris+{endpoint}"},
        "analysis": {"name": "hrtem", "workers": 1, "policy": "wait", "batch_size": 1},
        "archive": {"folder": folder},
        "viewer": {"enabled": False},
    }


def series(images: list[np.ndarray], frames: int, rate: float) -> Iterator[Message]:
    """One series of the detector, in time."""
    shape = images[0].shape
    packed = [encode(image, "bslz4") for image in images]
    calibration = {"pixel_size_nm": [PIXEL, PIXEL], "voltage_kV": 300.0, "origin": "phantom"}
    yield RunStart(
        "bench",
        "1",
        expected=frames,
        shape=(shape[0], shape[1]),
        dtype="<u2",
        calibration=calibration,
        time_ns=time.time_ns(),
    )
    due = time.monotonic()
    for number in range(frames):
        due += 1 / rate
        time.sleep(max(0.0, due - time.monotonic()))
        data = {"data": packed[number % len(packed)]}
        yield Frame("bench", "1", number, data, detector_ns=time.time_ns())
    yield RunStop("bench", "1", time_ns=time.time_ns())


def main() -> None:
    """Be the detector."""
    from ...models.phantoms.hrtem import make

    want = orjson.loads(sys.stdin.readline())
    size = want["size"]
    phantoms = [make(seed, (size, size), pixel_nm=PIXEL) for seed in range(1, DISTINCT + 1)]
    sink = open_sink("dectris+tcp://127.0.0.1:*")
    sys.stdout.write(orjson.dumps({"endpoint": sink.endpoint}).decode() + "\n")
    sys.stdout.flush()
    sys.stdin.readline()
    images = [np.ascontiguousarray(phantom.image, "<u2") for phantom in phantoms]
    for message in series(images, want["frames"], want["rate"]):
        while not sink.send(message, 0.2):
            pass
    sys.stdin.readline()  # until it is killed: a detector stays


if __name__ == "__main__":
    main()
