from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from beamside.stream.errors import SpoolError, WireError
from beamside.stream.spool.log import Log
from beamside.stream.spool.reader import LogReader
from beamside.stream.spool.record import Mark, Place


@pytest.fixture
def log(tmp_path: Path) -> Iterator[Log]:
    log = Log(tmp_path, "frames", segment_bytes=2000)
    yield log
    log.close()


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[LogReader]:
    reader = LogReader(tmp_path, "frames")
    yield reader
    reader.close()


def append(log: Log, first: int, last: int) -> list[Place]:
    return [log.append({"n": n}, [bytes([n]) * 500]) for n in range(first, last)]


def heads(reader: LogReader, since: Mark, until: Mark) -> list[int]:
    return [record.head["n"] for _, record in reader.read(since, until)]


def test_a_growing_log_is_followed_from_mark_to_mark(log: Log, reader: LogReader) -> None:
    at, came = Mark(0, 0), []
    for step in range(10):
        append(log, 2 * step, 2 * step + 2)
        for mark, record in reader.read(at, log.end):
            came.append(record.head["n"])
            assert bytes(record.pieces[0]) == bytes([record.head["n"]]) * 500
            at = mark
        assert at == log.end
    assert came == list(range(20))
    assert heads(reader, at, log.end) == []
    assert reader.damage == {}


def test_reading_stops_and_starts_at_any_mark(log: Log, reader: LogReader) -> None:
    append(log, 0, 12)
    marks = [Mark(0, 0), *(mark for mark, _ in reader.read(Mark(0, 0), log.end))]
    for begin in range(13):
        for end in range(begin, 13):
            assert heads(reader, marks[begin], marks[end]) == list(range(begin, end))


def test_an_empty_or_absent_log_gives_nothing(tmp_path: Path, reader: LogReader) -> None:
    assert list(reader.scan()) == []
    Log(tmp_path, "frames").close()
    assert list(reader.scan()) == []
    with pytest.raises(SpoolError, match="can't read the spool folder"):
        list(LogReader(tmp_path / "none", "frames").scan())


def test_other_files_in_the_folder_are_passed_over(tmp_path: Path, log: Log) -> None:
    for name in ("frames-1.bslog", "frames-000001.bslog.bak", "log-000007.bslog", "notes.txt"):
        (tmp_path / name).write_text("something else")
    append(log, 0, 2)
    assert [r.head["n"] for _, r in LogReader(tmp_path, "frames").scan()] == [0, 1]


def test_views_stay_good_when_their_segment_is_deleted(log: Log, reader: LogReader) -> None:
    places = append(log, 0, 8)
    kept = [reader.at(place) for place in places]
    log.drop_before(99)
    for n, record in enumerate(kept):
        record.check()
        assert bytes(record.pieces[0]) == bytes([n]) * 500
    reader.close()
    with pytest.raises(SpoolError, match=r"can't read .*frames-000000\.bslog: No such file"):
        reader.at(places[0])
    kept[0].check()
    assert heads(reader, Mark(0, 0), log.end) == [
        6,
        7,
    ]  # what was dropped at the beginning is not missed
    assert reader.damage == {}


def test_a_deleted_segment_keeps_no_space_once_it_is_forgotten(
    log: Log, reader: LogReader, tmp_path: Path
) -> None:
    places = append(log, 0, 8)
    for place in places:
        reader.at(place)
    log.drop_before(2)
    reader.forget_before(2)
    maps = Path("/proc/self/maps").read_text()
    assert f"{tmp_path}/frames-000000.bslog" not in maps
    assert f"{tmp_path}/frames-000001.bslog" not in maps


def test_a_segment_that_is_missing_in_the_middle_is_said(
    log: Log, reader: LogReader, tmp_path: Path
) -> None:
    append(log, 0, 12)
    (tmp_path / "frames-000001.bslog").unlink()
    assert [r.head["n"] for _, r in reader.scan()] == [0, 1, 2, *range(6, 12)]
    assert heads(reader, Mark(0, 0), log.end) == [0, 1, 2, *range(6, 12)]
    (damage,) = reader.damage.values()
    assert damage.why == "1 segments are missing behind segment 0"


def test_a_damaged_head_costs_its_record_only_and_is_said(
    log: Log, reader: LogReader, tmp_path: Path
) -> None:
    places = append(log, 0, 9)
    with (tmp_path / "frames-000001.bslog").open("r+b") as file:
        file.seek(places[4].offset + 30)
        file.write(b"~")
    for _ in range(2):
        assert [r.head["n"] for _, r in reader.scan()] == [0, 1, 2, 3, 5, 6, 7, 8]
    assert heads(reader, Mark(0, 0), log.end) == [0, 1, 2, 3, 5, 6, 7, 8]
    (damage,) = reader.damage.values()
    assert (damage.place.segment, damage.place.offset) == (1, places[4].offset)
    assert damage.place.nbytes == places[4].nbytes
    assert not damage.tail
    with pytest.raises(WireError, match="bad_checksum"):
        reader.at(places[4])


def test_a_place_where_nothing_begins_is_no_record(log: Log, reader: LogReader) -> None:
    (place,) = append(log, 0, 1)
    for wrong in (Place(0, 1, 50), Place(0, place.nbytes, 50), Place(0, 10**9, 10**12)):
        with pytest.raises(WireError):
            reader.at(wrong)


FOLLOWER = """
import sys
from pathlib import Path
from beamside.stream.spool.reader import LogReader
from beamside.stream.spool.record import Mark

reader, at, total = LogReader(Path(sys.argv[1]), "frames"), Mark(0, 0), 0
for line in sys.stdin:
    until = Mark(*map(int, line.split()))
    for at, record in reader.read(at, until):
        record.check()
        total += record.head["n"]
    print(total, flush=True)
"""


def test_another_process_reads_what_this_one_writes(log: Log, tmp_path: Path) -> None:
    follower = subprocess.Popen(
        [sys.executable, "-c", FOLLOWER, str(tmp_path)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert follower.stdin is not None
    assert follower.stdout is not None
    with follower.stdin, follower.stdout:
        for step in range(30):
            append(log, 3 * step, 3 * step + 3)
            follower.stdin.write(f"{log.end.segment} {log.end.offset}\n")
            follower.stdin.flush()
            last = 3 * step + 2
            assert int(follower.stdout.readline()) == last * (last + 1) // 2
    assert follower.wait(20) == 0


def test_a_log_larger_than_memory_is_read_with_two_segments_mapped(tmp_path: Path) -> None:
    log = Log(tmp_path, "frames", segment_bytes=1 << 20)
    for n in range(64):
        log.append({"n": n}, [bytes(1 << 18)])
    reader = LogReader(tmp_path, "frames")
    most = 0
    for _ in reader.scan():
        maps = Path("/proc/self/maps").read_text()
        most = max(most, maps.count(f"{tmp_path}{os.sep}frames-"))
    log.close()
    assert most <= 3
