"""A whole service is steered: a real RunEngine, people on the page, all of it archived."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import bluesky.plan_stubs as bps
import httpx
import numpy as np
import pytest
import zmq
from bluesky import Msg, RunEngine

from beamside.services.steering import (
    Axis,
    Envelope,
    Feed,
    HeldError,
    Limits,
    Reading,
    RefusedError,
    Wheel,
    guarded,
    patient,
)
from beamside.services.steering.plans import scan_until
from beamside.services.steering.waiting import Waiting
from beamside.stream.decompress import encode
from beamside.stream.documents import Publisher
from beamside.stream.messages import Frame, RunStart, RunStop
from beamside.stream.nexus import read_result
from beamside.stream.sinks import ZmqSink
from beamside.stream.urls import parse_url

pytestmark = [pytest.mark.timeout(120), pytest.mark.expects_errors]
SHAPE = (8, 8)
BUS = '[bus]\nresults = "ipc://{}/results"\n'


class Microscope:
    """A stage, and a camera whose images are brighter further out; its frames go to the service."""

    name = "microscope"
    parent = None

    def __init__(self, sink: ZmqSink) -> None:
        self.sink, self.frames, self.places = sink, 0, [0.0]
        self.x = Axis("x", lambda: self.places[-1], self.places.append, units="um")

    def trigger(self) -> Waiting:
        image = np.full(SHAPE, int(self.places[-1]), "<u2")
        assert self.sink.send(Frame("x", "1", self.frames, {"data": encode(image)}))
        self.frames += 1
        done = Waiting()
        done.end()
        return done

    def number(self) -> int:
        return self.frames - 1


@pytest.fixture
def microscope(tmp_path: Path) -> Iterator[Microscope]:
    sink = ZmqSink(parse_url(f"dectris+ipc://{tmp_path}/detector?bind=0"))
    yield Microscope(sink)
    sink.close(0)


@pytest.fixture
def proxy() -> Iterator[tuple[str, str]]:
    """A real proxy of bluesky: where to publish, and where to listen."""
    with zmq.Context() as context, context.socket(zmq.PUB) as a, context.socket(zmq.PUB) as b:
        ports = [s.bind_to_random_port("tcp://127.0.0.1") for s in (a, b)]
    program = "from bluesky.callbacks.zmq import Proxy; import sys; Proxy(*sys.argv[1:]).start()"
    ends = [f"tcp://127.0.0.1:{port}" for port in ports]
    with subprocess.Popen([sys.executable, "-W", "ignore", "-c", program, *ends]) as process:
        yield ends[0], ends[1]
        process.terminate()


@pytest.fixture
def engine() -> Iterator[RunEngine]:
    engine = RunEngine({}, context_managers=[])
    yield engine
    engine.loop.call_soon_threadsafe(engine.loop.stop)
    engine._th.join(5)
    engine.loop.close()


def moves(axis: Axis, *places: float) -> Iterator[Msg]:
    for place in places:
        yield from bps.checkpoint()
        yield from bps.mv(axis, place)


def test_a_scan_is_watched_stopped_and_archived_with_its_reasons(
    command: Callable[..., Any],
    instrument: Callable[..., Path],
    microscope: Microscope,
    engine: RunEngine,
    proxy: tuple[str, str],
    until: Callable[..., Any],
    tmp_path: Path,
) -> None:
    settings = instrument("sum", more="port = 0\n" + BUS.format(tmp_path))
    more = ["--set", "viewer.enabled=true", "--set", "source.end_timeout_s=60"]
    more += ["--set", f"documents.address={proxy[1]}"]
    service = command("run", str(settings), "--runs", "1", "--json", *more)
    address = re.findall(r"http://\S+", service.wait_for("page "))[0]
    service.wait_for("ready")
    page = httpx.Client(base_url=address.partition("?")[0], trust_env=False)
    page.headers["authorization"] = f"Bearer {address.partition('token=')[2]}"

    def shown() -> dict[str, Any]:
        return dict(page.get("api/v1/steering").json())

    def documents() -> dict[str, Any]:
        return dict(page.get("api/v1/status").json()["status"]["documents"])

    def post(**wish: Any) -> httpx.Response:
        return page.post("api/v1/steering", json={"by": "ann", **wish})

    envelope = Envelope({"x": Limits(0, 10)})
    publisher = Publisher(proxy[0])  # early: what is sent before it is connected is lost
    microscope.sink.send(RunStart("x", "1", shape=SHAPE, dtype="<u2"))
    with Feed(f"ipc://{tmp_path}/results") as feed:
        until(lambda: feed.run == "1")
        reading = Reading(feed, {"counts": "total"}, frame=microscope.number, camera=microscope)
        with Wheel(address, feed, name="scanner", engine=engine) as wheel:
            with pytest.raises(HeldError, match="scanner holds the wheel"):
                Wheel(address, feed, name="another").__enter__()
            # in mode advise, a person has the word
            thread = threading.Thread(
                target=lambda: engine(guarded(moves(microscope.x, 5), envelope, wheel=wheel))
            )
            thread.start()
            told = until(lambda: shown()["waiting"])[0]
            assert microscope.places == [0.0]
            assert post(action="accept", id=told["id"]).json()["event"]["by"] == "ann"
            thread.join(20)
            assert microscope.places == [0.0, 5.0]
            # in mode auto, the scan runs, within the envelope
            assert post(action="mode", mode="auto").status_code == 200
            until(lambda: wheel.mode == "auto")
            engine.subscribe(publisher)
            plan = scan_until([reading], microscope.x, range(1, 5), lambda row: False)
            engine(guarded(patient(plan), envelope, wheel=wheel))
            until(lambda: documents().get("joined") == 4)
            with pytest.raises(RefusedError, match="outside"):
                engine(guarded(moves(microscope.x, 11), envelope, wheel=wheel))
            # the stop on the page
            endless = moves(microscope.x, *(float(n % 9) for n in range(100_000)))
            thread = threading.Thread(target=lambda: _stopped(engine, endless, envelope, wheel))
            thread.start()
            pressed = time.monotonic()
            assert post(action="stop", words="smoke").status_code == 200
            until(lambda: engine.state == "paused")
            assert time.monotonic() - pressed < 2
            thread.join(20)
            assert shown()["stopped"]["words"] == "smoke"
            assert post(action="clear").status_code == 200
            engine.abort()
        until(lambda: not shown()["holder"])
    microscope.sink.send(RunStop("x", "1"))
    said = service.end(60)
    page.close()
    assert (said["code"], said["processed"]) == (0, 4)
    publisher.close()
    _archived(said["archive"])
    sums = read_result(Path(said["archive"]), "sum")
    assert sums["x"].values.tolist() == [1000, 2000, 3000, 4000]  # it said um
    assert sums["x"].attrs["units"] == "nm"
    assert (sums["total"] == sums["x"] / 1000 * 64).all()
    assert "smoke" in (tmp_path / "archive" / "steering.jsonl").read_text()


def _stopped(engine: RunEngine, plan: Any, envelope: Envelope, wheel: Wheel) -> None:
    from bluesky.utils import RunEngineInterrupted

    with pytest.raises(RunEngineInterrupted):
        engine(guarded(plan, envelope, wheel=wheel))


def _archived(path: str) -> None:
    import h5py

    with h5py.File(path) as file:
        events = json.loads(file["entry/account/json"].asstr()[()])["events"]
    kinds = [event["event"] for event in events]
    for kind in (
        "take",
        "suggest",
        "accept",
        "mode",
        "done",
        "refused",
        "stop",
        "clear",
        "release",
    ):
        assert kind in kinds, kind
    scan = [e for e in events if e["event"] == "done" and e["plan"] == "scan_until"]
    assert [e["reason"]["frame"] for e in scan][-3:] == [0, 1, 2]
    assert scan[-1]["reason"]["values"]["beamside_counts"] == 3 * 64
    assert {e["by"] for e in events if e["event"] in ("accept", "stop", "clear")} == {"ann"}
