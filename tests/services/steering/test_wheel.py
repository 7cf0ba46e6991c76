from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import bluesky.plan_stubs as bps
import orjson
import pytest
from bluesky import Msg, RunEngine
from bluesky.utils import RunEngineInterrupted

from beamside.services.steering import (
    Envelope,
    Feed,
    HeldError,
    Limits,
    Reading,
    RefusedError,
    Wheel,
    guarded,
)
from beamside.services.steering.plans import scan_until
from beamside.services.steering.wheel import Suggestion

from .camera import Camera
from .conftest import Service
from .helmed import Helmed
from .test_guarding import Moved, visit
from .test_reading import soon, started

pytestmark = pytest.mark.expects_errors  # bluesky logs a plan that fails
WIDE = Envelope({"x": Limits(-10, 10)})


@pytest.fixture
def helmed(tmp_path: Path, service: Service, feed: Feed) -> Iterator[Helmed]:
    started(service, feed)
    one = Helmed(tmp_path, service.status)
    yield one
    one.close()


@pytest.fixture
def x() -> Moved:
    return Moved()


def in_background(call: Callable[[], Any]) -> tuple[threading.Thread, list[BaseException]]:
    raised: list[BaseException] = []

    def work() -> None:
        try:
            call()
        except BaseException as error:
            raised.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    return thread, raised


def waiting(helmed: Helmed) -> dict[str, Any]:
    assert soon(lambda: helmed.helm.waiting)
    return dict(next(iter(helmed.helm.waiting.values())))


def test_one_steerer_holds_the_wheel_and_the_other_is_told_who(helmed: Helmed, feed: Feed) -> None:
    with Wheel(helmed.page, feed, name="ann's focus"):
        with pytest.raises(HeldError, match="ann's focus holds the wheel since"):
            Wheel(helmed.page, feed, name="bob").__enter__()
        assert helmed.helm.as_json()["holder"]["name"] == "ann's focus"
    with Wheel(helmed.page, feed, name="bob"):
        assert helmed.helm.lease.name == "bob"
    assert [e["event"] for e in helmed.events()] == ["take", "release", "take", "release"]


def test_a_holder_that_is_not_heard_of_loses_the_wheel(helmed: Helmed, feed: Feed) -> None:
    helmed.post(action="take", by="a crashed one", lease_s=1)
    assert helmed.post(action="take", by="bob").status_code == 409
    time.sleep(1.05)
    assert helmed.post(action="take", by="bob").status_code == 200


def test_an_accepted_suggestion_is_done_and_a_rejected_one_is_not(
    helmed: Helmed, feed: Feed, engine: RunEngine, x: Moved
) -> None:
    with Wheel(helmed.page, feed, name="hunter", engine=engine) as wheel:
        thread, raised = in_background(lambda: engine(guarded(visit(x, 3, 4), WIDE, wheel=wheel)))
        told = waiting(helmed)
        assert (told["by"], told["moves"]["x"]["to"]) == ("hunter", 3)
        assert not x.sent  # it waits, and nothing is blocked
        assert helmed.post(action="accept", id=told["id"]).status_code == 200
        assert soon(lambda: x.sent == [3])
        assert soon(lambda: helmed.helm.waiting)
        other = waiting(helmed)
        helmed.post(action="reject", id=other["id"], words="too close to the edge")
        thread.join(10)
    assert x.sent == [3]
    assert isinstance(raised[0], RefusedError)
    assert "ann rejected it: too close to the edge" in str(raised[0])
    kinds = ["suggest", "accept", "suggest", "done", "reject"]
    said = helmed.events(*kinds)
    assert sorted(e["event"] for e in said) == sorted(kinds)
    assert {e["by"] for e in said if e["event"] in ("accept", "reject")} == {"ann"}
    assert helmed.notes == helmed.events()


def test_in_auto_the_reasons_of_each_step_are_kept_and_nobody_waits(
    helmed: Helmed, service: Service, feed: Feed, engine: RunEngine, x: Moved
) -> None:
    helmed.post(action="mode", mode="auto")
    camera = Camera(lambda n: service.result("7", n, 10.0 * n), delay=0)
    reading = Reading(feed, {"score": "score"}, frame=camera.number, camera=camera)
    with Wheel(helmed.page, feed, name="scanner", engine=engine) as wheel:
        plan = scan_until([reading], x.axis, range(5), lambda row: False)
        engine(guarded(plan, WIDE, wheel=wheel))
    done = helmed.events("done")
    assert [e["moves"]["x"]["to"] for e in done] == [0, 1, 2, 3, 4]
    assert [e["reason"]["frame"] for e in done] == [None, 0, 1, 2, 3]
    assert done[2]["reason"]["values"]["beamside_score"] == 10
    assert {e["plan"] for e in done[1:]} == {"scan_until"}
    assert helmed.helm.as_json()["counts"]["suggested"] == 5


def test_what_is_outside_of_the_envelope_is_refused_whatever_people_accept(
    helmed: Helmed, feed: Feed, engine: RunEngine, x: Moved
) -> None:
    with Wheel(helmed.page, feed, name="wild") as wheel, pytest.raises(RefusedError):
        engine(guarded(visit(x, 11), WIDE, wheel=wheel))
    assert not x.sent
    (refused,) = helmed.events("refused")
    assert "outside of the envelope" in refused["words"]


def test_the_emergency_stop_pauses_the_engine_at_once_and_holds_until_it_is_cleared(
    helmed: Helmed, feed: Feed, engine: RunEngine, x: Moved
) -> None:
    helmed.post(action="mode", mode="auto")

    def endless() -> Iterator[Msg]:
        for n in range(100_000):
            yield from bps.checkpoint()
            yield from bps.mv(x.axis, float(n % 7))

    with Wheel(helmed.page, feed, name="runaway", engine=engine) as wheel:
        thread, raised = in_background(lambda: engine(guarded(endless(), WIDE, wheel=wheel)))
        assert soon(lambda: len(x.sent) > 3)
        assert helmed.post(action="stop", words="smoke").status_code == 200
        assert soon(lambda: engine.state == "paused")
        thread.join(10)
        assert isinstance(raised[0], RunEngineInterrupted)
        sent = len(x.sent)
        with pytest.raises(RunEngineInterrupted):  # it can't be talked into going on
            engine.resume()
        assert len(x.sent) == sent  # not the step that was under way either
        assert "ann pressed the emergency stop (smoke)" in wheel.hindrance()
        helmed.restart()
        assert helmed.helm.stopped["words"] == "smoke"
        helmed.post(action="clear")
        assert soon(lambda: not wheel.hindrance())
        sent = len(x.sent)
        thread, raised = in_background(engine.resume)
        assert soon(lambda: len(x.sent) > sent + 3)
        wheel.abort = True
        helmed.post(action="stop")
        thread.join(10)
        assert soon(lambda: engine.state == "idle")  # it aborts in a thread of the wheel's


def test_a_move_that_waited_for_its_rate_asks_again(
    helmed: Helmed, feed: Feed, engine: RunEngine, x: Moved
) -> None:
    helmed.post(action="mode", mode="auto")
    slow = Envelope({"x": Limits(-10, 10, rate=1)})
    with Wheel(helmed.page, feed, name="slow", engine=engine) as wheel:
        assert soon(lambda: wheel.mode == "auto")
        thread, raised = in_background(lambda: engine(guarded(visit(x, 1, 2), slow, wheel=wheel)))
        assert soon(lambda: x.sent == [1])
        helmed.post(action="mode", mode="off")
        thread.join(10)
        assert isinstance(raised[0], RunEngineInterrupted)
        assert x.sent == [1]
        engine.abort()


def test_a_service_that_is_gone_pauses_the_scan_and_a_new_one_lets_it_go_on(
    helmed: Helmed, feed: Feed, engine: RunEngine, x: Moved
) -> None:
    helmed.post(action="mode", mode="auto")
    with Wheel(helmed.page, feed, name="patient", engine=engine, lease_s=1.0) as wheel:
        engine(guarded(visit(x, 1), WIDE, wheel=wheel))
        helmed.answering = False
        assert soon(lambda: "does not answer" in wheel.hindrance())
        with pytest.raises(RunEngineInterrupted):
            engine(guarded(visit(x, 2), WIDE, wheel=wheel))
        assert x.sent == [1]
        helmed.restart()
        helmed.answering = True
        assert soon(lambda: not wheel.hindrance())
        engine.resume()
    assert x.sent == [1, 2]
    assert [e["moves"]["x"]["to"] for e in helmed.events("done")] == [1, 2]


def test_a_suggestion_outlives_a_restart_of_the_service(
    helmed: Helmed, feed: Feed, engine: RunEngine, x: Moved
) -> None:
    with Wheel(helmed.page, feed, name="hunter", lease_s=1.0) as wheel:
        thread, raised = in_background(lambda: engine(guarded(visit(x, 3), WIDE, wheel=wheel)))
        told = waiting(helmed)
        helmed.restart()
        assert not helmed.helm.waiting
        assert waiting(helmed)["id"] == told["id"]
        helmed.post(action="accept", id=told["id"])
        thread.join(10)
    assert (x.sent, raised) == ([3], [])


@pytest.mark.parametrize(
    ("wish", "words"),
    [
        ({"action": "accept", "id": "nothing"}, "does not wait"),
        ({"action": "mode", "mode": "wild"}, "advise, auto, off"),
        ({"action": "tell", "lease": "stolen"}, "holds the wheel"),
        ({"action": "release", "lease": "stolen"}, "not yours"),
    ],
)
def test_what_cannot_be_done_is_answered_in_words(
    helmed: Helmed, wish: dict[str, Any], words: str
) -> None:
    helmed.post(action="take", by="bob")
    answer = helmed.post(**wish)
    assert answer.status_code == 409
    assert words in answer.json()["error"]


def test_nonsense_is_refused(helmed: Helmed, feed: Feed) -> None:
    assert helmed.post(action="explode").status_code == 400
    lease = helmed.post(action="take").json()["lease"]
    for event in ({"event": "done", "moves": 3}, {"event": "clear"}, {}, 3):
        answer = helmed.post(action="tell", lease=lease, events=[event])
        assert answer.status_code == 409
    with pytest.raises(ValueError, match="http"):
        Wheel("tcp://x", feed, name="ann")
    with pytest.raises(HeldError, match="a token is needed"):
        Wheel(helmed.page.partition("?")[0], feed, name="ann").__enter__()


def test_suggestions_outside_of_a_run_are_kept_beside_the_archives(
    helmed: Helmed, feed: Feed, engine: RunEngine, x: Moved, tmp_path: Path
) -> None:
    helmed.post(action="mode", mode="auto")
    helmed.stand_in.ledger.runs.clear()
    with Wheel(helmed.page, feed, name="early") as wheel:
        engine(guarded(visit(x, 1, 2), WIDE, wheel=wheel))
    kept, decided = (
        [orjson.loads(line) for line in (tmp_path / name).read_bytes().splitlines()]
        for name in ("suggestions.jsonl", "steering.jsonl")
    )
    assert [event["moves"]["x"]["to"] for event in kept] == [1, 2]
    assert [event["event"] for event in decided] == ["mode"]


def test_what_happened_in_a_long_outage_is_told_in_pieces(helmed: Helmed, feed: Feed) -> None:
    helmed.post(action="mode", mode="auto")
    values = {f"column_{n}": float(n) for n in range(60)}
    with Wheel(helmed.page, feed, name="long") as wheel:
        helmed.answering = False
        for n in range(600):
            told = Suggestion(f"s{n}", "map", {"run": "7", "frame": n, "values": values})
            told.moves["x"] = {"to": float(n), "from": None, "units": ""}
            wheel.tell("done", told)
        helmed.answering = True
        assert soon(lambda: helmed.helm.counts["done"] == 600, 20)
    assert wheel.hindrance() == ""


def test_an_event_that_is_told_again_counts_once(helmed: Helmed, feed: Feed) -> None:
    with Wheel(helmed.page, feed, name="slow") as wheel:
        lease = wheel._lease
        for _ in range(3):  # no answer came
            events = [{"event": "pause", "n": 1, "words": "one"}, {"event": "nonsense", "n": 2}]
            helmed.post(action="tell", lease=lease, steerer="s", events=events)
        more = [*events, {"event": "resume", "n": 3}]
        assert helmed.post(action="tell", lease=lease, steerer="s", events=more).status_code == 200
    assert [one["event"] for one in helmed.events("pause", "resume")] == ["pause", "resume"]
