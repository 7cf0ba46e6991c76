"""Full disks, killed writers, failing renames: what was in the archive stays readable."""

from __future__ import annotations

import os
import signal
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
from beamside.stream.nexus import Archive, Limits, open_archive, read_result

MakeFrame = Callable[..., Frame]
MakeImage = Callable[..., np.ndarray]
MakeResult = Callable[..., Result]
STOP = RunStop("microscope", "run-7")
LIMITS = Limits(reserve_bytes=1 << 20)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A real disk of 6 MB; skips where this user may not mount one."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=6m", "tmpfs", str(folder)]
    try:
        mounted = subprocess.run(command, capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        mounted = False
    if not mounted:
        pytest.skip("this user may not mount a small disk")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def fill_up(folder: Path) -> None:
    """Somebody else takes the last byte."""
    descriptor = os.open(folder / "filler", os.O_CREAT | os.O_WRONLY)
    try:
        for size in (1 << 16, 4096, 1):
            try:
                while True:
                    os.write(descriptor, b"x" * size)
            except OSError:
                continue
    finally:
        os.close(descriptor)


def assert_whole(
    path: Path, numbers: list[int], image: MakeImage, shape: tuple[int, int] = (36, 52)
) -> None:
    """Every one of these frames is in the file, for us and for plain h5py."""
    with open_archive(path) as archive:
        assert list(archive.numbers) == numbers
        for number in numbers:
            pixels = archive.frame(number).channels["data"]
            assert np.array_equal(decompress.decode(pixels), image(number, shape=shape))
    with h5py.File(path) as file:
        valid = np.flatnonzero(file["entry/frames/frame_valid"][:])
        assert valid.tolist() == numbers
        data = file["entry/data/data"][:]
        for number in numbers:
            assert np.array_equal(data[number], image(number, shape=shape))


@pytest.mark.parametrize("shape", [(36, 52), (600, 400), (1000, 800)])
def test_a_full_disk_is_an_archive_error_and_costs_no_frame_that_was_in(
    shape: tuple[int, int], small_disk: Path, start: RunStart, frame: MakeFrame, image: MakeImage
) -> None:
    archive = Archive.create(small_disk, start, limits=LIMITS)
    taken: list[int] = []
    said = ""
    while not said:
        if len(taken) == 2:
            fill_up(small_disk)
        try:
            archive.add(frame(len(taken), "raw", shape=shape))
            taken.append(len(taken))
        except ArchiveError as error:
            said = str(error)
    assert "No space left" in said
    assert f"{len(taken)} frames in it stay readable" in said
    assert "archive.folder" in said
    assert 2 <= len(taken) <= 3
    assert list(archive.kept) == taken
    with pytest.raises(ArchiveError, match="No space left"):
        archive.add(frame(len(taken), shape=shape))
    with pytest.raises(ArchiveError, match="No space left"):
        archive.close(STOP)
    assert_whole(archive.abandon(), taken, image, shape)


def test_a_disk_that_we_fill_ourselves_costs_no_frame_either(
    small_disk: Path, start: RunStart, frame: MakeFrame, image: MakeImage
) -> None:
    archive = Archive.create(small_disk, start, limits=replace(LIMITS, block_frames=16))
    taken: list[int] = []
    while len(taken) < 10_000:
        try:
            archive.add(frame(len(taken), "raw", shape=(120, 120)))
        except ArchiveError:
            break
        taken.append(len(taken))
    assert 100 < len(taken) < 250
    assert list(archive.kept) == taken
    assert_whole(archive.abandon(), taken, image, (120, 120))


def test_a_disk_that_fills_up_under_results_costs_no_frame_either(
    small_disk: Path, start: RunStart, frame: MakeFrame, image: MakeImage, result: MakeResult
) -> None:
    archive = Archive.create(small_disk, start, limits=LIMITS)
    for number in range(5):
        archive.add(frame(number))
    count, said = 0, ""
    while not said:
        try:
            archive.add_result(result((count,), size=128))
            count += 1
        except ArchiveError as error:
            said = str(error)
    assert "No space left" in said
    assert 10 < count < 1000
    assert list(archive.kept) == list(range(5))
    path = archive.abandon()
    assert_whole(path, list(range(5)), image)
    after = read_result(path, "hrtem").sel(frame=slice(0, count - 1))
    for number in (0, count - 1):
        before = result((number,), size=128).data
        for name in ("confidence", "phase_map", "total"):
            assert np.array_equal(after[name].sel(frame=number), before[name][0]), name


def test_a_disk_that_fills_up_at_the_very_end_leaves_a_readable_part(
    small_disk: Path, start: RunStart, frame: MakeFrame, image: MakeImage
) -> None:
    archive = Archive.create(small_disk, start, limits=LIMITS)
    for number in range(5):
        archive.add(frame(number))
    fill_up(small_disk)
    with pytest.raises(ArchiveError, match="No space left"):
        archive.close(replace(STOP, account={"note": "x" * 3_000_000}))
    assert_whole(archive.abandon(), list(range(5)), image)


def test_without_room_for_the_reserve_no_archive_is_begun(
    small_disk: Path, start: RunStart
) -> None:
    with pytest.raises(ArchiveError, match=r"No space left.*archive\.folder"):
        Archive.create(small_disk, start, limits=Limits(reserve_bytes=1 << 23))
    assert list(small_disk.iterdir()) == []
    Archive.create(small_disk, start, limits=LIMITS).abandon()


LIMITED = """
import resource, signal, sys
from pathlib import Path
import numpy as np
from beamside.stream import decompress
from beamside.stream.errors import ArchiveError
from beamside.stream.messages import Frame, RunStart
from beamside.stream.nexus import Archive, Limits
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))
archive = Archive.create(Path(sys.argv[1]), RunStart("m", "r"), limits=Limits(reserve_bytes=65536))
pixels = decompress.encode(np.random.default_rng(0).integers(0, 65536, (64, 64)).astype("<u2"))
try:
    for number in range(100_000):
        archive.add(Frame("m", "r", number, {"data": pixels}))
except ArchiveError as error:
    print("refused", number, error)
"""


def test_a_limit_on_the_size_of_files_is_an_archive_error_too(tmp_path: Path) -> None:
    """Quotas and old file systems: the process goes on, and says whether the file is whole."""
    script = [sys.executable, "-c", LIMITED, str(tmp_path)]
    said = subprocess.run(script, capture_output=True, text=True, check=True, cwd=tmp_path)
    assert said.stdout.startswith("refused 1"), said.stdout
    assert "Traceback" not in said.stderr
    assert "File too large" in said.stdout
    path = next(tmp_path.glob("*.nxs.part"))
    if "stay readable" in said.stdout:
        with open_archive(path) as archive:
            assert len(archive.numbers) > 100
    else:
        assert "may be damaged" in said.stdout


KILLED = """
import sys, time
from pathlib import Path
import numpy as np
from beamside.stream import decompress
from beamside.stream.messages import Frame, RunStart
from beamside.stream.nexus import Archive, Limits
archive = Archive.create(Path(sys.argv[1]), RunStart("m", "r"), limits=Limits(block_frames=8))
for number in range(1_000_000):
    pixels = np.full((36, 52), number % 60_000, "<u2")
    archive.add(Frame("m", "r", number, {"data": decompress.encode(pixels)}))
    print(len(archive.kept), flush=True)
    time.sleep(0.001)
"""


def test_a_killed_writer_leaves_a_part_that_opens_plainly(tmp_path: Path) -> None:
    script = [sys.executable, "-c", KILLED, str(tmp_path)]
    with subprocess.Popen(script, stdout=subprocess.PIPE, text=True, cwd=tmp_path) as writer:
        assert writer.stdout is not None
        kept = 0
        for line in writer.stdout:
            kept = int(line)
            if kept >= 40:
                break
        writer.send_signal(signal.SIGKILL)
        rest = [int(line) for line in writer.stdout if line.strip().isdigit()]
        kept = max([kept, *rest])
    part = next(tmp_path.iterdir())
    assert part.name.endswith(".nxs.part")
    with h5py.File(part) as file:
        valid = file["entry/frames/frame_valid"][:]
        data = file["entry/data/data"]
        assert valid.sum() >= kept
        for number in np.flatnonzero(valid):
            assert (data[number] == number).all()


def test_a_folder_that_vanishes_is_told(tmp_path: Path, start: RunStart, frame: MakeFrame) -> None:
    folder = tmp_path / "share"
    folder.mkdir()
    archive = Archive.create(folder, start)
    archive.add(frame(0))
    archive.part.unlink()
    folder.rmdir()
    with pytest.raises(ArchiveError, match="written but can't be made safe and renamed"):
        archive.close(STOP)


def test_a_share_without_hard_links_is_no_obstacle(
    tmp_path: Path, start: RunStart, frame: MakeFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_links(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", no_links)
    paths = []
    for number in range(2):
        archive = Archive.create(tmp_path, start)
        archive.add(frame(number))
        paths.append(archive.close(STOP))
    assert len(set(paths)) == 2
    assert all(path.exists() for path in paths)
