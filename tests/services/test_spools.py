from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from beamside.services.settings import SpoolSettings
from beamside.services.spools import Spools
from beamside.stream.messages import Frame, Pixels, RunStart
from beamside.stream.spool import SpoolRoot

FRAME_BYTES = 10_000


@pytest.fixture
def spools(tmp_path: Path) -> Iterator[Callable[..., Spools]]:
    """Spools of a budget of 200 kB in segments of two frames, with one run that is begun."""
    made: list[Spools] = []

    def make(**settings: Any) -> Spools:
        root = SpoolRoot(tmp_path / "spool", segment_bytes=2 * FRAME_BYTES + 1000)
        chosen = SpoolSettings.model_validate({"budget_gb": 200e-6, "keep_free_mb": 0, **settings})
        made.append(Spools(root, chosen, lambda start: start.run))
        made[-1].begin(RunStart("det", "1"), "1", orphan=False)
        return made[-1]

    yield make
    for one in made:
        one.close()


def filled(spools: Spools, frames: int, run: str = "1") -> list[int]:
    """The segments on disk after so many frames more."""
    for n in range(frames):
        pixels = Pixels((50, 100), "<u2", "raw", bytes(FRAME_BYTES))
        spools.append(Frame("det", run, n, {"data": pixels}))
    return segments(spools, run)


def segments(spools: Spools, run: str = "1") -> list[int]:
    return sorted(spools.runs[run].files.frames.segments)


def held(spools: Spools, before: int) -> None:
    spools.hold("1", before, [(0, 2 * before - 1)])


def test_what_the_archive_holds_and_nobody_wants_is_deleted(spools: Callable[..., Spools]) -> None:
    some = spools()
    assert filled(some, 8) == [0, 1, 2, 3]
    held(some, 2)
    some.trim({"1": {1: 1}})  # a worker still has a frame of segment 1 in hand
    assert segments(some) == [1, 2, 3]
    some.trim({})
    assert segments(some) == [2, 3]


@pytest.mark.parametrize("why", ["keep", "damaged"])
def test_what_is_kept_gives_way_to_the_budget_only(spools: Callable[..., Spools], why: str) -> None:
    some = spools(keep=why == "keep")
    some.runs["1"].damaged = why == "damaged"
    filled(some, 8)
    held(some, 4)
    some.trim({})
    assert segments(some) == [0, 1, 2, 3]
    filled(some, 12)
    assert some.full
    held(some, 10)
    some.trim({})
    assert not some.full
    assert segments(some) == [9]


def test_a_kept_spool_of_an_earlier_run_goes_first(
    spools: Callable[..., Spools], tmp_path: Path
) -> None:
    some = spools(keep=True)
    filled(some, 8)
    some.finish("1", archived=True)
    kept = tmp_path / "spool" / "1"
    assert (kept / "archived").exists()
    some.begin(RunStart("det", "2"), "2", orphan=False)
    some.trim({})
    assert kept.exists()
    filled(some, 10, "2")
    some.trim({})
    assert not kept.exists()
