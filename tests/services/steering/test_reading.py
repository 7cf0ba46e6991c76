from __future__ import annotations

import math
import threading
import time
from typing import Any

import bluesky.plans as bp
import pytest
from bluesky import RunEngine
from bluesky.suspenders import SuspendFloor
from bluesky.utils import FailedStatus

from beamside.services.steering import (
    Axis,
    Feed,
    LostResultError,
    Reading,
    ResultSignal,
)

from .camera import Camera
from .conftest import Service


def soon(what: Any, seconds: float = 20) -> bool:
    until = time.monotonic() + seconds
    while not what() and time.monotonic() < until:
        time.sleep(0.005)
    return bool(what())


def started(service: Service, feed: Feed, run: str = "7") -> None:
    service.start(run)
    assert soon(lambda: feed.run == run)


def test_a_scan_reads_the_result_of_each_of_its_frames(
    service: Service, feed: Feed, engine: RunEngine
) -> None:
    started(service, feed)
    where: list[float] = []
    focus = Axis("focus", lambda: where[-1] if where else 0.0, where.append, units="nm")
    camera = Camera(lambda n: service.result("7", n, -((focus.position - 1) ** 2)))
    sharp = Reading(
        feed, {"score": "score", "grains": "count(grain)"}, frame=camera.number, camera=camera
    )
    events: list[dict[str, Any]] = []
    engine.subscribe(lambda name, doc: events.append(doc["data"]) if name == "event" else None)
    engine(bp.scan([sharp], focus, -2, 2, 5))
    assert [e["beamside_score"] for e in events] == [-9, -4, -1, 0, -1]
    assert [e["beamside_frame"] for e in events] == [0, 1, 2, 3, 4]
    assert {e["beamside_run"] for e in events} == {"7"}
    assert {e["beamside_grains"] for e in events} == {3}


def test_a_result_that_comes_before_it_is_asked_for_is_found(service: Service, feed: Feed) -> None:
    started(service, feed)
    service.result("7", 4, 0.5)
    assert soon(lambda: feed.result("7", 4))
    reading = Reading(feed, {"score": "score"}, frame=lambda: 4)
    assert reading.trigger().success
    assert reading.read()["beamside_score"]["value"] == 0.5


def test_a_result_of_another_run_is_not_taken(service: Service, feed: Feed) -> None:
    started(service, feed, "6")
    service.result("6", 0, 111.0)
    service.stop("6")
    started(service, feed, "7")
    waiting = (reading := Reading(feed, {"score": "score"}, frame=lambda: 0)).trigger()
    time.sleep(0.1)
    assert not waiting.done
    service.result("7", 0, 2.0)
    assert soon(lambda: waiting.done)
    assert reading.read()["beamside_score"]["value"] == 2.0


def test_a_result_that_never_comes_ends_in_words(service: Service, feed: Feed) -> None:
    started(service, feed)
    service.status("7", readers={"analysis": {"queue": 12}}, alarms=["the disk is full"])
    assert soon(lambda: feed.status.get("run") == "7")
    reading = Reading(feed, {"score": "score"}, frame=lambda: 3, timeout=0.05)
    error = reading.trigger().exception(5)
    assert isinstance(error, LostResultError)
    assert "frame 3 of run 7" in str(error)
    assert "analysis 12" in str(error)
    assert "the disk is full" in str(error)


def test_a_frame_that_was_skipped_is_not_waited_for(service: Service, feed: Feed) -> None:
    started(service, feed)
    waiting = Reading(feed, {"score": "score"}, frame=lambda: 3, timeout=60).trigger()
    service.status("7", account={"skipped_ranges": [[2, 5]]})
    assert "skipped it" in str(waiting.exception(5))


@pytest.mark.expects_errors
def test_a_lost_result_fails_the_plan_and_does_not_hang_it(
    service: Service, feed: Feed, engine: RunEngine
) -> None:
    started(service, feed)
    camera = Camera(lambda n: None)
    reading = Reading(feed, {"score": "score"}, frame=camera.number, camera=camera, timeout=0.05)
    with pytest.raises(FailedStatus):
        engine(bp.count([reading]))


def test_an_analysis_that_failed_reads_as_not_a_number(service: Service, feed: Feed) -> None:
    started(service, feed)
    reading = Reading(feed, {"score": "score"}, frame=lambda: 1)
    waiting = reading.trigger()
    service.result("7", 1, 0.0, error="too dark")
    assert waiting.exception(5) is None
    assert math.isnan(reading.read()["beamside_score"]["value"])


def test_an_unknown_field_is_named_with_those_that_are_there(service: Service, feed: Feed) -> None:
    started(service, feed)
    reading = Reading(feed, {"x": "sharpnes"}, frame=lambda: 1)
    waiting = reading.trigger()
    service.result("7", 1, 1.0)
    assert waiting.exception(5) is None
    with pytest.raises(LookupError, match=r"no variable 'sharpnes'; it has: .*score"):
        reading.read()


def test_a_stock_suspender_stops_and_resumes_a_scan(
    service: Service, feed: Feed, engine: RunEngine
) -> None:
    started(service, feed)
    scores = [1.0, 0.1]  # the second is poor: the scan waits until somebody makes it better
    camera = Camera(lambda n: service.result("7", n, scores[n] if n < len(scores) else 1.0))
    reading = Reading(feed, {"score": "score"}, frame=camera.number, camera=camera)
    engine.install_suspender(SuspendFloor(ResultSignal(feed, "score"), 0.5, resume_thresh=0.8))
    better = threading.Timer(0.4, lambda: service.result("7", 999, 1.0))
    better.start()
    read: list[int] = []
    engine.subscribe(
        lambda name, doc: read.append(doc["data"]["beamside_frame"]) if name == "event" else None
    )
    begun = time.monotonic()
    engine(bp.count([reading], num=4))
    better.join()
    assert time.monotonic() - begun > 0.3
    assert sorted(set(read)) == read  # a rewound scan takes a new frame, and reads that one
    assert len(read) >= 4
