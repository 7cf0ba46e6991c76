"""What a night in front of the page left behind is told rightly."""

from __future__ import annotations

import numpy as np

from beamside.services.bench.night import grown


def looks(bytes_per_frame: float, fills: int = 0) -> list[dict[str, float]]:
    """A night of 97 looks; a history fills in the first of them, garbage comes and goes."""
    rng = np.random.default_rng(5)
    return [
        {
            "frame": 300 * n,
            "heap_mb": 3
            + (300 * n * bytes_per_frame + rng.normal(0, 2e4)) / 1e6
            - max(0, fills - n),
            "nodes": 280,
            "listeners": 180,
            "service_peak_mb": 300,
        }
        for n in range(97)
    ]


def test_a_leak_is_told_with_its_size() -> None:
    said = grown(looks(50))
    low, high = said["heap_bytes_per_frame_95"]
    assert low < 50 < high
    assert 45 < said["heap_bytes_per_frame"] < 55
    assert low > 40


def test_garbage_that_comes_and_goes_is_no_leak() -> None:
    low, high = grown(looks(0))["heap_bytes_per_frame_95"]
    assert low < 0 < high


def test_what_fills_at_the_beginning_is_no_leak() -> None:
    low, high = grown(looks(0, fills=20))["heap_bytes_per_frame_95"]
    assert low < 0 < high
