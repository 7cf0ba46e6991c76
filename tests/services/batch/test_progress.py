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
