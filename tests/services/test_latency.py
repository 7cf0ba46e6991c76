from __future__ import annotations

import numpy as np
import pytest

from beamside.services.latency import MOST, Latencies


@pytest.mark.parametrize("frames", [1, 7, 300, MOST + 5000])
def test_the_percentiles_are_those_of_the_last_frames(frames: int) -> None:
    took = np.random.default_rng(frames).exponential(2e7, frames).astype(int)
    latencies = Latencies()
    for ns in took:
        latencies.add(None, 0, int(ns))
    p50, p95, p99 = np.percentile(took[-MOST:] / 1e6, (50, 95, 99))
    assert latencies.as_json() == pytest.approx({"p50": p50, "p95": p95, "p99": p99}, abs=1e-3)


def test_frames_of_one_result_count_each_and_none_gives_no_percentile() -> None:
    latencies = Latencies()
    assert latencies.as_json() == {"p50": None, "p95": None, "p99": None}
    latencies.add(None, 0, 1_000_000, n=99)
    latencies.add(None, 0, 9_000_000)
    assert latencies.as_json()["p50"] == 1.0
