from __future__ import annotations

import io
import time

import pytest

from beamside.services.batch import progress


def test_the_first_frame_which_loads_the_network_says_nothing_of_the_time_left(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])
    told = progress.Progress("analysed", 320, out=io.StringIO())
    clock[0] = 70.0
    told.step()
    assert "left" not in told.line()
    for _ in range(2):
        clock[0] += 2.0
        told.step()
    assert told.rate == 0.5
    assert "11 min left" in told.line()


def test_without_a_terminal_the_last_is_said_once(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, out = [0.0], io.StringIO()
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])
    told = progress.Progress("analysed", 2, out=out)
    for _ in range(2):
        clock[0] += 60.0
        told.step()
    told.end()
    assert [line.split("] ")[1].split()[0] for line in out.getvalue().splitlines()] == [
        "1/2",
        "2/2",
    ]
