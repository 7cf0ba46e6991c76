"""Full disks and limits: an ArchiveError, and after `resume` nothing is missing."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import h5py
import hdf5plugin  # noqa: F401  (registers the filter)
import numpy as np
import pytest

from beamside.stream import decompress
from beamside.stream.errors import ArchiveError
from beamside.stream.messages import Frame, Result, RunStart, RunStop
from beamside.stream.nexus import Archive, Limits, claim, open_archive, read_result

MakeFrame = Callable[..., Frame]
MakeImage = Callable[..., np.ndarray]
MakeResult = Callable[..., Result]
STOP = RunStop("microscope", "run-7")
LIMITS = Limits(reserve_bytes=1 << 16, segment_frames=8, block_frames=3)
SHAPE = (120, 120)
FRAMES = 40


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A real disk of 24 MB; skips where this user may not mount one."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", str(folder)]
    try:
        mounted = subprocess.run(command, capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        mounted = False
    if not mounted:
        pytest.skip("this user may not mount a small disk")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def fill_up(folder: Path) -> Path:
    """Somebody else takes the last byte."""
    filler = folder / "filler"
    descriptor = os.open(filler, os.O_CREAT | os.O_WRONLY)
    try:
        for size in (1 << 16, 4096, 1):
            try:
                while True:
                    os.write(descriptor, b"x" * size)
            except OSError:
                continue
    finally:
        os.close(descriptor)
    return filler


def refusal(write: Callable[[], object]) -> str:
    """What the archive says when the disk refuses."""
    with pytest.raises(ArchiveError) as refused:
        write()
    return str(refused.value)


def add_and_close(archive: Archive, frames: list[Frame]) -> None:
    for one in frames:
        archive.add(one)
    archive.close(STOP)


def assert_whole(path: Path, numbers: list[int], image: MakeImage) -> None:
    """Every one of these frames is in the archive once, for us and for plain h5py."""
    with open_archive(path) as archive:
        assert archive.problems == []
        assert list(archive.numbers) == numbers
        assert sum(b - a + 1 for s in archive.listed for a, b in s["ranges"]) == len(numbers)
        for number in numbers:
            pixels = archive.frame(number).channels["data"]
            assert np.array_equal(decompress.decode(pixels), image(number, shape=SHAPE))
    with h5py.File(path) as file:
        assert np.flatnonzero(file["entry/frames/frame_valid"][:]).tolist() == numbers
        data = file["entry/data/data"][:]
        for number in numbers:
            assert np.array_equal(data[number], image(number, shape=SHAPE))


@pytest.mark.parametrize("when", [1, 2, 7, 8, 9, 20, 33])
def test_a_full_disk_is_told_and_costs_nothing_once_there_is_space(
    when: int, small_disk: Path, start: RunStart, frame: MakeFrame, image: MakeImage
) -> None:
    frames = [frame(number, "raw", shape=SHAPE) for number in range(FRAMES)]
    stem = claim(small_disk, start)
    archive = Archive.create(small_disk, stem, start, limits=LIMITS)
    for one in frames[:when]:
        archive.add(one)
    filler = fill_up(small_disk)
    said = refusal(lambda: add_and_close(archive, frames[when:]))
    assert "No space left" in said
    assert "archive.folder" in said
    assert refusal(lambda: archive.add(frames[-1])) == said
    archive.abandon()
    filler.unlink()
    archive = Archive.resume(small_disk, stem, start, limits=LIMITS)
    assert set(archive.held) <= set(range(FRAMES))
    for one in frames:
        if one.number not in archive.held:
            archive.add(one)
    assert_whole(archive.close(STOP), list(range(FRAMES)), image)


def test_a_disk_that_we_fill_ourselves_costs_nothing_either(
    small_disk: Path, start: RunStart, frame: MakeFrame, image: MakeImage
) -> None:
    stem = claim(small_disk, start)
    archive = Archive.create(small_disk, stem, start, limits=LIMITS)
    taken: list[int] = []

    def add_on() -> None:
        while len(taken) < 10_000:
            archive.add(frame(len(taken), "raw", shape=SHAPE))
            taken.append(len(taken))

    assert "No space left" in refusal(add_on)
    assert 100 < len(taken) < 1000
    archive.abandon()
    archive = Archive.resume(small_disk, stem, start, limits=LIMITS)
    held = list(archive.held)
    assert held == taken[: len(held)]
    assert len(taken) - len(held) < 100
    archive.abandon()
    with open_archive(archive.folder) as read:
        for number in held:
            pixels = read.frame(number).channels["data"]
            assert np.array_equal(decompress.decode(pixels), image(number, shape=SHAPE))


def test_a_disk_that_fills_up_under_results_costs_nothing_either(
    small_disk: Path, start: RunStart, frame: MakeFrame, result: MakeResult
) -> None:
    stem = claim(small_disk, start)
    archive = Archive.create(small_disk, stem, start, limits=LIMITS)
    archive.add(frame(0))
    filler = small_disk / "filler"
    filler.write_bytes(bytes(12 << 20))
    sent: list[Result] = []

    def add_on() -> None:
        while len(sent) < 1000:
            one = result((len(sent),), size=128)
            archive.add_result(one)
            sent.append(one)

    assert "No space left" in refusal(add_on)
    assert len(sent) > 10
    archive.abandon()
    filler.unlink()
    archive = Archive.resume(small_disk, stem, start, limits=LIMITS)
    archive.add(frame(0))
    for one in sent:
        archive.add_result(one)
    after = read_result(archive.close(STOP), "hrtem")
    for number in (0, len(sent) - 1):
        for name in ("confidence", "phase_map", "total"):
            before = sent[number].data[name][0]
            assert np.array_equal(after[name].sel(frame=number), before), name


def test_a_disk_that_fills_up_at_the_very_end_costs_nothing_either(
    small_disk: Path, start: RunStart, frame: MakeFrame, image: MakeImage
) -> None:
    stem = claim(small_disk, start)
    archive = Archive.create(small_disk, stem, start, limits=LIMITS)
    frames = [frame(number, shape=SHAPE) for number in range(5)]
    for one in frames:
        archive.add(one)
    filler = fill_up(small_disk)
    with pytest.raises(ArchiveError, match="No space left"):
        archive.close(replace(STOP, account={"note": "x" * 3_000_000}))
    archive.abandon()
    filler.unlink()
    archive = Archive.resume(small_disk, stem, start, limits=LIMITS)
    for one in frames:
        if one.number not in archive.held:
            archive.add(one)
    assert_whole(archive.close(STOP), list(range(5)), image)


def test_without_room_no_archive_is_begun(small_disk: Path, start: RunStart) -> None:
    stem = claim(small_disk, start)
    greedy = replace(LIMITS, reserve_bytes=32 << 20)
    with pytest.raises(ArchiveError, match=r"No space left.*archive\.folder"):
        Archive.create(small_disk, stem, start, limits=greedy)
    Archive.create(small_disk, stem, start, limits=LIMITS).abandon()


LIMITED = """
import resource, signal, sys
from pathlib import Path
import numpy as np
from beamside.stream import decompress
from beamside.stream.errors import ArchiveError
from beamside.stream.messages import Frame, RunStart, RunStop
from beamside.stream.nexus import Archive, Limits, claim
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
folder, start = Path(sys.argv[1]), RunStart("m", "r")
stem = claim(folder, start)
pixels = decompress.encode(np.random.default_rng(0).integers(0, 65536, (64, 64)).astype("<u2"))
def write(archive, count):
    for number in range(count):
        if number not in archive.held:
            archive.add(Frame("m", "r", number, {"data": pixels}))
limits = Limits(reserve_bytes=65536)
resource.setrlimit(resource.RLIMIT_FSIZE, (3 << 20, resource.RLIM_INFINITY))
archive = Archive.create(folder, stem, start, limits=limits)
try:
    write(archive, 900)
except ArchiveError as error:
    print("refused", error)
archive.abandon()
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
archive = Archive.resume(folder, stem, start, limits=limits)
write(archive, 900)
print(archive.close(RunStop("m", "r")), len(archive.held))
"""


def test_a_limit_on_the_size_of_files_is_an_archive_error_too(tmp_path: Path) -> None:
    """Quotas and old file systems: the process goes on, and so does the archive without them."""
    script = [sys.executable, "-c", LIMITED, str(tmp_path)]
    said = subprocess.run(script, capture_output=True, text=True, check=True, cwd=tmp_path)
    first, last = said.stdout.splitlines()
    assert first.startswith("refused")
    assert "File too large" in first
    assert "Traceback" not in said.stderr
    path, held = last.split()
    assert held == "900"
    with open_archive(Path(path)) as archive:
        assert len(archive.numbers) == 900


def test_a_folder_that_vanishes_is_told(tmp_path: Path, start: RunStart, frame: MakeFrame) -> None:
    folder = tmp_path / "share"
    folder.mkdir()
    archive = Archive.create(folder, claim(folder, start), start)
    archive.add(frame(0))
    folder.rename(tmp_path / "gone")
    with pytest.raises(ArchiveError, match=r"No such file.*archive\.folder"):
        archive.close(STOP)
    archive.abandon()
