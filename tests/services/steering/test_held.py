"""What is sent again after a pause is asked about again."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import bluesky.plan_stubs as bps
import pytest
from bluesky import Msg, RunEngine
from bluesky.utils import RunEngineInterrupted

from beamside.services.steering.held import Held

from .camera import Camera
from .test_guarding import Moved
from .test_reading import soon
from .test_wheel import in_background

pytestmark = pytest.mark.expects_errors  # bluesky logs an interruption


class Authority:
    """Somebody who may forbid."""

    def __init__(self, engine: RunEngine | None) -> None:
        self.words, self.engine = "", engine

    def asked(self) -> str:
        return self.words

    def paused(self, words: str) -> bool:
        if self.engine is not None:
            threading.Thread(target=self.engine.request_pause).start()
        return self.engine is not None


def step(x: Moved, camera: Camera, authority: Authority) -> Iterator[Msg]:
    axis, camera_ = Held(x.axis, authority), Held(camera, authority)
    yield Msg("checkpoint")
    yield Msg("set", axis, 3.0, group="move")
    yield Msg("wait", None, group="move")
    yield Msg("trigger", camera_, group="expose")
    yield Msg("wait", None, group="expose")
    yield from bps.sleep(0.01)
    yield Msg("pause", None, defer=False)
    yield from bps.sleep(0.01)


def test_a_rewind_sends_nothing_that_is_forbidden_by_now(engine: RunEngine) -> None:
    x, camera, authority = Moved(), Camera(lambda n: None), Authority(engine)
    with pytest.raises(RunEngineInterrupted):
        engine(step(x, camera, authority))
    sent, taken = len(x.sent), camera.frame_number
    authority.words = "the emergency stop is pressed"
    for _ in range(2):
        with pytest.raises(RunEngineInterrupted):
            engine.resume()
    assert (len(x.sent), camera.frame_number) == (sent, taken)
    authority.words = ""
    engine.resume()
    assert (len(x.sent), camera.frame_number) == (sent + 1, taken + 1)


def test_where_nobody_can_pause_the_scan_it_waits_until_it_may(engine: RunEngine) -> None:
    x, authority = Moved(), Authority(None)
    authority.words = "steering is switched off"

    def move() -> Iterator[Msg]:
        yield Msg("set", Held(x.axis, authority), 3.0, group="move")
        yield Msg("wait", None, group="move")

    thread, raised = in_background(lambda: engine(move()))
    time.sleep(0.2)
    assert x.sent == []
    authority.words = ""
    assert soon(lambda: x.sent == [3.0])
    thread.join(5)
    assert not raised


def test_it_is_the_device_in_all_else() -> None:
    x = Moved()
    held = Held(x.axis, Authority(None))
    assert held == x.axis
    assert {held} == {x.axis}
    assert held.name == "x"
    assert held.read()["x"]["value"] == 0.0
    held.stop()
