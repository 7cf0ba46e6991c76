"""MRC."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import mrcfile
import numpy as np
import pytest

from beamside.stream.errors import FileError
from beamside.stream.files import open_file
from beamside.stream.messages import RunStart

STACK = np.arange(3 * 48).reshape(3, 6, 8)


def write(path: Path, data: np.ndarray, voxel: Any = 0.2) -> Path:
    with mrcfile.new(path, overwrite=True) as file:
        file.set_data(data)
        file.voxel_size = voxel
    return path


def read(path: Path, **options: Any) -> tuple[RunStart, np.ndarray]:
    with open_file(path, source="s", **options) as recording:
        start = recording.start
        images = [
            np.frombuffer(frame.channels["data"].data, start.dtype).reshape(start.shape or ())
            for frame in recording.frames()
        ]
    return start, np.array(images)


@pytest.mark.parametrize("kind", ["|i1", "<i2", "<u2", "<f4"])
def test_a_stack_comes_section_by_section(tmp_path: Path, kind: str) -> None:
    stack = STACK.astype(kind)
    start, images = read(write(tmp_path / "a.mrc", stack))
    assert (start.expected, start.shape, start.dtype) == (3, (6, 8), kind)
    assert np.array_equal(images, stack)


def test_the_voxel_size_is_in_angstrom(tmp_path: Path) -> None:
    start, _ = read(write(tmp_path / "a.mrc", STACK[0].astype("i2"), (0.2, 0.4, 1)))
    assert start.calibration["pixel_size_nm"] == pytest.approx([0.04, 0.02])


def test_a_voxel_size_of_0_is_unknown(tmp_path: Path) -> None:
    start, _ = read(write(tmp_path / "a.mrc", STACK[0].astype("i2"), 0))
    assert start.calibration == {}
    start, _ = read(tmp_path / "a.mrc", pixel_size=0.5)
    assert start.calibration["pixel_size_nm"] == [0.5, 0.5]


def test_a_big_endian_file_becomes_little_endian(tmp_path: Path) -> None:
    path = tmp_path / "a.mrc"
    header = np.zeros(256, ">i4")
    header[:4] = 8, 6, 3, 1
    header[7:10] = 8, 6, 3
    header[52] = int.from_bytes(b"MAP ", "big")
    header[53] = 0x11110000
    path.write_bytes(header.tobytes() + STACK.astype(">i2").tobytes())
    start, images = read(path)
    assert start.dtype == "<i2"
    assert np.array_equal(images, STACK)


@pytest.mark.parametrize("kind", ["<c8", "<f2"])
def test_modes_that_can_not_travel_are_refused(tmp_path: Path, kind: str) -> None:
    with pytest.raises(FileError, match="allowed are 0, 1, 2 and 6"):
        read(write(tmp_path / "a.mrc", STACK.astype(kind)))


def test_a_file_cut_short_anywhere_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "a.mrc", STACK.astype("i2"))
    whole = path.read_bytes()
    for length in range(1, len(whole), 37):
        path.write_bytes(whole[:length])
        with pytest.raises(FileError, match=r"a\.mrc"):
            read(path)


def test_flipped_bits_in_the_header_never_raise_anything_but_a_file_error(tmp_path: Path) -> None:
    path = write(tmp_path / "a.mrc", STACK.astype("i2"))
    whole = path.read_bytes()
    random = np.random.default_rng(7)
    refused = 0
    for _ in range(200):
        damaged = bytearray(whole)
        damaged[random.integers(256)] ^= 1 << random.integers(8)
        path.write_bytes(damaged)
        try:
            read(path, pixel_size=1.0)
        except FileError:
            refused += 1
    assert 5 < refused < 200
