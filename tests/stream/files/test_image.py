"""PNG and JPEG."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from beamside.stream.errors import FileError
from beamside.stream.files import open_file
from beamside.stream.messages import RunStart

RAMP = np.arange(48, dtype="u1").reshape(6, 8)


def read(path: Path, **options: Any) -> tuple[RunStart, np.ndarray]:
    with open_file(path, source="s", **options) as recording:
        (frame,) = recording.frames()
        pixels = frame.channels["data"]
    return recording.start, np.frombuffer(pixels.data, pixels.dtype).reshape(pixels.shape)


def test_grey_comes_as_it_is_and_uncalibrated(tmp_path: Path) -> None:
    Image.fromarray(RAMP).save(tmp_path / "a.png")
    start, image = read(tmp_path / "a.png")
    assert (start.expected, start.shape, start.dtype) == (1, (6, 8), "|u1")
    assert start.calibration == {}
    assert "--pixel-size" in start.metadata["note"]
    assert np.array_equal(image, RAMP)


def test_a_given_pixel_size_calibrates_it(tmp_path: Path) -> None:
    Image.fromarray(RAMP).save(tmp_path / "a.png")
    start, _ = read(tmp_path / "a.png", pixel_size=0.019053)
    assert start.calibration["pixel_size_nm"] == [0.019053, 0.019053]
    assert "note" not in start.metadata


def test_sixteen_bits_stay_sixteen(tmp_path: Path) -> None:
    deep = RAMP.astype("<u2") * 1000
    Image.fromarray(deep).save(tmp_path / "a.png")
    start, image = read(tmp_path / "a.png")
    assert start.dtype == "<u2"
    assert np.array_equal(image, deep)


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "P", "CMYK"])
def test_colours_become_grey_and_it_is_said(tmp_path: Path, mode: str) -> None:
    path = tmp_path / ("a.jpg" if mode == "CMYK" else "a.png")
    colours = np.zeros((6, 8, 3), "u1")
    colours[..., 0] = 200
    picture = Image.fromarray(colours)
    (picture.quantize() if mode == "P" else picture.convert(mode)).save(path)
    start, image = read(path)
    assert "made grey" in start.metadata["note"]
    assert "100% of it has colours" in start.metadata["note"]
    assert image.shape == (6, 8)
    assert np.abs(image.astype(float) - 0.299 * 200).max() < 4


@pytest.mark.parametrize("name", ["a.png", "a.jpg"])
def test_grey_that_was_saved_in_colours_is_told_from_colours(tmp_path: Path, name: str) -> None:
    noise = np.random.default_rng(1).integers(0, 255, (64, 64)).astype("u1")
    Image.fromarray(np.stack([noise] * 3, axis=-1)).save(tmp_path / name, quality=60)
    start, image = read(tmp_path / name)
    assert "saved in colours, but grey" in start.metadata["note"]
    assert np.abs(image.astype(int) - noise).mean() < (1 if name == "a.png" else 40)


@pytest.mark.parametrize("mode", ["LA", "1"])
def test_other_greys_are_grey_without_a_word(tmp_path: Path, mode: str) -> None:
    Image.fromarray(np.full((6, 8), 255, "u1")).convert(mode).save(tmp_path / "a.png")
    start, image = read(tmp_path / "a.png")
    assert "grey" not in start.metadata["note"]
    assert (image == 255).all()


@pytest.mark.parametrize("name", ["a.png", "a.jpg"])
def test_a_picture_cut_short_is_refused(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    noise = np.random.default_rng(1).integers(0, 255, (64, 64)).astype("u1")
    Image.fromarray(noise).save(path)
    whole = path.read_bytes()
    for length in range(1, len(whole) - 20, 97):
        path.write_bytes(whole[:length])
        with pytest.raises(FileError, match=path.name):
            read(path)


def test_a_small_file_that_would_be_a_huge_picture_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    Image.fromarray(RAMP).save(path)
    damaged = bytearray(path.read_bytes())
    damaged[16:24] = b"\0\1\0\0\0\1\0\0"  # 65536 x 65536
    path.write_bytes(damaged)
    with pytest.raises(FileError, match=r"a\.png"):
        read(path)


def test_the_real_picture_of_cobalt_oxide(shared_data: Path) -> None:
    start, image = read(shared_data / "hrtem/real/Co3O4_5pass_500k.png", pixel_size=0.019053)
    assert (start.shape, start.dtype) == ((2048, 2048), "|u1")
    assert start.calibration["pixel_size_nm"] == [0.019053, 0.019053]
    assert image.std() > 5
