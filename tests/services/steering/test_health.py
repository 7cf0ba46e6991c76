"""What pauses a scan although nobody pressed anything: loss, silence, and results that are old."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import bluesky.plan_stubs as bps
import bluesky.plans as bp
import numpy as np
import pytest
import xarray as xr
from bluesky import Msg, RunEngine
from bluesky.suspenders import SuspendBoolLow
from bluesky.utils import RunEngineInterrupted

from beamside.services.steering import (
    Envelope,
    Feed,
    Limits,
    Reading,
    ServiceSignal,
    Wheel,
    guarded,
)
from beamside.stream import wire
from beamside.stream.messages import Result

from .camera import Camera
from .conftest import Service
from .helmed import Helmed
from .test_guarding import Moved, visit
from .test_reading import soon, started

WIDE = Envelope({"x": Limits(-10, 10)})


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """A machine of tests may be so busy that nobody speaks for seconds."""
    monkeypatch.setattr("beamside.services.steering.health.SILENT_S", 300.0)
    return monkeypatch


@pytest.fixture
def health(service: Service, feed: Feed) -> Iterator[ServiceSignal]:
    started(service, feed)
    one = ServiceSignal(feed)
    yield one
    one.close()


def test_the_health_of_the_service_is_a_signal(service: Service, feed: Feed) -> None:
    signal = ServiceSignal(feed)
    told: list[float] = []
    signal.subscribe(lambda value, **_: told.append(value))
    service.status("7", account={"missing": 2})
    assert soon(lambda: told == [1.0, 0.0])
    assert "2 frames are missing" in signal.reason
    service.status("8", account={"missing": 0})
    assert soon(lambda: told == [1.0, 0.0, 1.0])
    signal.close()


@pytest.mark.parametrize("said", [{"account": {"missing": 1}}, {"run_status": "incomplete"}])
def test_a_scan_under_a_stock_suspender_goes_on_after_a_frame_was_lost(
    service: Service, feed: Feed, engine: RunEngine, said: dict[str, Any]
) -> None:
    started(service, feed)
    health = ServiceSignal(feed, settled_s=0.2)
    told: list[float] = []
    health.subscribe(lambda value, **_: told.append(value))
    speaking = threading.Event()

    def speak() -> None:
        while not speaking.wait(0.02):
            service.status("7", **said)

    speaker = threading.Thread(target=speak)
    speaker.start()
    assert soon(lambda: told[-1:] == [0.0])
    engine.install_suspender(SuspendBoolLow(health))
    engine(bps.null())
    speaking.set()
    speaker.join()
    assert told == [1.0, 0.0, 1.0]
    assert "run 7" in health.reason  # a person may still want to know
    service.status("7", account={"missing": 2})  # the next one counts again
    assert soon(lambda: told == [1.0, 0.0, 1.0, 0.0])
    health.close()


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"account": {"missing": 3}}, "3 frames are missing"),
        ({"account": {"refused_frames": 1}}, "1 frames are missing or could not be read"),
        ({"run_status": "incomplete"}, "run 7 is incomplete"),
    ],
)
def test_an_account_that_is_not_whole_pauses_the_scan_until_a_person_lets_it_go_on(
    service: Service, health: ServiceSignal, engine: RunEngine, said: dict[str, Any], words: str
) -> None:
    x = Moved()

    def plan() -> Iterator[Msg]:
        yield from bps.mv(x.axis, 1)
        service.status("7", **said)
        while not health.reason:
            yield from bps.sleep(0.01)
        yield from bps.mv(x.axis, 2)

    with pytest.raises(RunEngineInterrupted):
        engine(guarded(plan(), WIDE, health=health))
    assert words in health.reason
    assert x.sent == [1]
    engine.resume()
    assert x.sent == [1, 2]
    service.status("7", account={"missing": 9})  # what is lost after that counts again
    assert soon(lambda: "9 frames" in health.reason)


def test_a_loss_is_told_on_the_page_where_there_is_a_wheel(
    tmp_path: Path, service: Service, health: ServiceSignal, feed: Feed, engine: RunEngine
) -> None:
    x = Moved()
    helmed = Helmed(tmp_path, partial(service.status, account={"missing": 2}))
    helmed.post(action="mode", mode="auto")
    assert soon(lambda: health.reason)
    with Wheel(helmed.page, feed, name="ann", engine=engine) as wheel:
        with pytest.raises(RunEngineInterrupted):
            engine(guarded(visit(x, 1), WIDE, wheel=wheel, health=health))
        assert soon(lambda: "run 7: 2 frames are missing" in (helmed.helm.paused or ""))
        engine.resume()
    assert x.sent == [1]
    assert [e["event"] for e in helmed.events("pause", "resume")] == ["pause", "resume"]
    helmed.close()


def test_no_frame_is_exposed_while_results_are_stale(
    service: Service, feed: Feed, engine: RunEngine
) -> None:
    started(service, feed)
    health, camera = ServiceSignal(feed, stale_s=0.1), Camera(lambda number: None)
    waiting = {"received": 9, "processed": 4, "skipped_frames": 2}

    def told() -> str:
        service.status("7", account=waiting)
        return health.reason

    assert soon(told)
    assert "results are stale: none for 0 s, and 3 frames wait for one" in health.reason
    with pytest.raises(RunEngineInterrupted):
        engine(guarded(bp.count([camera]), WIDE, health=health))
    with pytest.raises(RunEngineInterrupted):  # that nobody can accept away
        engine.resume()
    assert camera.frame_number == -1
    service.status("7", account=waiting | {"processed": 7})
    assert soon(lambda: not health.reason)
    engine.resume()
    assert camera.frame_number == 0
    health.close()


def test_a_service_that_is_silent_pauses_the_scan(
    service: Service, health: ServiceSignal, engine: RunEngine, patience: pytest.MonkeyPatch
) -> None:
    x = Moved()
    patience.setattr("beamside.services.steering.health.SILENT_S", 0.05)
    assert soon(lambda: "has been silent" in health.reason)
    with pytest.raises(RunEngineInterrupted):
        engine(guarded(visit(x, 1), WIDE, health=health))
    assert not x.sent
    patience.setattr("beamside.services.steering.health.SILENT_S", 300.0)
    service.status("7")
    assert soon(lambda: not health.reason)
    engine.resume()
    assert x.sent == [1]


@pytest.mark.parametrize("year", [1971, 2200])
def test_a_service_whose_clock_is_wrong_is_steered_by_all_the_same(
    service: Service, health: ServiceSignal, feed: Feed, year: int
) -> None:
    then = (year - 1970) * 31_556_952 * 10**9
    reading = Reading(feed, {"score": "score"}, frame=lambda: 3)
    waiting = reading.trigger()
    data = xr.Dataset({"score": ("frame", np.array([5.0]))})
    said = Result("det", "7", (3,), "sharp", data, done_ns=then, received_ns=then, detector_ns=then)
    service.bus.send(wire.encode(said))
    assert waiting.exception(10) is None
    assert reading.read()["beamside_score"]["value"] == 5.0
    assert abs(reading.read()["beamside_score"]["timestamp"] - time.time()) < 60
    assert not health.reason
