from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from bluesky import RunEngine
from bluesky_adaptive.protocols import Optimizer

from beamside.services.steering import (
    Axis,
    Envelope,
    Feed,
    Limits,
    Reading,
    RefusedError,
    guarded,
    plans,
)
from beamside.services.steering.optimiser import GaussianProcess
from beamside.services.steering.waiting import Waiting

from .camera import Camera
from .conftest import Service
from .test_reading import started


class Stage:
    """Axes y, x and focus of a simulated microscope; what it sees is a function of them."""

    def __init__(self, service: Service, feed: Feed, sees: Callable[..., float]) -> None:
        started(service, feed)
        self.at = {"y": 0.0, "x": 0.0, "focus": 0.0}
        self.axes = {name: self._axis(name) for name in self.at}
        self.looks: list[dict[str, float]] = []
        self.sees = sees
        self.service = service
        camera = Camera(self._answer, delay=0)
        self.reading = Reading(feed, {"score": "score"}, frame=camera.number, camera=camera)

    def _axis(self, name: str) -> Axis:
        return Axis(name, lambda: self.at[name], lambda value: self.at.__setitem__(name, value))

    def _answer(self, number: int) -> None:
        self.looks.append(dict(self.at))
        self.service.result("7", number, self.sees(**self.at))


@pytest.fixture
def stage(service: Service, feed: Feed) -> Callable[[Callable[..., float]], Stage]:
    return lambda sees: Stage(service, feed, sees)


def test_autofocus_finds_the_best_focus_with_few_frames(stage: Any, engine: RunEngine) -> None:
    one = stage(lambda focus, **_: float(np.exp(-0.5 * ((focus - 37) / 30) ** 2)))
    engine(
        plans.autofocus([one.reading], one.axes["focus"], "beamside_score", -100, 100, tolerance=2)
    )
    assert abs(one.at["focus"] - 37) < 2
    assert len(one.looks) <= 10


@pytest.mark.expects_errors
@pytest.mark.parametrize(
    ("score", "words"), [(1.0, "is 1"), (0.0, "is 0"), (np.nan, "is no number")]
)
def test_where_no_focus_is_better_than_another_the_axis_goes_back(
    stage: Any, engine: RunEngine, score: float, words: str
) -> None:
    one = stage(lambda **_: score)
    one.at["focus"] = 5.0
    plan = plans.autofocus(
        [one.reading], one.axes["focus"], "beamside_score", -100, 100, tolerance=2
    )
    with pytest.raises(ValueError, match=rf"beamside_score {words} at all 5 places.*back at 5"):
        engine(plan)
    assert one.at["focus"] == 5.0


def test_stigmators_are_turned_one_after_the_other(stage: Any, engine: RunEngine) -> None:
    one = stage(lambda y, x, **_: float(-((y - 3) ** 2) - (x + 2) ** 2 - 0.5 * (y - 3) * (x + 2)))
    axes = [one.axes["y"], one.axes["x"]]
    engine(plans.stigmate([one.reading], axes, "beamside_score", 6, tolerance=0.2))
    assert abs(one.at["y"] - 3) < 0.5
    assert abs(one.at["x"] + 2) < 0.5


def test_a_feature_is_centred(stage: Any, engine: RunEngine) -> None:
    one = stage(lambda x, **_: float(np.exp(-0.5 * ((x - 1.3) / 0.5) ** 2)))
    engine(plans.center_on([one.reading], one.axes["x"], "beamside_score", -5, 5))
    assert abs(one.at["x"] - 1.3) < 0.05


@pytest.mark.expects_errors
@pytest.mark.parametrize("score", [3.0, float("nan"), float("inf"), -float("inf")])
def test_where_nothing_is_to_be_centred_the_axis_goes_back(
    stage: Any, engine: RunEngine, score: float
) -> None:
    one = stage(lambda **_: score)
    one.at["x"] = 0.75
    with pytest.raises(ValueError, match="no centre in it"):
        engine(plans.center_on([one.reading], one.axes["x"], "beamside_score", -5, 5))
    assert one.at["x"] == 0.75


def test_a_scan_stops_when_it_has_enough(stage: Any, engine: RunEngine) -> None:
    one = stage(lambda x, **_: float(x))
    enough = lambda row: row["beamside_score"] >= 3  # noqa: E731
    engine(plans.scan_until([one.reading], one.axes["x"], range(100), enough))
    assert [look["x"] for look in one.looks] == [0, 1, 2, 3]


def test_a_raster_is_refined_where_it_is_worth_it(stage: Any, engine: RunEngine) -> None:
    one = stage(lambda y, x, **_: float(y > 1.5 and x > 1.5))
    axes, places = [one.axes["y"], one.axes["x"]], [range(3), range(3)]
    engine(plans.refine_where([one.reading], axes, "beamside_score", places, lambda v: v > 0.5))
    assert len(one.looks) == 9 + 8
    assert all(look["y"] > 1.5 and look["x"] > 1.5 for look in one.looks[9:])


def test_a_phase_is_hunted_with_fewer_frames_than_a_raster(stage: Any, engine: RunEngine) -> None:
    one = stage(lambda y, x, **_: float(np.hypot(y - 8, x - 3) < 1.6))
    axes, places = [one.axes["y"], one.axes["x"]], [range(12), range(12)]
    engine(plans.hunt([one.reading], axes, "beamside_score", places, stop_at=9, dwell=2))
    assert sum(one.sees(**look) for look in one.looks[:-2]) == 9
    assert len(one.looks) < 70
    assert one.sees(**one.looks[-1]) == 1


def test_a_map_is_made_where_it_is_uncertain(stage: Any, engine: RunEngine) -> None:
    one = stage(lambda y, x, **_: float(np.sin(3 * y) + x))
    axes = [one.axes["y"], one.axes["x"]]
    optimiser = GaussianProcess({"y": (0, 1), "x": (0, 1)}, "beamside_score", boldness=float("inf"))
    assert isinstance(optimiser, Optimizer)
    engine(plans.adaptive_map([one.reading], axes, "beamside_score", optimiser, frames=12))
    assert len(one.looks) == 12
    at = np.random.default_rng(0).random((50, 2))
    assert np.abs(optimiser.predict(at)[0] - np.sin(3 * at[:, 0]) - at[:, 1]).max() < 0.3


@pytest.mark.expects_errors
def test_a_column_that_is_not_read_is_named(stage: Any, engine: RunEngine) -> None:
    one = stage(lambda **_: 1.0)
    with pytest.raises(LookupError, match=r"no column 'sharp' is read; there are: .*score"):
        engine(plans.autofocus([one.reading], one.axes["focus"], "sharp", 0, 1, tolerance=0.1))


class Pair:
    """Two readings of one camera, for two plans."""

    def __init__(self, service: Service, feed: Feed, wrong: int = -1) -> None:
        started(service, feed)
        self.places: list[float] = [0.0]
        self.taken = 0
        self.service, self.wrong = service, wrong
        self.readings = [self._reading(feed, name) for name in ("one", "two")]
        self.axis = Axis("x", lambda: self.places[-1], self.places.append)

    def _reading(self, feed: Feed, name: str) -> Reading:
        camera = Camera(lambda number: None, delay=0)

        def shot() -> Any:
            camera.frame_number = self.taken
            self.taken += 1
            self.service.result("7", camera.frame_number, self.places[-1])
            if camera.frame_number == self.wrong:
                raise OSError("the shutter is stuck")
            waiting = Waiting()
            waiting.end()
            return waiting

        camera.trigger = shot  # type: ignore[method-assign]
        return Reading(feed, {"score": "score"}, name=name, frame=camera.number, camera=camera)

    def plan(self, n: int, places: Any) -> Any:
        return plans.scan_until([self.readings[n]], self.axis, places, lambda row: False)

    def turns(self) -> Any:
        return plans.by_turns({"up": self.plan(0, range(4)), "down": self.plan(1, (9, 8))})


def test_plans_by_turns_are_runs_of_their_own(
    service: Service, feed: Feed, engine: RunEngine
) -> None:
    pair, said = Pair(service, feed), list[tuple[str, Any]]()
    engine.subscribe(lambda name, doc: said.append((name, doc)))
    engine(pair.turns())
    assert pair.places[1:] == [0, 9, 1, 8, 2, 3]
    scores = [doc["data"] for name, doc in said if name == "event"]
    assert [row["one_score"] for row in scores if "one_score" in row] == [0, 1, 2, 3]
    assert [row["two_score"] for row in scores if "two_score" in row] == [9, 8]
    starts = [doc["uid"] for name, doc in said if name == "start"]
    stops = [doc["run_start"] for name, doc in said if name == "stop"]
    assert sorted(starts) == sorted(stops)
    assert len(starts) == 2


@pytest.mark.expects_errors
@pytest.mark.parametrize("wrong", [0, 1, 3])
def test_where_one_of_two_plans_fails_both_close_their_runs(
    service: Service, feed: Feed, engine: RunEngine, wrong: int
) -> None:
    pair, said = Pair(service, feed, wrong), list[tuple[str, Any]]()
    engine.subscribe(lambda name, doc: said.append((name, doc)))
    with pytest.raises(OSError, match="shutter"):
        engine(pair.turns())
    stops = [doc["exit_status"] for name, doc in said if name == "stop"]
    assert stops == ["fail"] * sum(name == "start" for name, _ in said)
    assert pair.taken == wrong + 1


class Rote:
    """An optimiser that says what it was told to say."""

    def __init__(self, *places: Any) -> None:
        self.places = list(places)
        self.told: list[float] = []
        self.failed: list[Any] = []

    def suggest(self, num_points: int | None = None) -> list[dict[str, Any]]:
        place = self.places.pop(0)
        if isinstance(place, Exception):
            raise place
        return [{"_id": len(self.told), "x": place}]

    def ingest(self, points: Any) -> None:
        self.told += [point["beamside_score"] for point in points]

    def register_failures(self, suggestions: Any) -> None:
        self.failed += [one["x"] for one in suggestions]


def rote_map(one: Stage, optimiser: Rote, frames: int) -> Any:
    plan = plans.adaptive_map(
        [one.reading], [one.axes["x"]], "beamside_score", optimiser, frames=frames
    )
    return guarded(plan, Envelope({"x": Limits(-1, 1)}))


def test_what_is_refused_or_no_number_is_never_told_as_a_value(
    stage: Any, engine: RunEngine
) -> None:
    one = stage(lambda x, **_: float("nan") if x == 0.5 else x)
    optimiser = Rote(0.25, 7.0, 0.5, float("nan"), "abc", None, 1.0)
    engine(rote_map(one, optimiser, frames=3))
    assert optimiser.told == [0.25, 1.0]
    assert optimiser.failed[:2] == [7.0, 0.5]
    assert [look["x"] for look in one.looks] == [0.25, 0.5, 1.0]


@pytest.mark.expects_errors
@pytest.mark.parametrize("wrong", [[ArithmeticError("singular matrix")], [9.0] * 20])
def test_an_optimiser_that_fails_ends_the_plan_and_closes_its_run(
    stage: Any, engine: RunEngine, wrong: list[Any]
) -> None:
    one = stage(lambda x, **_: float(x))
    stops: list[str] = []
    engine.subscribe(lambda name, doc: stops.append(doc["exit_status"]), "stop")
    with pytest.raises((ArithmeticError, RefusedError)):
        engine(rote_map(one, Rote(0.25, *wrong), frames=30))
    assert stops == ["fail"]
    assert one.at["x"] == 0.25


def test_the_gaussian_process_keeps_away_from_what_failed() -> None:
    process = GaussianProcess({"x": (0.0, 1.0)}, "score")
    first = process.suggest(1)[0]
    process.register_failures([first])
    assert all(abs(one["x"] - first["x"]) > 0.1 for one in process.suggest(20))
