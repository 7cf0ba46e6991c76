from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import xarray as xr

from beamside.services.desk import Desk, Reader, Receipt, Skipped
from beamside.services.reader import DeskReader
from beamside.stream.backlog import Backlog
from beamside.stream.messages import Frame, Message, Pixels, Result, RunStart, RunStop


def frame(number: int) -> Frame:
    return Frame("det", "1", number, {"data": Pixels((2, 2), "<u2", "raw", bytes(8))})


class Bench:
    """A desk with an archive (loses nothing) and an analysis (the newest two)."""

    def __init__(self, folder: Path) -> None:
        self.endpoint = f"ipc://{folder}/desk"
        self.desk = Desk(
            self.endpoint,
            [
                Reader("archive", Backlog("wait", 3), ordered=True),
                Reader("analysis", Backlog("newest", 2)),
            ],
        )
        self.heard: list[Receipt | Skipped] = []
        self.workers: list[DeskReader] = []

    def worker(self, reader: str, name: str, credit: int) -> DeskReader:
        worker = DeskReader(self.endpoint, reader, name, credit)
        self.workers.append(worker)
        self.until(lambda: any(isinstance(h, Receipt) and h.worker == name for h in self.heard))
        return worker

    def until(self, done: object) -> None:
        for _ in range(200):
            self.heard.extend(self.desk.serve())
            if callable(done) and done():
                return
            time.sleep(0.005)
        raise AssertionError("the desk never heard it")

    def close(self) -> None:
        for worker in self.workers:
            worker.socket.close(0)
        self.desk.socket.close(0)


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path)
    yield made
    made.close()


def taken(worker: DeskReader, n: int) -> list[Message]:
    messages = [worker.take(1000) for _ in range(n)]
    return [message for message in messages if message is not None]


def numbers(messages: list[Message]) -> list[int]:
    return [message.number for message in messages if isinstance(message, Frame)]


def test_each_reader_gets_every_frame_at_its_own_pace(bench: Bench) -> None:
    archive = bench.worker("archive", "archiver", 10)
    analysis = bench.worker("analysis", "processor-0", 10)
    for n in range(2):
        assert bench.desk.give(frame(n)) == []
    assert numbers(taken(archive, 2)) == numbers(taken(analysis, 2)) == [0, 1]


def test_a_slow_analysis_skips_the_oldest_and_says_which(bench: Bench) -> None:
    bench.worker("archive", "archiver", 10)
    skipped = [lost for n in range(4) for lost in bench.desk.give(frame(n))]
    assert [(s.reader, s.number, s.reason) for s in skipped] == [
        ("analysis", 0, "backlog_full"),
        ("analysis", 1, "backlog_full"),
    ]


def test_a_slow_archive_makes_the_source_wait(bench: Bench) -> None:
    for n in range(3):
        assert not bench.desk.full
        bench.desk.give(frame(n))
    assert bench.desk.full


def test_the_archive_gets_start_frames_result_and_stop_in_order(bench: Bench) -> None:
    bench.desk.give(RunStart("det", "1"))
    bench.desk.give(frame(0))
    bench.desk.give(Result("det", "1", (0,), "sum", xr.Dataset()))
    bench.desk.give(RunStop("det", "1"))
    archive = bench.worker("archive", "archiver", 1)
    assert [type(m) for m in taken(archive, 4)] == [RunStart, Frame, Result, RunStop]


def test_a_worker_that_comes_late_is_told_the_open_run(bench: Bench) -> None:
    bench.desk.give(RunStart("det", "1", calibration={"voltage_kV": 300}))
    worker = bench.worker("analysis", "processor-0", 1)
    (start,) = taken(worker, 1)
    assert isinstance(start, RunStart)
    assert start.calibration["voltage_kV"] == 300


def test_what_a_dead_worker_had_in_hand_goes_to_its_successor(bench: Bench) -> None:
    first = bench.worker("analysis", "processor-0", 2)
    bench.desk.give(frame(0))
    bench.desk.give(frame(1))
    assert numbers(taken(first, 2)) == [0, 1]
    first.socket.close(0)
    bench.heard.clear()
    second = bench.worker("analysis", "processor-0", 2)
    assert numbers(taken(second, 2)) == [0, 1]


def test_a_frame_that_kills_every_worker_is_skipped_in_the_end(bench: Bench) -> None:
    bench.desk.give(frame(0))
    for _ in range(3):
        bench.heard.clear()
        worker = bench.worker("analysis", "processor-0", 1)
        assert numbers(taken(worker, 1)) == [0]
        worker.socket.close(0)
    bench.heard.clear()
    bench.worker("analysis", "processor-0", 1)
    assert [h.reason for h in bench.heard if isinstance(h, Skipped)] == ["crashed_the_analysis"]


def test_a_worker_that_says_hello_twice_is_still_alive(bench: Bench) -> None:
    worker = bench.worker("analysis", "processor-0", 1)
    bench.desk.give(frame(0))
    assert numbers(taken(worker, 1)) == [0]
    worker.say("hello", {"reader": "analysis", "worker": "processor-0", "credit": 1})
    worker.credit(1)
    bench.until(lambda: bench.desk.readers["analysis"].workers["processor-0"].credit)
    assert worker.take(50) is None
    assert len(bench.desk.readers["analysis"].workers["processor-0"].in_hand) == 1


def test_credit_bounds_what_is_in_hand(bench: Bench) -> None:
    worker = bench.worker("analysis", "processor-0", 1)
    bench.desk.give(frame(0))
    bench.desk.give(frame(1))
    assert numbers(taken(worker, 1)) == [0]
    assert worker.take(50) is None
    worker.credit(1)
    bench.until(lambda: not len(bench.desk.readers["analysis"].backlog))
    assert numbers(taken(worker, 1)) == [1]


def test_strangers_at_the_desk_change_nothing(bench: Bench) -> None:
    for parts in ([b"credit", b"{}"], [b"\xff"], [b""], [b"result", b"[" * 1000], [b"hello", b"x"]):
        bench.workers.append(stranger := DeskReader(bench.endpoint, "nobody", "x", 1))
        stranger.socket.send_multipart(parts)
    bench.worker("analysis", "processor-0", 1)
    bench.desk.give(frame(0))
    assert set(bench.desk.readers["analysis"].workers) == {"processor-0"}
