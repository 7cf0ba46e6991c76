"""kill -9 of a writer at any moment: `resume` and the same frames again give them all, once."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import h5py
import hdf5plugin  # noqa: F401  (registers the filter)
import numpy as np
import pytest

from beamside.stream.errors import ArchiveError
from beamside.stream.messages import Frame, Result, RunStart, RunStop
from beamside.stream.nexus import Archive, Limits, claim, open_archive, read_result

MakeFrame = Callable[..., Frame]
MakeResult = Callable[..., Result]
LIMITS = Limits(segment_frames=8, block_frames=3, master_s=0, reserve_bytes=1 << 16)
STOP = RunStop("microscope", "run-7", "complete", "the end", {"received": 3})
WRITER = """
import random, sys
from pathlib import Path
import numpy as np
from beamside.stream import decompress
from beamside.stream.messages import Frame, RunStart, RunStop
from beamside.stream.nexus import Archive, Limits
folder, seed = Path(sys.argv[1]), int(sys.argv[2])
limits = Limits(segment_frames=16, block_frames=5, master_s=0, reserve_bytes=1 << 16)
archive = Archive.resume(folder, "run", RunStart("m", "r", time_ns=1), limits=limits)
assert not archive.damaged
print(len(archive.held), flush=True)
numbers = list(range(300)) + [10**9, 10**9 + 5]
if seed % 2:  # senders that interleave, and some frames that come very late
    numbers = numbers[:20] + numbers[150:] + numbers[20:150]
for number in numbers:
    if number not in archive.held:
        pixels = decompress.encode(np.full((36, 52), number % 60_000, "<u2"))
        archive.add(Frame("m", "r", number, {"data": pixels}, {"n": number}))
    print(number, flush=True)
print(archive.close(RunStop("m", "r")), flush=True)
"""


def write(folder: Path, seed: int, lines: int | None) -> str:
    """Write on; kill the writer after so many lines (None: let it end); give its last line."""
    script = [sys.executable, "-c", WRITER, str(folder), str(seed)]
    last = ""
    with subprocess.Popen(script, stdout=subprocess.PIPE, text=True, cwd=folder) as writer:
        assert writer.stdout is not None
        for count, line in enumerate(writer.stdout):
            last = line.strip()
            if count == lines:
                writer.send_signal(signal.SIGKILL)
        assert writer.wait(30) in (0, -signal.SIGKILL)
    return last


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1])
def test_every_frame_is_there_once_whenever_the_writer_was_killed(
    seed: int, tmp_path: Path
) -> None:
    chance = random.Random(seed)  # noqa: S311
    for _ in range(4):
        write(tmp_path, seed, chance.randrange(310))
    path = Path(write(tmp_path, seed, None))
    numbers = [*range(300), 10**9, 10**9 + 5]
    with open_archive(path) as archive:
        assert archive.problems == []
        assert list(archive.numbers) == numbers
        assert sum(b - a + 1 for s in archive.listed for a, b in s["ranges"]) == len(numbers)
        for number in numbers:
            assert archive.frame(number).metadata == {"n": number}
    with h5py.File(path) as file:
        assert file["entry/frames/frame_valid"][:].tolist() == [1] * 300
        assert (file["entry/data/data"][:, 3, 5] == np.arange(300)).all()
        assert (file["entry/data/data"][:] == np.arange(300)[:, None, None]).all()
        assert file["entry/far_frames/frame_number"][:].tolist() == numbers[300:]
    assert list(tmp_path.rglob("*.part")) == []


def test_closed_segments_count_and_parts_do_not(
    tmp_path: Path, start: RunStart, frame: MakeFrame, result: MakeResult
) -> None:
    stem = claim(tmp_path, start)
    archive = Archive.create(tmp_path, stem, start, limits=LIMITS)
    for number in range(20):
        archive.add(frame(number))
    archive.add_result(result((0, 1)))
    archive.flush()
    assert list(archive.kept) == list(range(20))
    archive.abandon()
    again = Archive.resume(tmp_path, stem, start, limits=LIMITS)
    assert list(again.held) == list(range(16)) == list(again.kept)
    assert not again.closed
    for number in range(16, 20):
        again.add(frame(number))
    again.add_result(result((0, 1)))
    path = again.close(STOP)
    assert again.closed
    assert list(again.held) == list(range(20))
    with open_archive(path) as read:
        assert list(read.numbers) == list(range(20))
    assert read_result(path, "hrtem")["frame"].values.tolist() == [0, 1]


def test_a_finished_run_stays_as_it_is(tmp_path: Path, start: RunStart, frame: MakeFrame) -> None:
    stem = claim(tmp_path, start)
    archive = Archive.create(tmp_path, stem, start)
    archive.add(frame(0))
    path = archive.close(STOP)
    before = path.read_bytes()
    again = Archive.resume(tmp_path, stem, start)
    assert again.closed
    assert list(again.held) == [0]
    with pytest.raises(ArchiveError, match="closed"):
        again.add(frame(1))
    assert again.close(STOP) == path
    assert path.read_bytes() == before


def test_a_late_frame_finds_its_row_after_a_crash(
    tmp_path: Path, start: RunStart, frame: MakeFrame
) -> None:
    stem = claim(tmp_path, start)
    archive = Archive.create(tmp_path, stem, start, limits=LIMITS)
    for number in (0, 2, 4, 6, 8, 9, 16):  # the third segment closes the first, with its holes
        archive.add(frame(number))
    archive.flush()
    archive.abandon()
    archive = Archive.resume(tmp_path, stem, start, limits=LIMITS)
    for number in range(32):
        if number not in archive.held:
            archive.add(frame(number))
    path = archive.close(STOP)
    assert "late-000000.h5" in [p.name for p in archive.folder.iterdir()]
    with h5py.File(path) as file:
        assert file["entry/frames/frame_valid"][:].tolist() == [1] * 32
        assert file["entry/frames/received_time"][:].tolist() == list(range(2000, 2032))


def test_two_writers_of_one_run_are_kept_apart(tmp_path: Path, start: RunStart) -> None:
    stem = claim(tmp_path, start)
    archive = Archive.create(tmp_path, stem, start)
    with pytest.raises(ArchiveError, match="another process"):
        Archive.resume(tmp_path, stem, start)
    archive.abandon()
    Archive.resume(tmp_path, stem, start).abandon()


def test_a_damaged_segment_is_set_aside_and_its_frames_can_come_again(
    tmp_path: Path, start: RunStart, frame: MakeFrame
) -> None:
    stem = claim(tmp_path, start)
    archive = Archive.create(tmp_path, stem, start, limits=LIMITS)
    for number in range(16):
        archive.add(frame(number))
    archive.flush()
    archive.abandon()
    segment = archive.folder / "frames-000000.h5"
    segment.write_bytes(segment.read_bytes()[:1000])
    archive = Archive.resume(tmp_path, stem, start, limits=LIMITS)
    assert [path.name for path in archive.damaged] == ["frames-000000.h5.damaged"]
    assert list(archive.held) == list(range(8, 16))
    for number in range(8):
        archive.add(frame(number))
    with open_archive(archive.close(STOP)) as read:
        assert list(read.numbers) == list(range(16))


def test_another_run_under_the_same_name_is_not_mixed_in(
    tmp_path: Path, start: RunStart, frame: MakeFrame
) -> None:
    archive = Archive.create(tmp_path, "name", start, limits=LIMITS)
    for number in range(8):
        archive.add(frame(number))
    archive.flush()
    archive.abandon()
    with pytest.raises(ArchiveError, match="of run 'run-7', not of 'other'"):
        Archive.resume(tmp_path, "name", RunStart("microscope", "other"))
