from __future__ import annotations

import math
import pickle
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import event_model
import h5py
import numpy as np
import orjson
import pytest
import xarray as xr
import zmq
from bluesky.callbacks.zmq import Publisher as BlueskyPublisher
from bluesky.callbacks.zmq import RemoteDispatcher

from beamside.services.steering import Feed
from beamside.services.steering.analysis_run import AnalysisRun
from beamside.stream import wire
from beamside.stream.documents import Documents, Publisher
from beamside.stream.messages import Message, Result, RunStart, RunStop
from beamside.stream.nexus import write_results

from .conftest import Service
from .test_reading import soon

START = RunStart("det", "7", shape=(4, 4), dtype="<u2", calibration={"pixel_size_nm": [0.1, 0.1]})
STOP = RunStop("det", "7", "complete")


def result(number: int, error: str | None = None) -> Result:
    data = xr.Dataset(
        {
            "score": ("frame", np.array([number / 2]), {"units": "nm"}),
            "spectrum": (("frame", "energy"), np.full((1, 5), float(number))),
            "word": ("frame", np.array(["text"])),
        },
        coords={"x": ("frame", np.array([10.0 * number]), {"units": "um"})},
    )
    data = data if error is None else xr.Dataset()
    return Result("det", "7", (number,), "sharp", data, error=error, done_ns=time.time_ns())


def run_of(service: Service, feed: Feed, path: Path, *callbacks: Any) -> None:
    one = AnalysisRun(feed, *callbacks, raw_uid={"7": "uid-of-the-raw-run"}.__getitem__)
    results = [result(0), result(1), result(2, "no light"), result(3)]
    written = write_results(path, "archive", START, results, STOP)
    messages: list[Message] = [START, *results, results[0], STOP]
    for message in messages:
        service.bus.send(wire.encode(message))
    closed = [{"run": "7", "archive": str(written[0]), "account": {"archived": 4}}]
    until = time.monotonic() + 10
    while one._runs or not feed.result("7", 3):
        service.status(None, archive={"path": str(path)}, closed=closed)
        assert time.monotonic() < until
        time.sleep(0.02)
    one.close()


def test_results_are_a_valid_bluesky_run_that_points_into_the_archive(
    service: Service, feed: Feed, tmp_path: Path
) -> None:
    said: list[tuple[str, dict[str, Any]]] = []
    run_of(service, feed, tmp_path, lambda name, doc: said.append((name, doc)))
    for name, doc in said:
        plain = orjson.loads(orjson.dumps(doc))
        event_model.schema_validators[event_model.DocumentNames[name]].validate(plain)

    def by_name(name: str) -> list[dict[str, Any]]:
        return [doc for one, doc in said if one == name]

    assert (said[0][0], said[-1][0]) == ("start", "stop")
    assert by_name("start")[0]["raw_uid"] == "uid-of-the-raw-run"
    assert by_name("stop")[0]["exit_status"] == "success"
    events = [event["data"] for event in by_name("event")]
    assert [event["frame"] for event in events] == [0, 1, 2, 3]
    assert [event["x"] for event in events[:2]] == [0, 10]
    assert math.isnan(events[2]["score"])
    assert "word" not in events[0]
    primary = by_name("descriptor")[0]
    assert primary["data_keys"]["score"]["units"] == "nm"
    resource = next(d for d in by_name("stream_resource") if d["data_key"] == "sharp_spectrum")
    assert resource["mimetype"] == "application/x-hdf5"
    with h5py.File(resource["uri"].removeprefix("file://localhost")) as file:
        there = file[resource["parameters"]["dataset"]]
        assert there.shape[1:] == (5,)
        assert there[1, 0] == 1
    (datum, _) = by_name("stream_datum")
    assert datum["indices"] == {"start": 0, "stop": 4}


def test_a_listener_that_came_late_and_never_saw_the_end_still_closes_its_run(
    service: Service, feed: Feed
) -> None:
    names: list[str] = []
    one = AnalysisRun(feed, lambda name, doc: names.append(name))
    service.bus.send(wire.encode(result(8)))
    assert soon(lambda: "event" in names)
    one.close()
    assert names == ["start", "descriptor", "event", "stop"]


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


def test_bluesky_s_own_dispatcher_reads_them_behind_its_proxy(
    service: Service, feed: Feed, tmp_path: Path, proxy: tuple[str, str]
) -> None:
    heard: list[str] = []
    dispatcher = RemoteDispatcher(proxy[1], prefix=b"beamside", deserializer=orjson.loads)
    dispatcher.subscribe(lambda name, doc: heard.append(name))
    thread = threading.Thread(target=_run, args=(dispatcher,))
    thread.start()
    publisher = Publisher(proxy[0], prefix=b"beamside")
    documents = Documents(proxy[1])
    attacker = BlueskyPublisher(proxy[0].removeprefix("tcp://"), serializer=pickle.dumps)
    until = time.monotonic() + 30
    while not (heard and any(True for _ in documents.receive())) and time.monotonic() < until:
        publisher("stop", {"uid": "1", "run_start": "0", "time": 0.0, "exit_status": "success"})
        attacker("start", {"uid": "evil"})
        time.sleep(0.05)
    time.sleep(0.2)
    assert {name for name, _ in documents.receive()} <= {"stop"}
    assert documents.refused["pickle"] > 0
    heard.clear()
    run_of(service, feed, tmp_path, publisher)
    assert soon(lambda: "stop" in heard)
    assert heard.count("event") == 4
    ours = [name for name, _ in documents.receive()]
    assert ours == heard
    task: Any = dispatcher._task
    dispatcher.loop.call_soon_threadsafe(task.cancel)
    thread.join(10)
    for end in (publisher, attacker, documents):
        end.close()


def _run(dispatcher: RemoteDispatcher) -> None:
    try:
        dispatcher.start()
    except BaseException:  # cancelled: that is its way to stop
        return
