"""The state is bounded whatever comes."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import numpy as np
import pytest

from beamside.services.viewer import ViewState
from beamside.services.viewer.state import OVERHEAD
from beamside.stream.messages import RunStart, RunStop


def test_memory_bounds_the_ring_but_never_the_newest(run: Any) -> None:
    state = ViewState(memory=2 * 4 * (20_000 + OVERHEAD))
    for number in range(30):
        state.take(run.frame(number, np.zeros((100, 100), "<u2")))
    assert len(state.frames) == 4
    assert state.frames.nbytes <= state.frames.memory
    assert state.frames.at(run.name, 26) is not None
    assert state.frames.at(run.name, 25) is None
    state.take(run.frame(31, np.zeros((400, 400), "<u2")))
    assert len(state.frames) == 1


def test_runs_without_number_are_not_all_remembered() -> None:
    state = ViewState()
    for number in range(1000):
        state.take(RunStart("camera", f"run {number}", calibration={"voltage_kV": 1}))
    assert len(state._calibrations) < 100


def test_a_run_that_is_closed_late_does_not_stop_the_next_one(run: Any) -> None:
    state = ViewState()
    state.take(RunStart("camera", "1"))
    state.take(RunStart("camera", "2"))
    state.take(RunStop("camera", "1"))
    assert state.live == ("camera", "2")
    assert state.notice()["stop"] is None
    state.take(RunStop("camera", "2"))
    assert state.live is None
    state.take(run.frame(0))  # its start was not heard
    assert state.live == ("camera", run.name)


def test_sequence_numbers_go_on_over_a_restart(run: Any) -> None:
    first = ViewState()
    for number in range(50):
        first.take(run.frame(number))
    again = ViewState()
    assert again.frames.seq > first.frames.seq


def test_a_waiter_that_gives_up_leaves_nothing_behind(run: Any) -> None:
    async def scenario() -> None:
        nothing: int | None = None
        state = ViewState()
        waiters = [
            asyncio.create_task(state.wait_for(lambda: state.frames.find(), 20)) for _ in range(9)
        ]
        await asyncio.sleep(0)
        for waiter in waiters[:8]:
            waiter.cancel()
        state.take(run.frame(0))
        held = await waiters[8]
        assert held is not None
        assert held.message.number == 0
        assert await state.wait_for(lambda: nothing, 0.01) is None

    asyncio.run(scenario())


def test_a_frame_is_late_by_the_gaps_before_it(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])
    state = ViewState()
    state.take(run.start)
    state.take({"state": "running"})
    late = []
    for number in range(3):  # exposures of 8 s
        state.take(run.frame(number))
        for passed in (4.0, 4.0):
            clock[0] += passed
            late.append(state.late)
    assert late == [False, True, False, False, False, False]  # only the first was a surprise
    clock[0] += 17
    assert state.late
    state.take(RunStop("camera", run.name))
    assert not state.late
