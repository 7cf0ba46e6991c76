from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from bluesky import RunEngine
from bluesky_adaptive.plans import optimize, optimize_in_run
from bluesky_adaptive.protocols import EvaluationFunction, OptimizationProblem

from beamside.services.steering import Axis, Evaluate, Feed, LostResultError, Reading

from .camera import Camera
from .conftest import Service
from .test_reading import started


class Thirds:
    """An optimiser by rote: three places at a time, kept with what they gave."""

    def __init__(self) -> None:
        self.told: list[Mapping[str, Any]] = []
        self.failed: list[Mapping[str, Any]] = []
        self.asked: dict[Any, float] = {}

    def suggest(self, num_points: int | None = None) -> Sequence[Mapping[str, Any]]:
        first = len(self.asked)
        places = [{"_id": first + n, "focus": float((7 * (first + n)) % 5)} for n in range(3)]
        self.asked |= {place["_id"]: place["focus"] for place in places}
        return places

    def ingest(self, points: Sequence[Mapping[str, Any]]) -> None:
        self.told += points

    def register_failures(self, suggestions: Sequence[Mapping[str, Any]]) -> None:
        self.failed += suggestions

    def get_best_points(self) -> Sequence[tuple[Any, Mapping[str, Any], Mapping[str, Any]]]:
        return []


def problem(
    service: Service,
    feed: Feed,
    engine: RunEngine,
    bad: int = -1,
    score_of_bad: float | None = None,
) -> tuple[Any, Thirds]:
    started(service, feed)
    place = [0.0]
    focus = Axis("focus", lambda: place[0], lambda value: place.__setitem__(0, value))

    def answer(n: int) -> None:
        score = 10 * focus.position
        error = "no light" if n == bad and score_of_bad is None else None
        service.result("7", n, score if n != bad else score_of_bad or 0.0, error=error)

    camera = Camera(answer)
    reading = Reading(feed, {"score": "score"}, frame=camera.number, camera=camera)
    evaluate = Evaluate(reading)
    engine.subscribe(evaluate.document)
    optimizer = Thirds()
    assert isinstance(evaluate, EvaluationFunction)
    asked = OptimizationProblem(
        optimizer=optimizer, actuators=[focus], sensors=[reading], evaluation_function=evaluate
    )
    return asked, optimizer


@pytest.mark.parametrize("plan", [optimize, optimize_in_run])
def test_each_suggestion_gets_its_own_outcome_however_they_were_ordered(
    service: Service, feed: Feed, engine: RunEngine, plan: Any
) -> None:
    asked, optimizer = problem(service, feed, engine)
    engine(plan(asked, iterations=3, n_points=3))
    assert len(optimizer.told) == 9
    assert all(one["score"] == 10 * optimizer.asked[one["_id"]] for one in optimizer.told)


@pytest.mark.expects_errors
@pytest.mark.parametrize("score", [None, float("inf")])
def test_an_outcome_that_is_no_number_is_told_to_the_optimiser_as_a_failure(
    service: Service, feed: Feed, engine: RunEngine, score: float | None
) -> None:
    asked, optimizer = problem(service, feed, engine, bad=1, score_of_bad=score)
    with pytest.raises(LostResultError, match="no number"):
        engine(optimize(asked, n_points=3))
    assert len(optimizer.failed) == 3
    assert not optimizer.told


def test_an_outcome_that_the_reading_does_not_have_is_refused(feed: Feed) -> None:
    with pytest.raises(ValueError, match="no field 'sharp'; it has: score"):
        Evaluate(Reading(feed, {"score": "score"}, frame=int), ["sharp"])
