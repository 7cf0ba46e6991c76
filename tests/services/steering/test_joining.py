"""Each row has the result of its own frame of its own series, or fails in words."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from typing import Any

import orjson
import pytest

from beamside.services.steering import Feed, LostResultError, Reading
from beamside.services.steering.waiting import Waiting
from beamside.stream import wire
from beamside.stream.messages import RunStart

from .camera import Camera
from .conftest import Service
from .test_reading import soon, started


class Slow(Camera):
    """A camera that counts a frame when its exposure is done, as areaDetectors do."""

    def trigger(self) -> Waiting:
        exposing = Waiting()
        threading.Thread(target=self._later, args=(exposing,)).start()
        return exposing

    def _later(self, exposing: Waiting) -> None:
        time.sleep(0.03)
        self.frame_number += 1
        self._answer(self.frame_number)
        exposing.end()


def score(reading: Reading) -> Any:
    return reading.read()["beamside_score"]["value"]


def test_a_camera_that_is_armed_anew_for_each_scan_is_never_given_the_frame_before(
    service: Service, feed: Feed
) -> None:
    started(service, feed, "1")
    camera = Camera(lambda n: service.result("1", n, 111.0))
    reading = Reading(feed, {"score": "score"}, frame=camera.number, camera=camera)
    assert reading.trigger().exception(10) is None
    camera.frame_number, camera._answer = -1, lambda n: None  # armed again: nobody told us yet
    for one in (reading, Reading(feed, {"score": "score"}, frame=camera.number, camera=camera)):
        camera.frame_number = -1
        waiting = one.trigger()
        time.sleep(0.05)
        assert not waiting.done
    service.start("2")
    service.stop("1")
    service.result("2", 0, 222.0)
    assert waiting.exception(10) is None
    assert (score(one), one.read()["beamside_run"]["value"]) == (222.0, "2")


def test_results_from_before_a_scan_are_of_no_frame_of_it(service: Service, feed: Feed) -> None:
    started(service, feed, "1")
    for number in range(300):  # more than are kept
        service.result("1", number, 111.0)
    assert soon(lambda: feed.result("1", 299))
    reading = Reading(feed, {"score": "score"}, frame=lambda: 0)
    reading.stage()
    waiting = reading.trigger()
    assert not waiting.done
    service.start("2")
    service.result("2", 0, 222.0)
    assert waiting.exception(10) is None
    assert score(reading) == 222.0


def test_a_frame_that_may_be_of_either_run_is_of_none(service: Service, feed: Feed) -> None:
    started(service, feed, "1")
    waiting = Reading(feed, {"score": "score"}, frame=lambda: 0).trigger()
    started(service, feed, "2")
    service.result("1", 0, 111.0)
    error = waiting.exception(10)
    assert isinstance(error, LostResultError)
    assert "frame 0 may be of run 1 or of 2" in str(error)


def test_a_frame_that_is_not_in_a_run_that_ended_is_of_the_next(
    service: Service, feed: Feed
) -> None:
    started(service, feed, "1")
    reading = Reading(feed, {"score": "score"}, frame=lambda: 0)
    waiting = reading.trigger()
    service.start("2")
    service.result("2", 0, 222.0)
    service.stop("1")
    assert waiting.exception(10) is None
    assert score(reading) == 222.0


def test_a_run_that_nobody_has_told_of_yet_is_waited_for(service: Service, feed: Feed) -> None:
    reading = Reading(feed, {"score": "score"}, frame=lambda: 0)
    waiting = reading.trigger()
    assert not waiting.done
    service.start("2")
    service.result("2", 0, 222.0)
    assert waiting.exception(10) is None
    late = Reading(feed, {"score": "score"}, frame=lambda: 0, timeout=0.05)
    service.stop("2")
    assert soon(lambda: feed.run is None)
    assert "no run is open: has the detector been armed?" in str(late.trigger().exception(10))


@pytest.mark.parametrize("stopped", [True, False])
def test_a_run_of_the_same_name_after_a_restart_has_results_of_its_own(
    service: Service, feed: Feed, stopped: bool
) -> None:
    started(service, feed, "7")
    camera = Camera(lambda n: service.result("7", n, 111.0))
    reading = Reading(feed, {"score": "score"}, frame=camera.number, camera=camera)
    assert reading.trigger().exception(10) is None
    service.status("7", account={"missing_ranges": [[1, 9]]})
    if stopped:
        service.stop("7")
    service.start("7")
    assert soon(lambda: feed.result("7", 0) is None)
    assert score(reading) == 111.0  # what was read once stays what it was
    assert not feed.status["account"]
    camera.frame_number, camera._answer = -1, lambda n: service.result("7", n, 222.0)
    assert reading.trigger().exception(10) is None
    assert score(reading) == 222.0


def test_a_begin_that_nobody_heard_of_forgets_the_run_before(service: Service, feed: Feed) -> None:
    started(service, feed, "7")
    service.result("7", 0, 111.0)
    service.stop("7")
    service.status("7")
    assert soon(lambda: feed.run == "7" and feed.result("7", 0) is None)


def test_a_camera_that_counts_late_and_is_triggered_apart_is_refused_in_words(
    service: Service, feed: Feed
) -> None:
    started(service, feed)
    camera = Slow(lambda n: service.result("7", n, float(n)))
    fields = {"score": "score"}
    apart = Reading(feed, fields, frame=camera.number, name="apart", timeout=0.1)
    together = Reading(feed, fields, frame=camera.number, camera=camera)
    assert together.trigger().exception(10) is None  # a look before the scan: frame 0
    apart.stage()
    camera.trigger()
    error = apart.trigger().exception(10)
    assert "frame 0 of run 7 had its result before this trigger" in str(error)
    assert "give the Reading camera=" in str(error)
    assert soon(lambda: camera.frame_number == 1)
    for number in (2, 3):
        assert together.trigger().exception(10) is None
        assert score(together) == number


def raises() -> int:
    raise RuntimeError("no number yet")


@pytest.mark.parametrize(
    ("frame", "run", "words"),
    [
        (raises, None, "RuntimeError: no number yet"),
        (lambda: None, None, "gave None"),
        (lambda: math.nan, None, "can't tell which frame"),
        (lambda: -1, None, "gave -1: no frame was counted yet"),
        (lambda: 0, raises, "RuntimeError: no number yet"),
        (lambda: 0, lambda: None, "run.* gave None"),
    ],
)
def test_a_camera_that_cannot_say_which_frame_it_took_fails_in_words(
    service: Service, feed: Feed, frame: Callable[[], Any], run: Any, words: str
) -> None:
    started(service, feed)
    camera = Slow(lambda n: None)
    reading = Reading(feed, {"score": "score"}, frame=frame, run=run, camera=camera)
    with pytest.raises(LostResultError, match=words):
        raise reading.trigger().exception(5) or AssertionError


def test_an_exposure_that_never_ends_fails_in_time(feed: Feed) -> None:
    camera = Camera(lambda n: None)
    camera.trigger = Waiting  # type: ignore[method-assign]
    reading = Reading(feed, {"score": "score"}, frame=lambda: 0, camera=camera, timeout=0.05)
    assert "exposure has not ended after 0.05 s" in str(reading.trigger().exception(5))


BAD: list[Any] = [
    {"account": 7},
    {"account": {"missing_ranges": [[1]]}},
    {"account": {"missing_ranges": 5, "missing": "many"}},
    {"run": ["7"], "account": {"missing_ranges": [["a", "b"]]}},
    {"readers": [1], "alarms": 5, "choices": 5, "closed": {}},
    {"readers": {"analysis": 5}},
]


@pytest.mark.parametrize("bad", BAD)
def test_a_malformed_notice_is_survived_by_all_who_wait(
    service: Service, feed: Feed, bad: dict[str, Any]
) -> None:
    started(service, feed)
    waiting, late = feed.wait("7", 3, 10), feed.wait("7", 4, 0.05)
    notice = {"kind": "status", "source": "det", "state": "running", "run": "7", **bad}
    service.bus.send([orjson.dumps(notice)])
    service.result("7", 3, 1.0)
    assert waiting.exception(10) is None
    assert isinstance(late.exception(10), LostResultError)
    assert feed.roi is None


def fails(done: Waiting) -> None:
    raise RuntimeError("a callback's own mistake")


@pytest.mark.expects_errors
def test_a_callback_that_raises_costs_nobody_else_their_result(
    service: Service, feed: Feed
) -> None:
    started(service, feed)
    first, second = feed.wait("7", 3, 10), feed.wait("7", 4, 10)
    told: list[Any] = []
    first.add_callback(fails)
    first.add_callback(told.append)
    service.result("7", 3, 1.0)
    service.result("7", 4, 1.0)
    assert second.exception(10) is None
    assert told == [first]


def test_who_waits_hears_that_the_feed_was_closed(service: Service, feed: Feed) -> None:
    started(service, feed)
    before = feed.wait("7", 3, 60)
    feed.close()
    for waiting in (before, feed.wait("7", 3, 60)):
        assert "clos" in str(waiting.exception(5))


def test_of_two_sources_the_first_is_taken_and_the_other_told_of_once(
    service: Service, feed: Feed, caplog: pytest.LogCaptureFixture
) -> None:
    started(service, feed)
    for run in ("7", "8"):
        service.bus.send(wire.encode(RunStart("another", run)))
    service.result("7", 3, 1.0)
    assert soon(lambda: feed.result("7", 3))
    assert feed.run == "7"
    assert [r.message for r in caplog.records if "two sources" in r.message] == [
        f"two sources are heard at {feed.endpoint}, 'det' and 'another': only 'det' is taken; "
        "say source= to choose"
    ]
