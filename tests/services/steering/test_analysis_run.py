from __future__ import annotations

import asyncio
import contextlib
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
from bluesky.callbacks.best_effort import BestEffortCallback
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
        assert there.shape == (3, 5)  # the frame without a result has no row
        assert there[1, 0] == 1
    (datum, _) = by_name("stream_datum")
    assert datum["indices"] == {"start": 0, "stop": 3}


def test_bluesky_s_own_table_shows_the_numbers_of_results(
    service: Service, feed: Feed, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = BestEffortCallback()
    table.disable_plots()
    run_of(service, feed, tmp_path, table)
    rows = [line.split("|") for line in capsys.readouterr().out.splitlines() if "|" in line]
    head = [name.strip() for name in rows[0]]
    scores = [row[head.index("score")].strip() for row in rows[1:]]
    assert scores == ["0.000", "0.500", "nan", "1.500"]


def test_a_listener_that_came_late_and_never_saw_the_end_still_closes_its_run(
    service: Service, feed: Feed
) -> None:
    names: list[str] = []
    one = AnalysisRun(feed, lambda name, doc: names.append(name))
    service.bus.send(wire.encode(result(8)))
    assert soon(lambda: "event" in names)
    one.close()
    assert names == ["start", "descriptor", "event", "stop"]


def test_a_result_that_comes_after_the_end_opens_no_second_run(
    service: Service, feed: Feed
) -> None:
    names: list[str] = []
    one = AnalysisRun(feed, lambda name, doc: names.append(name), archive_s=0)
    for message in (START, result(0), STOP):
        service.bus.send(wire.encode(message))

    def ended() -> bool:
        service.status(None)
        return "stop" in names

    assert soon(ended)
    before = list(names)
    service.bus.send(wire.encode(result(1)))
    assert soon(lambda: feed.result("7", 1))
    assert names == before
    service.bus.send(wire.encode(START))  # a run of that name begins anew
    assert soon(lambda: names[len(before) :] == ["start"])
    one.close()


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


WARM: dict[str, Any] = {"uid": "1", "run_start": "0", "time": 0.0, "exit_status": "success"}
"""Sent until everybody listens."""


class Dispatched:
    """What bluesky's own dispatcher hears, in a thread that ends with the test, however it goes."""

    def __init__(self, address: str) -> None:
        self.heard: list[tuple[str, str]] = []
        self._dispatcher = RemoteDispatcher(address, prefix=b"beamside", deserializer=orjson.loads)
        self._dispatcher.subscribe(lambda name, doc: self.heard.append((name, doc["uid"])))
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Dispatched:
        self._thread.start()
        assert soon(lambda: self._dispatcher._task is not None)
        return self

    def __exit__(self, *_: object) -> None:
        task: Any = self._dispatcher._task
        self._dispatcher.loop.call_soon_threadsafe(task.cancel)
        self._thread.join(10)

    def _run(self) -> None:
        with contextlib.suppress(asyncio.CancelledError):  # that is its way to stop
            self._dispatcher.start()


def test_bluesky_s_own_dispatcher_reads_them_behind_its_proxy(
    service: Service, feed: Feed, tmp_path: Path, proxy: tuple[str, str]
) -> None:
    publisher = Publisher(proxy[0], prefix=b"beamside")
    attacker = BlueskyPublisher(proxy[0].removeprefix("tcp://"), serializer=pickle.dumps)
    ours: list[tuple[str, str]] = []
    with (
        contextlib.closing(publisher),
        contextlib.closing(attacker),
        contextlib.closing(Documents(proxy[1])) as documents,
        Dispatched(proxy[1]) as theirs,
    ):

        def listen() -> list[tuple[str, str]]:
            ours.extend((name, doc["uid"]) for name, doc in documents.receive())
            return ours

        until = time.monotonic() + 30
        while not (theirs.heard and listen() and documents.refused["pickle"]):
            assert time.monotonic() < until
            publisher("stop", WARM)
            attacker("start", {"uid": "evil"})
            time.sleep(0.02)
        run_of(service, feed, tmp_path, publisher)
        assert soon(lambda: real(theirs.heard)[-1:] and real(theirs.heard)[-1][0] == "stop")
        assert soon(lambda: real(listen()) == real(theirs.heard))
    assert [name for name, _ in real(ours)].count("event") == 4
    assert ("start", "evil") not in ours


def real(heard: list[tuple[str, str]]) -> list[tuple[str, str]]:
    return [one for one in heard if one[1] != WARM["uid"]]
