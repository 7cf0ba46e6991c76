"""A run's log of results, folded by one gatherer or by ten."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

from beamside.analysis.operators import AnalysisError, Calibration
from beamside.services.gathered import Share
from beamside.stream import wire
from beamside.stream.messages import Result, RunStart
from beamside.stream.spool import RunSpool, of_message


@dataclass(frozen=True)
class Sums:
    """Sum and number of the values of all frames, and which they were."""

    wrong: int = -1
    """A frame whose result can't be folded."""

    def start(self) -> dict[str, np.ndarray]:
        return {"total": np.zeros(2), "frames": np.zeros(0, np.int64)}

    def add(self, state: Any, said: xr.Dataset, numbers: Sequence[int]) -> Any:
        if self.wrong in numbers:
            raise AnalysisError("it is dark")
        values = said["value"].values
        assert len(values) == len(numbers)
        one = {"total": np.array([values.sum(), len(values)]), "frames": np.array(numbers)}
        return self.merge(state, one)

    def merge(self, one: Any, other: Any) -> Any:
        frames = np.sort(np.concatenate([one["frames"], other["frames"]]))
        return {"total": one["total"] + other["total"], "frames": frames}

    def finish(self, state: Any) -> xr.Dataset:
        return xr.Dataset({"total": ("part", state["total"]), "shot": ("shot", state["frames"])})

    def save(self, state: Any) -> Mapping[str, np.ndarray]:
        return dict(state)

    def restore(self, arrays: Mapping[str, np.ndarray]) -> Any:
        return dict(arrays)


@dataclass(frozen=True)
class Growing:
    """An analysis over which two things grow."""

    wrong: int = -1

    def __call__(self, images: np.ndarray, calibration: Calibration) -> xr.Dataset:
        raise NotImplementedError

    def over_run(self, calibration: Calibration) -> Mapping[str, Sums]:
        return {"sums": Sums(), "some": Sums(self.wrong)}


class Run:
    """The spool of a run whose results come one by one."""

    def __init__(self, folder: Path) -> None:
        self.files = RunSpool.create(folder, "run")
        self.files.log.append(*of_message(RunStart("det", "1")))

    def result(self, *numbers: int, error: str | None = None, level: str | None = None) -> None:
        data = xr.Dataset({"value": ("frame", [float(n) ** 2 for n in numbers])})
        parts = wire.encode(Result("det", "1", numbers, "a", data, error=error))
        head = {"kind": "result", "parts": len(parts), "frames": numbers, "error": error}
        self.files.log.append({**head, "failure": None, "level": level}, parts)

    def share(self, me: int = 0, of: int = 1, operator: Growing | None = None) -> Share:
        share = Share("1", self.files.path, operator or Growing(), place=(me, of), limit_s=0)
        share.end = self.files.log.end
        return share


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Run]:
    made = Run(tmp_path)
    yield made
    made.files.close()


def through(share: Share) -> Share:
    share.over = share.end
    while not share.through:
        share.turn()
    share.save()
    return share


def said(share: Share, key: str = "sums") -> tuple[list[float], list[int], list[int]]:
    """Total, the frames it speaks of, and those it stands on."""
    fold, data = share.grown(key)
    return data["total"].values.tolist(), data["shot"].values.tolist(), list(fold.frames)


@pytest.mark.parametrize("of", [1, 2, 10])
def test_one_two_or_ten_give_the_same_answer(run: Run, of: int) -> None:
    for n in range(0, 50, 2):
        run.result(n, n + 1)
    shares = [through(run.share(me, of)) for me in range(of)]
    first = shares[0]
    assert first.others_through()
    squares = float(sum(n * n for n in range(50)))
    assert said(first) == ([squares, 50.0], list(range(50)), list(range(50)))
    assert sum(len(share.folds["sums"].frames) for share in shares) == 50
    assert max(len(share.folds["sums"].frames) for share in shares) <= -(-25 // of) * 2


def test_each_frame_counts_once_however_often_its_result_came(run: Run) -> None:
    run.result(3, 4)
    run.result(4, 5)  # after a crash of ingest a frame may be analysed in another batch again
    run.result(3, 4)
    run.result(6, error="no")
    run.result(0, 1, 2, 3, 4, 5, level="run")  # what grew over a run is no result of a batch
    shares = [through(run.share(me, 2)) for me in range(2)]
    assert said(shares[0]) == ([9.0 + 16 + 25, 3.0], [3, 4, 5], [3, 4, 5])


def test_a_successor_goes_on_from_what_was_saved(run: Run) -> None:
    for n in range(10):
        run.result(n)
    first = through(run.share())
    first.let_go()  # and nothing else: it was killed
    for n in range(10, 20):
        run.result(n)
    second = run.share()
    second.turn()
    assert second.at == second.end
    whole = through(run.share(operator=Growing(wrong=99)))  # other settings begin anew
    assert said(second) == said(whole) == ([2470.0, 20.0], list(range(20)), list(range(20)))


def test_a_damaged_state_only_costs_the_time_to_fold_again(run: Run) -> None:
    for n in range(10):
        run.result(n)
    through(run.share()).let_go()
    (state,) = run.files.path.glob("gathered-*.npz")
    state.write_bytes(state.read_bytes()[:-100])
    assert said(through(run.share())) == ([285.0, 10.0], list(range(10)), list(range(10)))


def test_what_can_not_be_folded_is_counted_and_named(run: Run) -> None:
    for n in range(5):
        run.result(n)
    share = through(run.share(operator=Growing(wrong=2)))
    fold, _ = share.grown("some")
    assert list(fold.frames) == [0, 1, 3, 4]
    assert list(fold.absent) == [2]
    assert (fold.left_out, fold.words) == ({"not_foldable": 1}, {"not_foldable": "it is dark"})
    assert said(share)[0] == [30.0, 5.0]


def test_a_result_that_killed_its_gatherer_again_and_again_is_left_out(run: Run) -> None:
    for n in range(5):
        run.result(n)
    share = run.share()
    share.turn()
    where = [mark for mark, _ in share._log.read(share.at.__class__(0, 0), share.end)]
    share.close()
    hand = run.files.path / "gathered-0of1.hand"
    died = f"sums {where[0].segment}.{where[0].offset}\n" * 3  # of the first result
    hand.write_bytes(b" " * 256 + died.encode())
    again = through(run.share())
    assert said(again)[2] == [1, 2, 3, 4]
    assert again.folds["sums"].words == {"crashed": "its process died of it 3 times"}
    assert said(again, "some")[2] == [0, 1, 2, 3, 4]


def test_nothing_is_left_of_it_when_the_run_is_closed(run: Run) -> None:
    run.result(1)
    share = through(run.share())
    share.close()
    assert [file.suffix for file in run.files.path.iterdir()] == [".bslog"] * 2


def test_settings_that_are_chosen_hold_from_their_place_in_the_log_on(run: Run) -> None:
    run.result(1)
    run.result(2)
    event = {"event": "settings", "by": "ann", "changes": {"wrong": [-1, 3]}}
    run.files.log.append({"kind": "event", "event": event}, [])
    run.result(3)
    run.result(4)
    share = through(run.share())
    assert said(share, "some")[2] == [1, 2, 4]
    assert share.folds["some"].words == {"not_foldable": "it is dark"}
    assert said(share)[2] == [1, 2, 3, 4]
    run.result(5)
    successor = through(run.share())  # it begins with the first settings, at the beginning
    assert said(successor, "some")[2] == [1, 2, 4, 5]


def test_settings_that_fit_nothing_change_nothing(run: Run) -> None:
    run.result(1)
    for changes in ({"unknown": [0, 1]}, {"wrong": 3}, None):
        event = {"event": "settings", "changes": changes}
        run.files.log.append({"kind": "event", "event": event}, [])
    run.result(3)
    assert said(through(run.share()), "some")[2] == [1, 3]
