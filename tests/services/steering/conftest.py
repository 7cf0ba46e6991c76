from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import orjson
import pytest
import xarray as xr
from bluesky import RunEngine

from beamside.services.notices import Bus
from beamside.services.steering import Feed
from beamside.stream import wire
from beamside.stream.messages import Result, RunStart, RunStop


class Service:
    """What a service publishes, on a real socket."""

    def __init__(self, bus: Bus) -> None:
        self.bus = bus

    def start(self, run: str) -> None:
        self.bus.send(wire.encode(RunStart("det", run)))

    def stop(self, run: str) -> None:
        self.bus.send(wire.encode(RunStop("det", run)))

    def result(
        self, run: str, frame: int, score: float, error: str | None = None, name: str = "score"
    ) -> None:
        data = xr.Dataset(
            {name: ("frame", np.array([score])), "grain_frame": ("grain", np.zeros(3, int))}
        )
        if error is not None:
            data = xr.Dataset()
        self.bus.send(wire.encode(Result("det", run, (frame,), "sharp", data, error=error)))

    def status(self, run: str | None, **said: Any) -> None:
        state = "running" if run else "idle"
        notice = {"kind": "status", "source": "det", "state": state, "run": run, **said}
        self.bus.send([orjson.dumps(notice)])


@pytest.fixture
def service() -> Iterator[Service]:
    bus = Bus(["tcp://127.0.0.1:*"])
    yield Service(bus)
    bus.close()


@pytest.fixture
def feed(service: Service) -> Iterator[Feed]:
    with Feed(service.bus.addresses[0]) as feed:
        until = time.monotonic() + 10
        while not feed.status and time.monotonic() < until:  # a late listener misses what was said
            service.status(None)
            time.sleep(0.01)
        yield feed


@pytest.fixture
def engine() -> Iterator[RunEngine]:
    engine = RunEngine({}, context_managers=[])  # of a test: no signal handlers
    yield engine
    if engine.state == "paused":  # a test failed: its plan is not to be found by a later one
        engine.abort()
    engine.loop.call_soon_threadsafe(engine.loop.stop)
    engine._th.join(5)
    engine.loop.close()
