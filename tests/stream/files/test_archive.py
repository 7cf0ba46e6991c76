"""Our own archive, replayed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from beamside.stream import decompress
from beamside.stream.errors import FileError
from beamside.stream.files import open_file
from beamside.stream.messages import Frame, Pixels, RunStart, RunStop
from beamside.stream.nexus import Archive, claim

STACK = np.random.default_rng(1).poisson(9, (6, 48, 40)).astype("<u2")
START = RunStart(
    source="camera",
    run="r1",
    expected=6,
    shape=(48, 40),
    dtype="<u2",
    calibration={
        "pixel_size_nm": [0.02, 0.03],
        "voltage_kV": 300,
        "temperature_K": 100.0,
        "origin": "the settings",
    },
    metadata={"threshold": 5, "file": "of the detector"},
    arrays={"pixel_mask": np.eye(48, 40, dtype="<u4")},
    time_ns=1,
)


def pack(number: int, encoding: str) -> Pixels:
    if encoding == "raw":
        return Pixels((48, 40), "<u2", "raw", STACK[number].tobytes())
    return decompress.encode(STACK[number], encoding)


def archived(folder: Path, numbers: list[int], encoding: str = "bslz4") -> Path:
    archive = Archive.create(folder, claim(folder, START), START)
    for number in numbers:
        channels = {"data": pack(number, encoding)}
        archive.add(Frame("camera", "r1", number, channels, {"n": number}, received_ns=9))
    return archive.close(RunStop("camera", "r1", account={"received": len(numbers)}))


@pytest.mark.parametrize(
    ("encoding", "travels"), [("bslz4", "bslz4"), ("raw", "raw"), ("lz4", "bslz4")]
)
def test_what_was_archived_comes_again(tmp_path: Path, encoding: str, travels: str) -> None:
    with open_file(archived(tmp_path, [0, 1, 2, 3, 4, 5], encoding), source="s") as recording:
        frames = list(recording.frames())
    start = recording.start
    assert (start.expected, start.shape, start.dtype) == (6, (48, 40), "<u2")
    assert [frame.number for frame in frames] == [0, 1, 2, 3, 4, 5]
    assert [frame.metadata["n"] for frame in frames] == [0, 1, 2, 3, 4, 5]
    for frame, image in zip(frames, STACK, strict=True):
        pixels = frame.channels["data"]
        assert pixels.encoding == travels
        assert np.array_equal(decompress.decode(pixels), image)


def test_the_detectors_own_bytes_come_again_untouched(tmp_path: Path) -> None:
    sent = pack(3, "bslz4")
    with open_file(archived(tmp_path, [3]), source="s") as recording:
        assert recording.frame(0).channels["data"].data == sent.data


def test_calibration_metadata_and_arrays_come_again(tmp_path: Path) -> None:
    path = archived(tmp_path, [0])
    with open_file(path, source="s") as recording:
        start = recording.start
    assert start.calibration["pixel_size_nm"] == [0.02, 0.03]
    assert (start.calibration["voltage_kV"], start.calibration["temperature_K"]) == (300, 100)
    assert start.calibration["origin"] == "the settings"
    assert start.metadata["threshold"] == 5
    assert start.metadata["file"] == path.name
    assert start.metadata["recorded_run"] == "r1"
    assert np.array_equal(start.arrays["pixel_mask"], np.eye(48, 40))


def test_frames_that_were_missing_are_missing_again(tmp_path: Path) -> None:
    with open_file(archived(tmp_path, [4, 1, 2]), source="s") as recording:
        assert recording.start.expected == 6
        assert [frame.number for frame in recording.frames()] == [1, 2, 4]


def test_an_archive_without_frames_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="archive without frames"):
        open_file(archived(tmp_path, []), source="s")


def test_all_channels_come_again(tmp_path: Path) -> None:
    archive = Archive.create(tmp_path, claim(tmp_path, START), START)
    channels = {"low": pack(0, "bslz4"), "high": pack(1, "bslz4")}
    archive.add(Frame("camera", "r1", 0, channels))
    archive.add(Frame("camera", "r1", 1, {"high": pack(2, "bslz4")}))
    path = archive.close(RunStop("camera", "r1"))
    with open_file(path, source="s") as recording:
        assert set(recording.start.channels) == {"low", "high"}
        first, second = recording.frames()
    assert np.array_equal(decompress.decode(first.channels["low"]), STACK[0])
    assert np.array_equal(decompress.decode(first.channels["high"]), STACK[1])
    assert set(second.channels) == {"high"}


def test_a_given_pixel_size_replaces_the_recorded_one_and_only_that(tmp_path: Path) -> None:
    with open_file(archived(tmp_path, [0]), source="s", pixel_size=0.5) as recording:
        calibration = recording.start.calibration
    assert calibration["pixel_size_nm"] == [0.5, 0.5]
    assert calibration["origin"].startswith("given by the user (header said 0.02 'nm'")
    assert calibration["voltage_kV"] == 300


def test_frames_far_beyond_the_others_come_too(tmp_path: Path) -> None:
    archive = Archive.create(tmp_path, claim(tmp_path, START), START)
    for number in (0, 10**12):
        archive.add(Frame("camera", "r1", number, {"data": pack(0, "bslz4")}))
    with open_file(archive.close(RunStop("camera", "r1")), source="s") as recording:
        assert [frame.number for frame in recording.frames()] == [0, 10**12]


def test_a_dataset_of_an_archive_can_be_named_like_any_other(tmp_path: Path) -> None:
    path = Path(f"{archived(tmp_path, [0, 1])}::/entry/data/data")
    with open_file(path, source="s") as recording:
        images = [decompress.decode(frame.channels["data"]) for frame in recording.frames()]
    assert recording.start.calibration["pixel_size_nm"] == pytest.approx([0.02, 0.03])
    assert np.array_equal(images[:2], STACK[:2])
