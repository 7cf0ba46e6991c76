"""Which frame goes into which file, and how the master shows them as one."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

import h5py
import hdf5plugin  # noqa: F401  (registers the filter)
import numpy as np
import pytest
from isal.isal_zlib import crc32

from beamside.stream import decompress
from beamside.stream.errors import WireError
from beamside.stream.messages import Frame, RunStart, RunStop
from beamside.stream.nexus import Archive, Limits, claim, open_archive, read_frame, read_summary
from beamside.stream.nexus.verify import verify

MakeFrame = Callable[..., Frame]
MakeImage = Callable[..., np.ndarray]
STOP = RunStop("microscope", "run-7")
LIMITS = Limits(segment_frames=8, block_frames=3, master_s=0, reserve_bytes=1 << 16)


def written(
    folder: Path, start: RunStart, frames: Iterable[Frame], limits: Limits = LIMITS
) -> Archive:
    archive = Archive.create(folder, claim(folder, start), start, limits=limits)
    for frame in frames:
        archive.add(frame)
    archive.close(STOP)
    return archive


def names(archive: Archive) -> list[str]:
    return sorted(path.name for path in archive.folder.iterdir())


def orders() -> dict[str, list[int]]:
    chance = random.Random(1)  # noqa: S311
    shuffled = list(range(50))
    chance.shuffle(shuffled)
    two_senders = [n for pair in zip(range(25), range(25, 50), strict=True) for n in pair]
    three = [n for trio in zip(range(16), range(16, 32), range(32, 48), strict=True) for n in trio]
    return {
        "in order": list(range(50)),
        "backwards": list(range(50))[::-1],
        "shuffled": shuffled,
        "two senders": two_senders,
        "three senders": three,
        "odd, then even": [*range(1, 50, 2), *range(0, 50, 2)],
        "with gaps": [*range(3), *range(17, 19), 40, 41],
        "around the border": [5, 6, 8, 7, 10, 9, 11, 16, 12],
    }


@pytest.mark.parametrize("order", orders())
def test_rows_are_numbers_whatever_the_order(
    order: str, tmp_path: Path, start: RunStart, frame: MakeFrame, image: MakeImage
) -> None:
    numbers = orders()[order]
    archive = written(tmp_path, start, map(frame, numbers))
    assert sorted(archive.held) == sorted(numbers) == sorted(archive.kept)
    with h5py.File(archive.master) as file:
        valid = file["entry/frames/frame_valid"][:]
        assert np.flatnonzero(valid).tolist() == sorted(numbers)
        assert file["entry/data/frame_number"][:].tolist() == list(range(max(numbers) + 1))
        received = file["entry/frames/received_time"][:]
        data = file["entry/data/data"]
        for number in numbers:
            assert received[number] == 2000 + number
            assert np.array_equal(data[number], image(number))
        for number in set(range(max(numbers))) - set(numbers):
            assert (data[number] == 65535).all()
    for number in numbers:
        assert read_frame(archive.master, number).metadata["exposure"] == number / 10
    verdict = verify(archive.master)
    assert verdict.sound, verdict.problems
    assert verdict.frames == len(numbers)


def test_senders_that_interleave_at_the_border_make_no_late_segment(
    tmp_path: Path, start: RunStart, frame: MakeFrame
) -> None:
    archive = written(tmp_path, start, map(frame, [6, 8, 5, 9, 7, 10, 4, 11, *range(4)]))
    assert names(archive) == ["frames-000000.h5", "frames-000001.h5"]


def test_what_comes_after_its_segment_was_closed_is_kept_as_late(
    tmp_path: Path, start: RunStart, frame: MakeFrame
) -> None:
    archive = written(tmp_path, start, map(frame, [0, 8, 16, 24, 1, 2, 3]))
    assert "late-000000.h5" in names(archive)
    summary = read_summary(archive.master)
    assert summary.missing == ((4, 7), (9, 15), (17, 23))


def test_a_wild_number_does_not_close_what_is_being_written(
    tmp_path: Path, start: RunStart, frame: MakeFrame
) -> None:
    archive = written(tmp_path, start, map(frame, [0, 1, 50_000, 2, 3, 10**12, 4, 5, 8, 6, 7]))
    assert names(archive) == [
        "far-000000.h5",
        "frames-000000.h5",
        "frames-000001.h5",
        "frames-006250.h5",
    ]
    with open_archive(archive.master) as read:
        assert list(read.numbers) == [*range(9), 50_000, 10**12]


def test_large_frames_make_smaller_segments(
    tmp_path: Path, start: RunStart, frame: MakeFrame
) -> None:
    limits = replace(LIMITS, segment_bytes=3 * 36 * 52 * 2)
    archive = written(tmp_path, start, (frame(n, "raw") for n in range(7)), limits)
    assert names(archive) == [f"frames-00000{n}.h5" for n in range(3)]


def test_a_channel_that_comes_later_gets_its_place(
    tmp_path: Path, start: RunStart, frame: MakeFrame, image: MakeImage
) -> None:
    both = ("data", "second")
    frames = [frame(n, channels=both if n > 2 else both[:1]) for n in range(12)]
    archive = written(tmp_path, start, frames)
    with h5py.File(archive.master) as file:
        second = file["entry/instrument/microscope_second/data"]
        assert second.shape == (12, 36, 52)
        assert (second[2] == 65535).all()
        for n in range(3, 12):
            assert np.array_equal(second[n], image(n + 1000))
    assert set(read_frame(archive.master, 1).channels) == {"data"}
    assert set(read_frame(archive.master, 11).channels) == {"data", "second"}
    assert verify(archive.master).sound


def test_each_image_has_the_crc_of_its_stored_bytes(
    tmp_path: Path, start: RunStart, frame: MakeFrame
) -> None:
    frames = [frame(0), frame(1, "raw"), frame(2, "lz4")]
    archive = written(tmp_path, start, frames)
    with h5py.File(archive.master) as file:
        crcs = file["entry/frames/crc32"][:].tolist()
    stored = [read_frame(archive.master, n).channels["data"].data for n in range(3)]
    assert crcs == [crc32(data) for data in stored]
    assert crcs[:2] == [crc32(one.channels["data"].data) for one in frames[:2]]


def test_a_payload_that_is_not_what_came_is_refused(
    tmp_path: Path, start: RunStart, frame: MakeFrame
) -> None:
    archive = Archive.create(tmp_path, claim(tmp_path, start), start)
    good = frame(0)
    right = crc32(good.channels["data"].data)
    with pytest.raises(WireError, match="bad_checksum"):
        archive.add(good, {"data": right ^ 1})
    archive.add(good, {"data": right}, checked=True)
    archive.close(STOP)
    assert list(archive.held) == [0]


def test_the_master_shows_closed_segments_while_the_run_goes_on(
    tmp_path: Path, start: RunStart, frame: MakeFrame, image: MakeImage
) -> None:
    archive = Archive.create(tmp_path, claim(tmp_path, start), start, limits=LIMITS)
    for number in range(20):
        archive.add(frame(number))
    while len(archive.held) < 16:
        archive.flush()
    archive.flush()
    with h5py.File(archive.master) as file:
        assert file["entry/data/data"].shape[0] == 16
        assert np.array_equal(file["entry/data/data"][11], image(11))
        assert "end_time" not in file["entry"]
    summary = read_summary(archive.master)
    assert (summary.status, summary.frames) == ("unfinished", 20)
    archive.close(STOP)
    assert read_summary(archive.master).status == "complete"


def test_a_segment_alone_is_understood_by_plain_readers(
    tmp_path: Path, start: RunStart, frame: MakeFrame, image: MakeImage
) -> None:
    archive = written(tmp_path, start, [frame(9), frame(8)])
    with h5py.File(archive.folder / "frames-000001.h5") as file:
        plot = file[file.attrs["default"]]
        plot = plot[plot.attrs["default"]]
        data = plot[plot.attrs["signal"]]
        assert data.shape == (2, 36, 52)
        assert np.array_equal(data[1], image(9))
        assert file["entry/frames/frame_number"][:].tolist() == [8, 9]


def test_archive_and_segments_can_be_moved_together(
    tmp_path: Path, start: RunStart, frame: MakeFrame, image: MakeImage
) -> None:
    (tmp_path / "here").mkdir()
    archive = written(tmp_path / "here", start, [frame(0)])
    (tmp_path / "here").rename(tmp_path / "there")
    master = tmp_path / "there" / archive.master.name
    with h5py.File(master) as file:
        assert np.array_equal(file["entry/data/data"][0], image(0))
    pixels = read_frame(master, 0).channels["data"]
    assert np.array_equal(decompress.decode(pixels), image(0))
