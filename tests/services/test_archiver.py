from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from beamside.services.archiver import RETRY_S, Archiver
from beamside.services.reader import Tail
from beamside.services.settings import Settings, load
from beamside.stream.decompress import encode
from beamside.stream.errors import ArchiveError
from beamside.stream.messages import Frame, RunStart, RunStop
from beamside.stream.nexus import Archive, read_summary
from beamside.stream.spool import RunSpool, of_frame, of_message


@dataclass
class Desk:
    """A desk that remembers what it was told."""

    news: list[Tail] = field(default_factory=list)
    said: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    asked_again: bool = False

    def take(self, timeout_ms: int) -> list[Tail]:
        del timeout_ms
        news, self.news = self.news, []
        return news

    def say(self, kind: str, what: dict[str, Any]) -> None:
        self.said.append((kind, what))

    def heard(self, key: str) -> list[Any]:
        return [what[key] for _, what in self.said if key in what]


class Bench:
    """One run in a spool, and an archiver that follows it."""

    def __init__(self, folder: Path) -> None:
        self.desk = Desk()
        self.spool = RunSpool.create(folder / "spool", "run", segment_bytes=4096)
        self.settings: Settings = load(
            None,
            {"archive": {"folder": str(folder / "out"), "segment_frames": 5}},
        )
        (folder / "out").mkdir()
        self.archiver = Archiver(self.settings, self.desk)  # type: ignore[arg-type]
        self.log(RunStart("det", "1", expected=20))

    def log(self, message: RunStart | RunStop) -> None:
        head, pieces = of_message(message)
        self.spool.log.append({**head, "series": "1", "orphan": False}, pieces)

    def frames(self, *numbers: int, shape: tuple[int, int] = (16, 24)) -> None:
        for n in numbers:
            frame = Frame("det", "1", n, {"data": encode(np.full(shape, n, "<u2"))})
            self.spool.frames.append(*of_frame(frame))

    def tell(self) -> None:
        frames, log = self.spool.frames.end, self.spool.log.end
        said: dict[str, Any] = {"run": "1", "stem": "run", "spool": str(self.spool.path)}
        said |= {"frames": [frames.segment, frames.offset], "log": [log.segment, log.offset]}
        self.desk.news.append(Tail(said))

    def until(self, done: Callable[[], object]) -> None:
        until = time.monotonic() + 15
        while not done():
            assert time.monotonic() < until, self.desk.said
            self.archiver.step()
            time.sleep(0.002)

    @property
    def archived(self) -> list[int]:
        ranges = [r for ranges in self.desk.heard("archived") for r in ranges]
        return sorted(n for first, last in ranges for n in range(first, last + 1))

    @property
    def path(self) -> Path:
        return Path(self.desk.heard("path")[-1])


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path)
    yield made
    made.archiver.abandon()
    made.spool.close()


def numbers(path: Path) -> list[int]:
    with h5py.File(path) as file:
        return [int(n) for n in np.flatnonzero(file["entry/frames/frame_valid"][...])]


def test_what_can_be_read_in_the_archive_is_reported_while_the_run_runs(bench: Bench) -> None:
    bench.frames(*range(7))
    bench.tell()
    bench.until(lambda: bench.archived == list(range(7)))
    assert not bench.desk.heard("path")


def test_the_spool_may_forget_what_lies_in_closed_files(bench: Bench) -> None:
    bench.frames(*range(20))
    bench.tell()
    bench.until(lambda: bench.desk.heard("held_before"))
    before, held = bench.desk.heard("held_before")[0], bench.desk.heard("held")[0]
    assert 0 < before <= bench.spool.frames.end.segment
    assert held[0][0] == 0


def test_the_end_closes_the_archive(bench: Bench) -> None:
    bench.frames(*range(12))
    bench.log(RunStop("det", "1", "complete", account={"received": 12}))
    bench.tell()
    bench.until(lambda: bench.desk.heard("path"))
    assert bench.archived == list(range(12)) == numbers(bench.path)
    assert bench.archiver.runs == {}


def test_a_frame_that_does_not_fit_is_refused_and_the_others_go_on(bench: Bench) -> None:
    bench.frames(0)
    bench.frames(1, shape=(8, 8))
    bench.frames(2)
    bench.tell()
    bench.until(lambda: bench.archived == [0, 2])
    assert bench.desk.heard("refused") == [{"bad_shape": [1]}]


def test_a_new_ingest_is_told_everything_again(bench: Bench) -> None:
    bench.frames(0, 1)
    bench.frames(2, shape=(8, 8))
    bench.tell()
    bench.until(lambda: bench.archived == [0, 1])
    bench.desk.said.clear()
    bench.desk.asked_again = True
    bench.until(lambda: bench.archived == [0, 1])
    assert bench.desk.heard("refused") == [{"bad_shape": [2]}]


def test_a_successor_goes_on_from_the_spool(bench: Bench) -> None:
    bench.frames(*range(12))
    bench.tell()
    bench.until(lambda: bench.archived == list(range(12)))
    bench.archiver.abandon()  # its open files are not closed in order: they are dropped
    bench.archiver = Archiver(bench.settings, bench.desk)  # type: ignore[arg-type]
    bench.frames(12)
    bench.log(RunStop("det", "1", "complete"))
    bench.tell()
    bench.until(lambda: bench.desk.heard("path"))
    assert numbers(bench.path) == list(range(13))


def test_an_archive_that_was_closed_already_is_only_named(bench: Bench) -> None:
    bench.frames(0)
    bench.log(RunStop("det", "1", "complete"))
    bench.tell()
    bench.until(lambda: bench.desk.heard("path"))
    bench.desk.said.clear()
    bench.tell()
    bench.until(lambda: bench.desk.heard("path"))
    assert numbers(bench.path) == [0]


def test_an_archive_that_can_not_be_written_waits_and_loses_nothing(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("beamside.services.archiver.RETRY_S", (0.05,))
    assert RETRY_S[0] >= 1
    out = bench.settings.archive.folder
    out.rmdir()
    out.write_text("in the way")
    bench.frames(*range(3))
    bench.log(RunStop("det", "1", "complete"))
    bench.tell()
    bench.until(lambda: bench.desk.heard("alarm"))
    assert "stay in the spool" in bench.desk.heard("alarm")[0]
    out.unlink()
    out.mkdir()
    bench.until(lambda: bench.desk.heard("path"))
    assert numbers(bench.path) == [0, 1, 2]


def test_a_record_that_was_damaged_on_disk_is_refused_by_its_checksum(bench: Bench) -> None:
    bench.frames(0, 1, 2)
    file = bench.spool.path / "frames-000000.bslog"
    data = bytearray(file.read_bytes())
    data[-5] ^= 0xFF
    file.write_bytes(data)
    bench.tell()
    bench.until(lambda: bench.archived == [0, 1])
    assert bench.desk.heard("refused") == [{"bad_checksum": [2]}]


def test_a_frame_at_which_writing_always_fails_is_refused_and_the_others_go_on(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("beamside.services.archiver.RETRY_S", (0.01,))
    add = Archive.add

    def failing(self: Archive, frame: Frame, *arguments: Any, **options: Any) -> None:
        if frame.number == 1:
            raise ArchiveError("HDF5 can't") from ValueError("not a file id")
        add(self, frame, *arguments, **options)

    monkeypatch.setattr(Archive, "add", failing)
    bench.frames(0, 1, 2)
    bench.log(RunStop("det", "1", "complete"))
    bench.tell()
    bench.until(lambda: bench.desk.heard("path"))
    assert bench.desk.heard("refused")[-1] == {"archive_failed": [1]}
    assert numbers(bench.path) == [0, 2]


def test_a_channel_that_comes_late_is_archived(bench: Bench) -> None:
    image = encode(np.full((16, 24), 7, "<u2"))
    for n, channels in enumerate(({"a": image}, {"a": image, "b": image}, {"b": image})):
        bench.spool.frames.append(*of_frame(Frame("det", "1", n, channels)))
    bench.log(RunStop("det", "1", "complete"))
    bench.tell()
    bench.until(lambda: bench.desk.heard("path"))
    assert numbers(bench.path) == [0, 1, 2]
    assert read_summary(bench.path).partial >= 1
