from __future__ import annotations

import threading
import time
from typing import Any

import pytest
from bluesky import RunEngine
from bluesky.plan_stubs import checkpoint, mv
from bluesky.utils import RunEngineInterrupted

from beamside.services.steering import Axis

from .test_reading import soon


class Slow:
    """A motor that moves as long as somebody wants."""

    def __init__(self) -> None:
        self.sent: list[float] = []
        self.arrived: list[float] = []
        self.free = threading.Event()
        self.axis = Axis("x", lambda: (self.arrived or [0.0])[-1], self._go)

    def _go(self, value: float) -> None:
        self.sent.append(value)
        assert self.free.wait(20)
        self.arrived.append(value)


def test_two_movers_of_one_axis_are_told_of_each_other() -> None:
    one = Slow()
    first, second = one.axis.set(1), one.axis.set(2)
    with pytest.raises(RuntimeError, match="x is moving already"):
        raise second.exception() or AssertionError
    one.free.set()
    assert soon(lambda: first.success)
    assert one.arrived == [1]


def test_a_move_after_a_halt_waits_for_what_is_under_way() -> None:
    one = Slow()
    first = one.axis.set(1)
    one.axis.stop()
    again, third = one.axis.set(1.5), one.axis.set(9)
    assert isinstance(third.exception(), RuntimeError)
    assert soon(lambda: one.sent == [1])
    one.free.set()
    assert soon(lambda: first.done and again.success)
    assert one.arrived == [1, 1.5]


def test_a_scan_that_is_rewound_in_the_middle_of_a_move_goes_on(engine: RunEngine) -> None:
    one = Slow()

    def plan() -> Any:
        yield from checkpoint()
        yield from mv(one.axis, 3)

    def interrupt() -> None:
        assert soon(lambda: one.sent)
        engine.request_pause()
        time.sleep(0.05)
        one.free.set()

    thread = threading.Thread(target=interrupt)
    thread.start()
    with pytest.raises(RunEngineInterrupted):
        engine(plan())
    engine.resume()
    thread.join()
    assert one.arrived == [3, 3]
