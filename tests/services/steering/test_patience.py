from __future__ import annotations

from typing import Any

import bluesky.plans as bp
import pytest
from bluesky import RunEngine
from bluesky.utils import FailedStatus, RunEngineInterrupted

from beamside.services.steering import Axis, Feed, LostResultError, Reading, patient

from .camera import Camera
from .conftest import Service
from .test_reading import started

pytestmark = pytest.mark.expects_errors  # bluesky logs a plan that fails


class Flaky:
    """A camera whose frames of some numbers get no result."""

    def __init__(self, service: Service, feed: Feed, dropped: set[int]) -> None:
        started(service, feed)
        self.place = [0.0]
        self.axis = Axis("x", lambda: self.place[-1], self.place.append)
        self.dropped, self.service = dropped, service
        self.camera = Camera(self.answer)
        self.reading = Reading(
            feed, {"score": "score"}, frame=self.camera.number, camera=self.camera, timeout=0.3
        )
        self.events: list[dict[str, Any]] = []

    def answer(self, number: int) -> None:
        if number not in self.dropped:
            self.service.result("7", number, self.place[-1])

    def keep(self, name: str, doc: dict[str, Any]) -> None:
        if name == "event":
            self.events.append(doc["data"])


def test_a_lost_result_pauses_the_scan_and_the_frame_is_taken_again(
    service: Service, feed: Feed, engine: RunEngine
) -> None:
    one = Flaky(service, feed, dropped={2, 3, 5})
    engine.subscribe(one.keep)
    reasons: list[str] = []
    with pytest.raises(RunEngineInterrupted):
        engine(patient(bp.scan([one.reading], one.axis, 0, 4, 5), reasons.append))
    pauses = 1
    while engine.state == "paused":
        try:
            engine.resume()
        except RunEngineInterrupted:
            pauses += 1
    assert pauses == len(reasons) == 3
    assert "no result of frame 2 of run 7" in reasons[0]
    assert [e["beamside_score"] for e in one.events] == [0, 1, 2, 3, 4]
    assert [e["x"] for e in one.events] == [0, 1, 2, 3, 4]
    assert [e["beamside_frame"] for e in one.events] == [0, 1, 4, 6, 7]


def test_a_failure_of_another_kind_is_not_waited_for(
    service: Service, feed: Feed, engine: RunEngine
) -> None:
    one = Flaky(service, feed, dropped=set())
    one.place.append(99.0)
    broken = Axis("x", lambda: 0.0, lambda value: 1 / 0)
    with pytest.raises(FailedStatus):
        engine(patient(bp.scan([one.reading], broken, 0, 4, 5)))


def test_a_paused_scan_can_be_aborted(service: Service, feed: Feed, engine: RunEngine) -> None:
    one = Flaky(service, feed, dropped={1})
    stops: list[str] = []
    engine.subscribe(lambda name, doc: stops.append(doc["exit_status"]), "stop")
    with pytest.raises(RunEngineInterrupted):
        engine(patient(bp.scan([one.reading], one.axis, 0, 4, 5)))
    engine.abort()
    assert stops == ["abort"]


def test_without_patience_the_same_scan_fails_in_words(
    service: Service, feed: Feed, engine: RunEngine
) -> None:
    one = Flaky(service, feed, dropped={1})
    with pytest.raises(FailedStatus) as raised:
        engine(bp.scan([one.reading], one.axis, 0, 4, 5))
    assert isinstance(raised.value.__cause__, LostResultError)
