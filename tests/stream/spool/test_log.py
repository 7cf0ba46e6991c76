from __future__ import annotations

import subprocess
import sys
import threading
import zlib
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from beamside.stream.errors import SpoolError
from beamside.stream.spool.draft import CHUNK, LARGE, MAX_BUFFERS
from beamside.stream.spool.log import Log
from beamside.stream.spool.reader import LogReader
from beamside.stream.spool.record import Mark, Place

PIECES = [[b"a" * 40, b"b"], [], [b"", b"c" * 100], [b"d" * 7]]


def fill(folder: Path, segment_bytes: int = 1 << 20) -> list[Place]:
    log = Log(folder, "frames", segment_bytes=segment_bytes)
    places = [log.append({"kind": "frame", "n": n}, PIECES[n % 4]) for n in range(8)]
    log.close()
    return places


def numbers(folder: Path) -> list[int]:
    return [record.head["n"] for _, record in LogReader(folder, "frames").scan()]


def test_a_log_goes_on_where_it_ended(tmp_path: Path) -> None:
    places = fill(tmp_path)
    log = Log(tmp_path, "frames")
    assert (log.torn, log.end) == (0, Mark(0, places[-1].offset + places[-1].nbytes))
    assert log.nbytes == log.end.offset == (tmp_path / "frames-000000.bslog").stat().st_size
    place = log.append({"kind": "frame", "n": 8}, [])
    assert (place.segment, place.offset) == (0, places[-1].offset + places[-1].nbytes)
    log.close()
    assert numbers(tmp_path) == list(range(9))


def test_a_full_segment_is_followed_by_the_next(tmp_path: Path) -> None:
    places = fill(tmp_path, segment_bytes=300)
    assert {place.segment for place in places} == {0, 1, 2, 3}
    sizes = [path.stat().st_size for path in sorted(tmp_path.iterdir())]
    assert all(size <= 300 for size in sizes)
    assert numbers(tmp_path) == list(range(8))
    log = Log(tmp_path, "frames", segment_bytes=300)
    assert log.segments == dict(enumerate(sizes))
    log.close()


def test_a_record_larger_than_a_segment_has_one_for_itself(tmp_path: Path) -> None:
    log = Log(tmp_path, "frames", segment_bytes=100)
    places = [log.append({"n": n}, [bytes(size)]) for n, size in enumerate((1, 5000, 1))]
    log.close()
    assert [place.segment for place in places] == [0, 1, 2]
    assert numbers(tmp_path) == [0, 1, 2]


def test_a_record_of_more_buffers_than_the_system_takes_at_once(tmp_path: Path) -> None:
    pieces = [bytes([n % 251]) * (n % 5) for n in range(3 * MAX_BUFFERS)]
    log = Log(tmp_path, "frames")
    place = log.append({"n": 0}, pieces)
    log.close()
    record = LogReader(tmp_path, "frames").at(place)
    record.check()
    assert [bytes(piece) for piece in record.pieces] == pieces


def test_a_large_record_is_a_record_as_any_other(tmp_path: Path) -> None:
    pieces = [bytes([n]) * nbytes for n, nbytes in enumerate((0, 7, LARGE, CHUNK, 3 * CHUNK + 1))]
    log = Log(tmp_path, "frames")
    small, large, after = (log.append({"n": n}, p) for n, p in enumerate(([b"x"], pieces, [b"y"])))
    log.close()
    assert after.offset == large.offset + large.nbytes
    assert log.end.offset == after.offset + after.nbytes
    record = LogReader(tmp_path, "frames").at(large)
    record.check()
    assert record.crcs == [zlib.crc32(piece) for piece in pieces]
    assert [bytes(piece) for piece in record.pieces] == pieces
    assert numbers(tmp_path) == [0, 1, 2]
    assert small.offset == 0


def test_a_large_record_that_was_begun_leaves_no_record(tmp_path: Path) -> None:
    log = Log(tmp_path, "frames")
    place = log.append({"n": 0}, [bytes(100)])
    large = log.append({"n": 1}, [b"z" * (2 * LARGE)])
    log.close()
    path = tmp_path / "frames-000000.bslog"
    whole = path.read_bytes()
    head = large.nbytes - 2 * LARGE
    for written in (CHUNK, 2 * LARGE - 1, 2 * LARGE):  # what stands before it comes last
        begun = whole[: place.nbytes] + bytes(head) + b"z" * written
        path.write_bytes(begun)
        log = Log(tmp_path, "frames")
        assert (log.torn, log.end.offset) == (head + written, place.nbytes)
        log.close()


def test_older_segments_are_dropped_and_the_last_one_never(tmp_path: Path) -> None:
    fill(tmp_path, segment_bytes=300)
    log = Log(tmp_path, "frames", segment_bytes=300)
    before = log.nbytes
    assert log.drop_before(2) == before - log.nbytes > 0
    assert sorted(log.segments) == [2, 3]
    assert [path.name for path in sorted(tmp_path.iterdir())] == [
        "frames-000002.bslog", "frames-000003.bslog",
    ]  # fmt: skip
    log.drop_before(1 << 62)
    assert sorted(log.segments) == [3]
    log.append({"kind": "frame", "n": 8}, [])
    log.close()
    assert numbers(tmp_path)[-1] == 8


# what crashes and power cuts leave


def test_a_tail_torn_at_any_byte_is_cut_off_and_all_before_it_is_kept(tmp_path: Path) -> None:
    places = fill(tmp_path / "whole")
    whole = (tmp_path / "whole" / "frames-000000.bslog").read_bytes()
    path = tmp_path / "torn" / "frames-000000.bslog"
    path.parent.mkdir()
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        kept = [n for n, place in enumerate(places) if place.offset + place.nbytes <= length]
        reader = LogReader(path.parent, "frames")
        assert [record.head["n"] for _, record in reader.scan()] == kept
        log = Log(path.parent, "frames")
        end = places[len(kept) - 1].offset + places[len(kept) - 1].nbytes if kept else 0
        assert (log.end.offset, log.torn, reader.tail) == (end, length - end, length - end)
        log.append({"kind": "frame", "n": 99}, [b"after"])
        log.close()
        assert numbers(path.parent) == [*kept, 99]


def test_any_flipped_byte_costs_its_record_and_no_other(tmp_path: Path) -> None:
    places = fill(tmp_path / "whole")
    whole = (tmp_path / "whole" / "frames-000000.bslog").read_bytes()
    path = tmp_path / "bad" / "frames-000000.bslog"
    path.parent.mkdir()
    for at in range(len(whole)):
        hit = next(n for n, p in enumerate(places) if at < p.offset + p.nbytes)
        spoiled = bytearray(whole)
        spoiled[at] ^= 0x41
        path.write_bytes(spoiled)
        padding = places[hit].offset + 20 <= at < places[hit].offset + 24
        others = [n for n in range(8) if n != hit]
        wanted = list(range(8)) if padding else others
        assert numbers(path.parent) == wanted, at


def test_a_damaged_body_is_named_with_its_head_and_those_behind_it_are_kept(tmp_path: Path) -> None:
    places = fill(tmp_path)
    path = tmp_path / "frames-000000.bslog"
    spoiled = bytearray(path.read_bytes())
    spoiled[places[3].offset + places[3].nbytes - 1] ^= 1
    path.write_bytes(spoiled)
    log = Log(tmp_path, "frames")
    assert log.torn == 0
    log.close()
    reader = LogReader(tmp_path, "frames")
    assert [r.head["n"] for _, r in reader.scan()] == [0, 1, 2, 4, 5, 6, 7]
    (damage,) = reader.damage.values()
    assert damage.head == {"kind": "frame", "n": 3}
    assert damage.place == places[3]
    assert "bad_checksum" in damage.why


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
@given(tail=st.one_of(st.binary(min_size=1, max_size=64), st.integers(1, 9000).map(bytes)))
def test_zeros_or_garbage_behind_the_last_record_are_cut_off(tmp_path: Path, tail: bytes) -> None:
    for path in tmp_path.iterdir():
        path.unlink()
    fill(tmp_path)
    with (tmp_path / "frames-000000.bslog").open("ab") as file:
        file.write(tail)
    log = Log(tmp_path, "frames")
    log.close()
    assert log.torn == len(tail)
    assert numbers(tmp_path) == list(range(8))


def test_a_segment_of_zeros_is_an_empty_one(tmp_path: Path) -> None:
    (tmp_path / "frames-000000.bslog").write_bytes(bytes(5000))
    log = Log(tmp_path, "frames")
    assert (log.torn, log.end) == (5000, Mark(0, 0))
    log.close()


def test_a_foreign_file_is_not_touched(tmp_path: Path) -> None:
    path = tmp_path / "frames-000000.bslog"
    path.write_bytes(b"a letter to somebody")
    with pytest.raises(SpoolError, match="is no log of beamside: move it away"):
        Log(tmp_path, "frames")
    assert path.read_bytes() == b"a letter to somebody"


def test_a_file_where_the_folder_should_be_is_said(tmp_path: Path) -> None:
    (tmp_path / "spool").write_text("no folder")
    with pytest.raises(SpoolError, match="can't open the log frames in"):
        Log(tmp_path / "spool", "frames")


# what the disk does

FULL = """
import resource, sys
from pathlib import Path
from beamside.stream.errors import SpoolError
from beamside.stream.spool.log import Log

log = Log(Path(sys.argv[1]), "frames")
log.append({"n": 0}, [b"x" * 1000])
end, most = log.end, resource.getrlimit(resource.RLIMIT_FSIZE)[1]
resource.setrlimit(resource.RLIMIT_FSIZE, (end.offset + 500, most))  # a disk with 500 bytes left
for size in (600, 601, 5 << 20):
    try:
        log.append({"n": 1}, [b"y" * 400, b"z" * size])
    except SpoolError as error:
        print(error)
    assert (log.end, log.nbytes) == (end, end.offset), log.end
assert (log.folder / "frames-000000.bslog").stat().st_size == end.offset
resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
log.append({"n": 2}, [b"y" * 400, b"z" * 600])
log.sync()
log.close()
"""


def test_a_full_disk_is_said_and_the_log_is_as_before_and_goes_on_later(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", FULL, str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("make room on the disk, the record can be tried again") == 3
    assert numbers(tmp_path) == [0, 2]


def test_what_is_not_synced_is_known(tmp_path: Path) -> None:
    log = Log(tmp_path, "frames", segment_bytes=300)
    assert log.unsynced == 0
    for n in range(8):
        log.append({"n": n}, [bytes(100)])
    assert log.unsynced == log.nbytes > 800
    log.sync()
    assert log.unsynced == 0
    log.sync()
    log.append({"n": 8}, [])
    assert 0 < log.unsynced < 100
    log.close()
    log.sync()  # of a closed log: nothing is left to do


def test_another_thread_syncs_while_records_are_appended_and_dropped(tmp_path: Path) -> None:
    log = Log(tmp_path, "frames", segment_bytes=20_000)
    leave = threading.Event()
    errors: list[BaseException] = []

    def sync() -> None:
        try:
            while not leave.is_set():
                log.sync()
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=sync)
    thread.start()
    for n in range(2000):
        place = log.append({"n": n}, [bytes(1000)])
        if n % 100 == 99:
            log.drop_before(place.segment - 1)
    leave.set()
    thread.join()
    log.sync()
    assert errors == []
    assert log.unsynced == 0
    log.close()
    kept = numbers(tmp_path)
    assert kept == list(range(kept[0], 2000))


def test_a_folder_that_was_taken_away_is_said_at_the_next_sync(tmp_path: Path) -> None:
    log = Log(tmp_path / "run", "frames")
    log.append({"n": 0}, [])
    (tmp_path / "run").rename(tmp_path / "elsewhere")
    with pytest.raises(SpoolError, match="was deleted or moved while it was written"):
        log.sync()
    with pytest.raises(SpoolError, match="put the folder back"):
        log.append({"n": 1}, [])
    (tmp_path / "elsewhere").rename(tmp_path / "run")
    log.append({"n": 1}, [])
    log.sync()
    log.close()
    assert numbers(tmp_path / "run") == [0, 1]
