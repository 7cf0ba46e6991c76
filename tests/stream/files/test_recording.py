"""A file as a run: start, frames, and what may travel."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import orjson
import pytest

from beamside.stream.errors import FileError
from beamside.stream.files import open_file
from beamside.stream.files.contents import Images
from beamside.stream.files.recording import record
from beamside.stream.messages import DTYPES


def made(path: Path, read: Callable[[int], np.ndarray], **more: object) -> Images:
    path.touch()
    return Images(3, (2, 4), np.dtype("<u2"), read, **more)  # type: ignore[arg-type]


def test_frames_are_read_one_at_a_time_and_only_when_asked_for(tmp_path: Path) -> None:
    asked: list[int] = []

    def read(number: int) -> np.ndarray:
        asked.append(number)
        return np.full((2, 4), number, "<u2")

    recording = record(tmp_path / "a", None, "x", made(tmp_path / "a", read), "s", None)
    frames = recording.frames()
    assert asked == []
    first = next(frames)
    assert asked == [0]
    assert (first.source, first.run, first.number) == ("s", recording.start.run, 0)
    assert (first.detector_ns, first.received_ns) == (None, 0)
    assert [frame.number for frame in frames] == [1, 2]


def test_the_start_says_what_is_known_and_only_that(tmp_path: Path) -> None:
    images = made(tmp_path / "a", lambda _: np.zeros((2, 4)), temperature=100.0)
    start = record(tmp_path / "a", None, "x", images, "s", None).start
    assert (start.expected, start.shape, start.dtype) == (3, (2, 4), "<u2")
    assert start.calibration == {
        "temperature_K": 100.0,
        "origin": "header, which says no pixel size",
    }
    assert "uncalibrated" in start.metadata["note"]


def test_metadata_can_always_be_said_in_json(tmp_path: Path) -> None:
    odd = {"a": np.float32(1), "b": b"\xff", "c": {"d": np.arange(3)}, "e": object(), 5: None}
    images = made(tmp_path / "a", lambda _: np.zeros((2, 4)), metadata={**odd, "f": np.zeros(9999)})
    start = record(tmp_path / "a", None, "x", images, "s", None).start
    said = orjson.loads(orjson.dumps(dict(start.metadata)))
    assert said["a"] == 1
    assert said["c"] == {"d": [0, 1, 2]}
    assert not {"e", "f", "5"} & set(said)


@pytest.mark.parametrize("name", DTYPES)
def test_every_type_that_may_travel_travels_as_it_is(tmp_path: Path, name: str) -> None:
    path = tmp_path / "a.npy"
    image = np.arange(12).reshape(3, 4).astype(name)
    np.save(path, image.astype(np.dtype(name).newbyteorder(">")))
    with open_file(path, source="s") as recording:
        pixels = next(recording.frames()).channels["data"]
    assert (recording.start.dtype, pixels.dtype, pixels.encoding) == (name, name, "raw")
    assert np.array_equal(np.frombuffer(pixels.data, name).reshape(3, 4), image)


@pytest.mark.parametrize("kind", ["?", "c8", "f2", "U3", "M8[s]", "V4", "S2"])
def test_other_types_are_refused(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "a.npy"
    np.save(path, np.zeros((3, 4), kind))
    with pytest.raises(FileError, match="can't travel"):
        open_file(path, source="s")


def test_values_that_are_no_numbers_stay_as_they_are(tmp_path: Path) -> None:
    path = tmp_path / "a.npy"
    np.save(path, np.array([[np.nan, np.inf, -np.inf, 1.0]]))
    with open_file(path, source="s") as recording:
        pixels = next(recording.frames()).channels["data"]
    assert np.array_equal(
        np.frombuffer(pixels.data, "<f8"), [np.nan, np.inf, -np.inf, 1.0], equal_nan=True
    )


def test_images_of_different_size_are_one_error_and_the_good_ones_come_first(
    tmp_path: Path,
) -> None:
    images = made(tmp_path / "a", lambda number: np.zeros((2, 4 + number // 2), "<u2"))
    frames = record(tmp_path / "a", None, "x", images, "s", None).frames()
    assert [next(frames).number, next(frames).number] == [0, 1]
    with pytest.raises(FileError, match="only images of one size"):
        next(frames)
