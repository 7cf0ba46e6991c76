from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from beamside.services.desk import Desk, Reader, Receipt, Skipped
from beamside.services.reader import DeskReader, Handed, Tail, Unreadable
from beamside.stream.backlog import Backlog
from beamside.stream.messages import Frame, Pixels, RunStart
from beamside.stream.spool import RunSpool, of_frame


def frame(number: int) -> Frame:
    return Frame("det", "1", number, {"data": Pixels((2, 2), "<u2", "raw", bytes(8))})


class Bench:
    """A desk with an archive, an analysis that takes the newest two, and one that waits."""

    def __init__(self, folder: Path) -> None:
        self.endpoint = f"ipc://{folder}/desk"
        self.spool = RunSpool.create(folder, "run")
        self.desk = Desk(
            self.endpoint,
            [
                Reader("archive", Backlog("wait")),
                Reader("analysis", Backlog("newest", 2)),
                Reader("patient", Backlog("wait", 3)),
            ],
        )
        self.desk.spools = lambda run: str(self.spool.path)
        self.heard: list[Receipt | Skipped] = []
        self.workers: list[DeskReader] = []

    def worker(self, reader: str, name: str, credit: int) -> DeskReader:
        worker = DeskReader(self.endpoint, reader, name, credit)
        self.workers.append(worker)
        self.until(lambda: any(isinstance(h, Receipt) and h.worker == name for h in self.heard))
        return worker

    def give(self, number: int) -> list[Skipped]:
        place = self.spool.frames.append(*of_frame(frame(number)))
        skipped = self.desk.give("1", number, place, 8)
        self.desk.hand_out()
        return skipped

    def until(self, done: object) -> None:
        for _ in range(200):
            self.heard.extend(self.desk.serve())
            self.desk.hand_out()
            if callable(done) and done():
                return
            time.sleep(0.005)
        raise AssertionError("the desk never heard it")

    def close(self) -> None:
        for worker in self.workers:
            worker.socket.close(0)
        self.desk.socket.close(0)
        self.spool.close()


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path)
    yield made
    made.close()


def taken(worker: DeskReader, n: int) -> list[Handed]:
    handed: list[Handed] = []
    until = time.monotonic() + 2
    while len(handed) < n and time.monotonic() < until:
        handed += worker.take(100)
    return handed


def numbers(handed: list[Handed]) -> list[int]:
    return [message.number for message in handed if isinstance(message, Frame)]


def test_a_reader_that_never_answers_gets_new_frames_for_as_long_as_it_asks(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("beamside.services.desk.HAND_BYTES", 16)
    bench.desk.readers["preview"] = Reader("preview", Backlog("newest", 1), pins=False)
    page = bench.worker("preview", "page", 1)
    (worker,) = bench.desk.readers["preview"].workers.values()
    for number in range(5):
        bench.give(number)
        assert numbers(taken(page, 1)) == [number]
        page.socket.send_multipart([b"credit", b'{"n":1}'])
        bench.until(lambda: worker.credit == 1)
    assert not worker.in_hand


def test_each_reader_gets_every_frame_at_its_own_pace(bench: Bench) -> None:
    one = bench.worker("patient", "a", 10)
    two = bench.worker("analysis", "b", 10)
    for n in range(2):
        assert bench.give(n) == []
    assert numbers(taken(one, 2)) == numbers(taken(two, 2)) == [0, 1]


def test_a_slow_analysis_skips_the_oldest_and_says_which(bench: Bench) -> None:
    bench.worker("patient", "a", 10)
    skipped = [lost for n in range(4) for lost in bench.give(n)]
    assert [(s.reader, s.number, s.reason) for s in skipped] == [
        ("analysis", 0, "backlog_full"),
        ("analysis", 1, "backlog_full"),
    ]


def test_a_reader_that_loses_nothing_makes_the_source_wait(bench: Bench) -> None:
    for n in range(3):
        assert not bench.desk.full
        bench.give(n)
    assert bench.desk.full


def test_the_archiver_is_told_how_far_the_spool_goes(bench: Bench) -> None:
    archiver = bench.worker("archive", "archiver", 0)
    bench.desk.tell("archive", {"run": "1", "frames": [0, 100]})
    bench.give(0)
    assert taken(archiver, 1) == [Tail({"run": "1", "frames": [0, 100]})]


def test_a_worker_that_comes_late_is_told_the_open_run(bench: Bench) -> None:
    bench.desk.announce(RunStart("det", "1", calibration={"voltage_kV": 300}))
    worker = bench.worker("analysis", "processor-0", 1)
    (start,) = taken(worker, 1)
    assert isinstance(start, RunStart)
    assert start.calibration["voltage_kV"] == 300


def test_the_spool_keeps_a_segment_while_a_frame_of_it_is_wanted(bench: Bench) -> None:
    patient = bench.worker("patient", "a", 10)
    analysis = bench.worker("analysis", "b", 10)
    bench.give(0)
    assert dict(bench.desk.pinned["1"]) == {0: 2}
    for worker in (patient, analysis):
        worker.socket.send_multipart(
            [b"result", b'{"format":"beamside-1","kind":"result","run":"1","frames":[0]}']
        )
    bench.until(lambda: not bench.desk.pinned["1"])


def test_a_frame_that_is_gone_from_the_spool_is_said(bench: Bench) -> None:
    place = bench.spool.frames.append(*of_frame(frame(0)))
    worker = bench.worker("patient", "a", 1)
    bench.spool.remove()
    bench.desk.give("1", 0, place, 8)
    bench.desk.hand_out()
    (lost,) = taken(worker, 1)
    assert isinstance(lost, Unreadable)
    assert "frames-000000.bslog" in lost.words


def test_what_a_dead_worker_had_in_hand_goes_to_its_successor(bench: Bench) -> None:
    first = bench.worker("analysis", "processor-0", 2)
    bench.give(0)
    bench.give(1)
    assert numbers(taken(first, 2)) == [0, 1]
    first.socket.close(0)
    bench.heard.clear()
    second = bench.worker("analysis", "processor-0", 2)
    assert numbers(taken(second, 2)) == [0, 1]


def test_a_frame_that_kills_every_worker_is_skipped_in_the_end(bench: Bench) -> None:
    bench.give(0)
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
    bench.give(0)
    assert numbers(taken(worker, 1)) == [0]
    worker.say("hello", {"reader": "analysis", "worker": "processor-0", "credit": 1})
    worker.credit(1)
    bench.until(lambda: bench.desk.readers["analysis"].workers["processor-0"].credit)
    assert worker.take(50) == []
    assert len(bench.desk.readers["analysis"].workers["processor-0"].in_hand) == 1


def test_credit_bounds_what_is_in_hand(bench: Bench) -> None:
    worker = bench.worker("analysis", "processor-0", 1)
    bench.give(0)
    bench.give(1)
    assert numbers(taken(worker, 1)) == [0]
    assert worker.take(50) == []
    worker.credit(1)
    bench.until(lambda: not len(bench.desk.readers["analysis"].backlog))
    assert numbers(taken(worker, 1)) == [1]


def test_strangers_at_the_desk_change_nothing(bench: Bench) -> None:
    for parts in ([b"credit", b"{}"], [b"\xff"], [b""], [b"result", b"[" * 1000], [b"hello", b"x"]):
        bench.workers.append(stranger := DeskReader(bench.endpoint, "nobody", "x", 1))
        stranger.socket.send_multipart(parts)
    bench.worker("analysis", "processor-0", 1)
    bench.give(0)
    assert set(bench.desk.readers["analysis"].workers) == {"processor-0"}


def test_a_cut_reader_gives_everything_back(bench: Bench) -> None:
    bench.worker("patient", "a", 1)
    for n in range(3):
        bench.give(n)
    cut = list(bench.desk.withdraw("patient", None, "stalled"))
    assert sorted(s.number for s in cut) == [0, 1, 2]
    assert {s.reason for s in cut} == {"stalled"}
    assert not bench.desk.full
