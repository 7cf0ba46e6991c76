from __future__ import annotations

import math
import time
from collections.abc import Iterator
from typing import Any

import bluesky.plan_stubs as bps
import bluesky.plans as bp
import numpy as np
import pytest
from bluesky import Msg, RunEngine

from beamside.services.steering import Axis, Dose, Envelope, Limits, RefusedError, Spent, guarded
from beamside.services.steering.plans import autofocus

from .camera import Camera

pytestmark = pytest.mark.expects_errors  # bluesky logs a plan that fails


class Moved:
    """An axis that remembers where it was sent."""

    def __init__(self, name: str = "x", at: float = 0.0) -> None:
        self.sent: list[float] = []
        self.axis = Axis(name, lambda: self.sent[-1] if self.sent else at, self.sent.append)


@pytest.fixture
def x() -> Moved:
    return Moved()


def visit(x: Moved, *places: Any) -> Iterator[Msg]:
    for place in places:
        yield from bps.mv(x.axis, place)


@pytest.mark.parametrize("bad", [10.5, -11, math.nan, math.inf, "in", None])
def test_no_suggestion_passes_the_limits_and_the_axis_is_not_moved(
    engine: RunEngine, x: Moved, bad: Any
) -> None:
    envelope = Envelope({"x": Limits(-10, 10)})
    with pytest.raises(RefusedError, match=r"x to .*(outside|finite)"):
        engine(guarded(visit(x, 1, -10, bad, 2), envelope))
    assert x.sent == [1, -10]


def test_an_axis_that_nobody_named_is_not_moved(engine: RunEngine, x: Moved) -> None:
    with pytest.raises(RefusedError, match=r"x is not in the envelope, which names: focus"):
        engine(guarded(visit(x, 1), Envelope({"focus": Limits()})))
    assert not x.sent


def test_a_step_is_measured_from_where_the_axis_is(engine: RunEngine) -> None:
    x = Moved(at=5.0)
    envelope = Envelope({"x": Limits(step=2)})
    with pytest.raises(RefusedError, match=r"from 5 to 8 is a larger step than 2"):
        engine(guarded(visit(x, 8), envelope))
    engine(guarded(visit(x, 7, 9), envelope))
    assert x.sent == [7, 9]


def test_moves_that_come_too_soon_wait(engine: RunEngine, x: Moved) -> None:
    began = time.monotonic()
    engine(guarded(visit(x, 1, 2, 3), Envelope({"x": Limits(rate=20)})))
    assert time.monotonic() - began >= 0.1
    assert x.sent == [1, 2, 3]


def test_the_moves_of_a_session_are_counted_over_its_plans(engine: RunEngine, x: Moved) -> None:
    envelope, spent = Envelope({"x": Limits()}, moves=3), Spent()
    engine(guarded(visit(x, 1, 2), envelope, spent=spent))
    with pytest.raises(RefusedError, match="3 moves"):
        engine(guarded(visit(x, 3, 4), envelope, spent=spent))
    assert x.sent == [1, 2, 3]


def test_frames_are_counted_before_they_are_taken(engine: RunEngine, x: Moved) -> None:
    camera = Camera(lambda n: None)
    with pytest.raises(RefusedError, match="4 frames"):
        engine(guarded(bp.scan([camera], x.axis, 0, 9, 10), Envelope({"x": Limits()}, frames=4)))
    assert camera.frame_number == 3


def test_the_detector_s_own_count_knows_of_frames_that_no_plan_took(
    engine: RunEngine, x: Moved
) -> None:
    camera = Camera(lambda n: None)
    camera.frame_number = 7
    envelope = Envelope({"x": Limits()}, frames=10)
    plan = bp.scan([camera], x.axis, 0, 9, 10)
    with pytest.raises(RefusedError, match="10 frames"):
        engine(guarded(plan, envelope, exposures=lambda: camera.frame_number + 1))
    assert camera.frame_number == 9


def test_a_dose_is_shared_by_frames_of_one_place(engine: RunEngine, x: Moved) -> None:
    camera = Camera(lambda n: None)
    envelope = Envelope({"x": Limits()}, dose=Dose(per_frame=10, limit=25, axes=("x",), field=1.0))
    engine(guarded(bp.scan([camera], x.axis, 0, 40, 5), envelope))
    with pytest.raises(RefusedError, match="a dose of 30"):
        engine(guarded(bp.scan([camera], x.axis, 0, 1, 5), envelope))


@pytest.mark.parametrize("number", [np.int64, np.float32, int])
def test_a_dose_is_counted_where_the_axis_was_sent_by_any_kind_of_number(
    engine: RunEngine, x: Moved, number: Any
) -> None:
    spent, camera = Spent(), Camera(lambda n: None)
    dose = Dose(per_frame=1, limit=2, axes=("x",), field=1.0)

    def frames(places: list[int]) -> Iterator[Msg]:
        for place in places:
            yield from bps.mv(x.axis, number(place))
            yield from bps.trigger_and_read([camera])

    plan = bps.open_run(), frames([100, 0, 100, 100])
    with pytest.raises(RefusedError, match="a dose of 3"):
        engine(
            guarded(
                (message for part in plan for message in part),
                Envelope({"x": Limits()}, dose=dose),
                spent=spent,
            )
        )
    assert spent.lit == [(100.0,), (0.0,), (100.0,)]


@pytest.mark.parametrize("bad", [math.nan, True, "7"])
def test_a_rate_alone_still_wants_a_number(engine: RunEngine, x: Moved, bad: Any) -> None:
    with pytest.raises(RefusedError, match="finite number"):
        engine(guarded(visit(x, bad), Envelope({"x": Limits(rate=50)})))
    assert not x.sent


def test_a_plan_of_ours_that_is_refused_cleans_up(engine: RunEngine, x: Moved) -> None:
    stops: list[str] = []
    engine.subscribe(lambda name, doc: stops.append(doc["exit_status"]), "stop")
    camera = Camera(lambda n: None)
    plan = autofocus([camera], x.axis, "camera_frame", -100, 100, tolerance=1)
    with pytest.raises(RefusedError):
        engine(guarded(plan, Envelope({"x": Limits(-20, 20)})))
    assert stops == ["fail"]
    assert all(abs(place) <= 20 for place in x.sent)


def test_a_plan_may_go_on_after_a_refusal(engine: RunEngine, x: Moved) -> None:
    def stubborn() -> Iterator[Msg]:
        for place in (1, 99, 2):
            try:
                yield from bps.mv(x.axis, place)
            except RefusedError:
                continue

    engine(guarded(stubborn(), Envelope({"x": Limits(-10, 10)})))
    assert x.sent == [1, 2]


def test_random_suggestions_never_leave_the_envelope(engine: RunEngine, x: Moved) -> None:
    random = np.random.default_rng(0)
    wanted = np.concatenate([random.normal(0, 8, 60), [np.nan, np.inf, -np.inf]])
    random.shuffle(wanted)

    def wild() -> Iterator[Msg]:
        for place in wanted:
            try:
                yield from bps.mv(x.axis, float(place))
            except RefusedError:
                continue

    engine(guarded(wild(), Envelope({"x": Limits(-10, 10, step=6)})))
    assert x.sent
    assert all(abs(place) <= 10 for place in x.sent)
    assert all(abs(b - a) <= 6 for a, b in zip([0.0, *x.sent], x.sent, strict=False))


def test_what_flies_by_itself_is_refused(engine: RunEngine, x: Moved) -> None:
    with pytest.raises(RefusedError, match="flies by itself"):
        engine(guarded(iter([Msg("kickoff", x.axis)]), Envelope({"x": Limits()})))


@pytest.mark.parametrize("wrong", [{"low": 1, "high": 0}, {"step": 0}, {"rate": -1}])
def test_limits_with_nothing_between_them_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="are needed"):
        Limits(**wrong)
