"""Frames into the archive and out again, as ours and as plain HDF5."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import hdf5plugin  # noqa: F401  (registers the filter)
import numpy as np
import pytest

from beamside.stream import decompress
from beamside.stream.errors import ArchiveError, FileError, WireError
from beamside.stream.messages import Frame, Pixels, RunStart, RunStop
from beamside.stream.nexus import (
    Archive,
    Limits,
    claim,
    is_archive,
    open_archive,
    read_frame,
    read_summary,
    release,
)

MakeFrame = Callable[..., Frame]
MakeImage = Callable[..., np.ndarray]
STOP = RunStop("microscope", "run-7", "complete", "the end", {"expected": 10, "received": 3})
PLAIN = """
import sys, json, h5py, hdf5plugin
assert not [name for name in sys.modules if name.startswith("beamside")]
with h5py.File(sys.argv[1]) as file:
    data = file["entry/data/data"][:]
    print(json.dumps([data.dtype.str, data.tolist(), file["entry/frames/frame_valid"][:].tolist()]))
"""


def filled(folder: Path, start: RunStart, *frames: Frame) -> Path:
    archive = Archive.create(folder, claim(folder, start), start)
    for frame in frames:
        archive.add(frame)
    return archive.close(STOP)


def pixels_of(path: Path, number: int, channel: str = "data") -> np.ndarray:
    return decompress.decode(read_frame(path, number).channels[channel])


@pytest.mark.parametrize("dtype", ["|u1", "<u2", "<u4", "<u8", "|i1", "<i2", "<i4", "<f4", "<f8"])
def test_every_packing_of_every_type_and_size_is_read_back_equal(
    dtype: str, tmp_path: Path, start: RunStart, image: MakeImage
) -> None:
    packings = ("bslz4", "raw", "lz4", "lz4-hdf5")
    sizes = {"some": (36, 52), "one": (1, 1), "few": (3, 5), "odd": (101, 67)}
    frames = []
    for number, packing in enumerate(packings):
        packed = {
            name: decompress.encode(image(number, dtype, shape), packing)
            for name, shape in sizes.items()
        }
        frames.append(Frame("microscope", "run-7", number, packed))
    path = filled(tmp_path, start, *frames)
    with h5py.File(path) as file, open_archive(path) as archive:
        for name, shape in sizes.items():
            plain = file[f"entry/instrument/microscope_{name}/data"]
            assert plain.dtype.str == dtype
            for number in range(len(packings)):
                truth = image(number, dtype, shape)
                assert np.array_equal(plain[number], truth)
                pixels = archive.frame(number).channels[name]
                assert np.array_equal(decompress.decode(pixels), truth)


def test_plain_h5py_in_a_process_without_beamside_reads_it(
    tmp_path: Path, start: RunStart, frame: MakeFrame, image: MakeImage
) -> None:
    path = filled(tmp_path, start, frame(0), frame(2, "raw"), frame(3, "lz4"))
    script = [sys.executable, "-c", PLAIN, str(path)]
    said = subprocess.run(script, capture_output=True, text=True, check=True, cwd=tmp_path)
    dtype, data, valid = json.loads(said.stdout)
    assert dtype == "<u2"
    assert valid == [1, 0, 1, 1]
    assert np.array_equal(data[0], image(0))
    assert np.array_equal(data[1], np.full((36, 52), 65535))
    assert np.array_equal(data[2], image(2))
    assert np.array_equal(data[3], image(3))


def test_the_detectors_own_bytes_are_stored_untouched(
    tmp_path: Path, start: RunStart, frame: MakeFrame
) -> None:
    sent = [frame(0, "bslz4"), frame(1, "raw")]
    path = filled(tmp_path, start, *sent)
    for before in sent:
        after = read_frame(path, before.number).channels["data"]
        assert after == replace(before.channels["data"], data=after.data)
        assert bytes(after.data) == bytes(before.channels["data"].data)


def test_frames_may_come_as_views_of_a_message(
    tmp_path: Path, start: RunStart, frame: MakeFrame, image: MakeImage
) -> None:
    whole = frame(0)
    pixels = whole.channels["data"]
    viewed = replace(pixels, data=memoryview(b"head" + bytes(pixels.data))[4:])
    path = filled(tmp_path, start, replace(whole, channels={"data": viewed}))
    assert np.array_equal(pixels_of(path, 0), image(0))


def test_the_row_is_the_number_whatever_the_order_and_what_is_missing_is_seen(
    tmp_path: Path, start: RunStart, frame: MakeFrame, image: MakeImage
) -> None:
    path = filled(tmp_path, start, *(frame(n, dtype="<f4") for n in (6, 1, 0, 4)))
    with h5py.File(path) as file:
        data, frames = file["entry/data/data"], file["entry/frames"]
        assert data.shape == (7, 36, 52)
        assert frames["frame_valid"][:].tolist() == [1, 1, 0, 0, 1, 0, 1]
        assert frames["frame_number"][:].tolist() == list(range(7))
        for number in (0, 1, 4, 6):
            assert np.array_equal(data[number], image(number, "<f4"))
        assert np.isnan(data[2]).all()
        assert frames["received_time"][4] == 2004
        assert frames["received_time"][3] == np.iinfo(np.int64).max
    with open_archive(path) as archive:
        assert list(archive.numbers) == [0, 1, 4, 6]
    with pytest.raises(FileError, match="holds no frame 3"):
        read_frame(path, 3)


def test_gaps_over_several_blocks_are_seen_too(
    tmp_path: Path, start: RunStart, frame: MakeFrame
) -> None:
    archive = Archive.create(tmp_path, claim(tmp_path, start), start, limits=Limits(block_frames=2))
    for number in (0, 1, 9, 4, 30, 5, 20):
        archive.add(frame(number))
    with open_archive(archive.close(STOP)) as read:
        assert list(read.numbers) == [0, 1, 4, 5, 9, 20, 30]
        assert read.frame(20).received_ns == 2020


def test_a_wild_number_makes_no_giant_dataset_and_is_kept(
    tmp_path: Path, start: RunStart, frame: MakeFrame, image: MakeImage
) -> None:
    wild = (10**9, 2**62, 10**9 + 1)
    path = filled(tmp_path, start, frame(0), *(frame(n) for n in wild), frame(1))
    with h5py.File(path) as file:
        assert file["entry/data/data"].shape[0] == 2
        assert file["entry/far_frames/data"].shape[0] == 3
        assert file["entry/far_frames/frame_number"][:].tolist() == list(wild)
    assert path.stat().st_size < 200_000
    for number in (0, 1, *wild):
        assert np.array_equal(pixels_of(path, number), image(number))
        assert read_frame(path, number).metadata["exposure"] == number / 10


def test_a_detector_that_announces_a_billion_frames_is_not_believed(
    tmp_path: Path, start: RunStart, frame: MakeFrame
) -> None:
    path = filled(tmp_path, replace(start, expected=10**9), frame(0), frame(5 * 10**8))
    with h5py.File(path) as file:
        assert file["entry/data/data"].shape[0] == 1


def test_a_run_that_was_joined_late_has_a_plot_all_the_same(
    tmp_path: Path, start: RunStart, frame: MakeFrame
) -> None:
    path = filled(tmp_path, replace(start, expected=None), frame(10**7), frame(10**7 + 1))
    with h5py.File(path) as file:
        plot = file["entry"][file["entry"].attrs["default"]]
        assert plot["data"].shape[0] == 2
        assert plot["frame_number"][:].tolist() == [10**7, 10**7 + 1]


def test_two_channels_lie_side_by_side(
    tmp_path: Path, start: RunStart, frame: MakeFrame, image: MakeImage
) -> None:
    both = ("threshold_1", "threshold_2")
    frames = [frame(0, channels=both), frame(2, channels=both[:1]), frame(1, channels=both)]
    path = filled(tmp_path, replace(start, channels=both), *frames)
    assert np.array_equal(pixels_of(path, 1, "threshold_2"), image(1001))
    assert set(read_frame(path, 2).channels) == {"threshold_1"}
    with h5py.File(path) as file:
        detectors = file["entry/instrument"]
        for name in both:
            assert detectors[f"microscope_{name}/data"].shape == (3, 36, 52)
        assert file["entry/frames/frame_valid"][:].tolist() == [1, 1, 2]
    with open_archive(path) as archive:
        assert archive.start.channels == both


def test_times_metadata_and_the_start_are_kept(
    tmp_path: Path, start: RunStart, frame: MakeFrame
) -> None:
    silent = replace(frame(1), metadata={}, detector_ns=None, received_ns=0)
    path = filled(tmp_path, start, frame(0), silent)
    assert read_frame(path, 0) == replace(frame(0), channels=read_frame(path, 0).channels)
    assert read_frame(path, 1).metadata == {}
    assert read_frame(path, 1).detector_ns is None
    with open_archive(path) as archive:
        again = archive.start
    assert again.metadata == start.metadata
    assert again.calibration == start.calibration
    assert (again.source, again.run, again.expected) == (start.source, start.run, start.expected)
    assert again.time_ns == start.time_ns
    assert set(again.arrays) == set(start.arrays)
    for name, array in start.arrays.items():
        assert np.array_equal(again.arrays[name], array)


@pytest.mark.parametrize(
    "metadata",
    [
        {"big": 2**70, "float": 1e300},
        {"lone": "\ud800", "bytes": b"\xff", "array": np.arange(3)},
        {1: {"nested": [None, True]}},
        {"many": ["x" * 1000] * 100},
    ],
)
def test_whatever_a_detector_says_becomes_json(
    metadata: dict[Any, Any], tmp_path: Path, start: RunStart, frame: MakeFrame
) -> None:
    path = filled(
        tmp_path,
        replace(start, metadata=metadata),
        replace(frame(0), metadata=metadata),
        frame(1),
    )
    assert {str(key) for key in metadata} == set(read_frame(path, 0).metadata)
    assert read_frame(path, 1).metadata == frame(1).metadata
    with open_archive(path) as archive:
        assert {str(key) for key in metadata} == set(archive.start.metadata)


def test_axes_are_in_nm_or_in_pixels(tmp_path: Path, start: RunStart, frame: MakeFrame) -> None:
    calibrated = filled(tmp_path, start, frame(0))
    unknown = filled(tmp_path, replace(start, calibration={"pixel_size_nm": "?"}), frame(0))
    with h5py.File(calibrated) as file:
        x = file["entry/data/x"]
        assert x.attrs["units"] == "nm"
        assert np.allclose(x[:], (np.arange(52) + 0.5) * 0.03)
    with h5py.File(unknown) as file:
        assert file["entry/data/y"].attrs["units"] == "px"
        assert np.allclose(file["entry/data/y"][:], np.arange(36) + 0.5)


def spoilt(frame: Frame, **changes: Any) -> Frame:
    return replace(frame, channels={"data": replace(frame.channels["data"], **changes)})


def test_what_is_not_fit_is_refused_by_name_and_harms_nothing(
    tmp_path: Path, start: RunStart, frame: MakeFrame, image: MakeImage
) -> None:
    archive = Archive.create(tmp_path, claim(tmp_path, start), start)
    archive.add(frame(0))
    good = frame(1)
    cut = bytes(good.channels["data"].data)[:-40]
    many = {f"c{i}": good.channels["data"] for i in range(40)}
    for bad, reason in (
        (frame(1, shape=(52, 36)), "bad_shape"),
        (frame(1, dtype="<u4"), "bad_dtype"),
        (spoilt(good, data=cut), "truncated"),
        (spoilt(good, data=b""), "truncated"),
        (spoilt(good, encoding="zip"), "bad_encoding"),
        (frame(0), "double"),
        (replace(good, number=-1), "bad_number"),
        (replace(good, number=2**64), "bad_number"),
        (replace(good, channels={}), "bad_channels"),
        (replace(good, channels=many), "bad_channels"),
    ):
        with pytest.raises(WireError) as refused:
            archive.add(bad)
        assert refused.value.reason == reason
        assert (refused.value.run, refused.value.number) == ("run-7", bad.number)
    archive.add(good)
    path = archive.close(STOP)
    assert np.array_equal(pixels_of(path, 0), image(0))
    assert np.array_equal(pixels_of(path, 1), image(1))
    with h5py.File(path) as file:
        assert file["entry/data/data"].shape == (2, 36, 52)
        assert len(file["entry/instrument"]) == 2  # the name, and one detector


def test_a_first_frame_that_is_refused_does_not_say_what_the_run_is(
    tmp_path: Path, start: RunStart, frame: MakeFrame
) -> None:
    archive = Archive.create(tmp_path, claim(tmp_path, start), start)
    bad = frame(0, shape=(8, 8))
    with pytest.raises(WireError, match="truncated"):
        archive.add(spoilt(bad, data=b"\0" * 13))
    archive.add(frame(0))
    with open_archive(archive.close(STOP)) as read:
        assert read.start.shape == (36, 52)


def test_a_zeroed_head_is_repaired(
    tmp_path: Path, start: RunStart, frame: MakeFrame, image: MakeImage
) -> None:
    data = bytes(12) + bytes(frame(0).channels["data"].data)[12:]
    path = filled(tmp_path, start, spoilt(frame(0), data=data))
    with h5py.File(path) as file:
        assert np.array_equal(file["entry/data/data"][0], image(0))


@pytest.mark.parametrize(
    "run", ["../../etc/passwd", "a/b\\c", "", "\0", "..", "x" * 300, "<b>Ωé</b>", "-rf *", "C:\\x"]
)
def test_a_hostile_run_id_stays_in_the_folder_and_is_told_unchanged(
    run: str, tmp_path: Path, start: RunStart, frame: MakeFrame
) -> None:
    folder = tmp_path / "archives"
    folder.mkdir()
    path = filled(folder, replace(start, run=run, source="../" + run), replace(frame(0), run=run))
    assert {path, path.with_suffix("")} == set(folder.iterdir())
    assert list(tmp_path.iterdir()) == [folder]
    assert len(path.name) < 200
    assert path.name.startswith("2026")
    assert read_summary(path).run == run.replace("\0", "")


def test_nothing_is_ever_overwritten(tmp_path: Path, start: RunStart, frame: MakeFrame) -> None:
    archives = [Archive.create(tmp_path, claim(tmp_path, start), start) for _ in range(3)]
    for number, archive in enumerate(archives):
        archive.add(frame(number))
    first = archives[0].close(STOP)
    late = archives[1].master
    late.write_text("somebody else's")
    paths = [first, *(archive.close(STOP) for archive in archives[1:])]
    paths.append(filled(tmp_path, start, frame(3)))
    assert len(set(paths)) == 4
    assert late.read_text() == "somebody else's"
    for number, path in enumerate(paths):
        with open_archive(path) as read:
            assert list(read.numbers) == [number]


def test_segments_are_parts_until_they_are_closed(
    tmp_path: Path, start: RunStart, frame: MakeFrame
) -> None:
    stem = claim(tmp_path, start)
    archive = Archive.create(tmp_path, stem, start)
    archive.add(frame(0))
    assert [p.name for p in tmp_path.iterdir()] == [stem]
    names = sorted(p.name for p in archive.folder.iterdir())
    assert names == ["frames-000000.h5.part", "results.h5.part"]
    path = archive.close(STOP)
    assert path == tmp_path / f"{stem}.nxs"
    assert path.name.endswith("Z_microscope_run-7.nxs")
    assert [p.name for p in archive.folder.iterdir()] == ["frames-000000.h5"]
    with pytest.raises(ArchiveError, match="closed"):
        archive.add(frame(1))


def test_a_claimed_name_is_nobody_elses_and_can_be_given_back(
    tmp_path: Path, start: RunStart
) -> None:
    first, second = claim(tmp_path, start), claim(tmp_path, start)
    assert second == f"{first}_2"
    release(tmp_path, first)
    assert claim(tmp_path, start) == first


def test_an_abandoned_archive_stays_a_part_and_can_be_read(
    tmp_path: Path, start: RunStart, frame: MakeFrame, image: MakeImage
) -> None:
    archive = Archive.create(tmp_path, claim(tmp_path, start), start)
    archive.add(frame(0))
    path = archive.abandon()
    assert list(tmp_path.iterdir()) == [path] == [archive.folder]
    assert np.array_equal(pixels_of(path, 0), image(0))
    assert read_summary(path).status == "unfinished"
    with pytest.raises(ArchiveError, match="abandoned"):
        archive.close(STOP)


def test_the_account_is_in_the_file(tmp_path: Path, start: RunStart, frame: MakeFrame) -> None:
    account = {"expected": 10, "received": 1, "missing_ranges": [[1, 9]], "refused": {"x/y": 1}}
    archive = Archive.create(tmp_path, claim(tmp_path, start), start)
    archive.add(frame(0))
    path = archive.close(RunStop("microscope", "run-7", "incomplete", "power cut", account))
    with h5py.File(path) as file:
        group = file["entry/account"]
        assert group["expected"][()] == 10
        assert group["status"][()] == b"incomplete"
        assert json.loads(group["json"][()]) == account
    summary = read_summary(path)
    assert (summary.status, summary.reason) == ("incomplete", "power cut")
    assert summary.account == account


def test_a_run_without_frames_is_an_archive_too(tmp_path: Path, start: RunStart) -> None:
    path = Archive.create(tmp_path, claim(tmp_path, start), start).close(STOP)
    assert is_archive(path)
    assert read_summary(path).frames == 0


def test_a_folder_that_is_not_there_is_told_with_what_to_do(
    tmp_path: Path, start: RunStart
) -> None:
    with pytest.raises(ArchiveError, match=r"No such file.*archive\.folder"):
        Archive.create(tmp_path / "gone", "run", start)


def test_pixels_of_no_run_are_refused_before_anything_is_written(
    tmp_path: Path, start: RunStart
) -> None:
    archive = Archive.create(tmp_path, claim(tmp_path, start), start)
    giant = Pixels((60000, 60000), "<u4", "bslz4", b"\0" * 64)
    with pytest.raises(WireError, match="too_large"):
        archive.add(Frame("microscope", "run-7", 0, {"data": giant}))
    archive.abandon()
