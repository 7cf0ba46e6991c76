"""TIFF as programs of microscopy write it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image

from beamside.stream.errors import FileError
from beamside.stream.files import open_file
from beamside.stream.files.contents import to_grey
from beamside.stream.messages import RunStart

STACK = np.arange(3 * 48, dtype="<u2").reshape(3, 6, 8)


def read(path: Path, **options: Any) -> tuple[RunStart, np.ndarray]:
    with open_file(path, source="s", **options) as recording:
        start = recording.start
        images = [
            np.frombuffer(frame.channels["data"].data, start.dtype).reshape(start.shape or ())
            for frame in recording.frames()
        ]
    return start, np.array(images)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"byteorder": ">"},
        {"compression": "zlib"},
        {"compression": "zlib", "predictor": True},
        {"tile": (16, 16)},
        {"rowsperstrip": 2, "metadata": None, "contiguous": False},
        {"imagej": True, "metadata": {"axes": "TYX"}},
        {"ome": True},
        {"bigtiff": True},
        {"photometric": "minisblack", "metadata": None},
        {"planarconfig": None, "description": "plain", "metadata": None},
    ],
    ids=str,
)
def test_a_stack_comes_page_by_page(tmp_path: Path, options: dict[str, Any]) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, STACK, **{"photometric": "minisblack", **options})
    start, images = read(path)
    assert (start.expected, start.dtype) == (3, "<u2")
    assert np.array_equal(images, STACK)


@pytest.mark.parametrize("kind", ["u1", "<i2", ">u4", "<f4", ">f8"])
def test_an_image_keeps_its_type_and_becomes_little_endian(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "a.tiff"
    order: Any = kind[0] if kind[0] in "<>" else "<"
    tifffile.imwrite(path, STACK[0].astype(kind), byteorder=order)
    start, images = read(path)
    assert start.dtype == np.dtype(kind).newbyteorder("<").str
    assert np.array_equal(images[0], STACK[0])


@pytest.mark.parametrize(
    ("unit", "per_unit", "nm"),
    [
        ("nm", 50, 0.02),
        ("micron", 50000, 0.02),
        ("\\u00B5m", 50000, 0.02),
        ("um", 50000, 0.02),
        ("\\u00C5", 5, 0.02),
    ],
)
def test_imagejs_unit_is_read(tmp_path: Path, unit: str, per_unit: int, nm: float) -> None:
    path = tmp_path / "a.tif"
    resolution = (per_unit, 2 * per_unit)
    tifffile.imwrite(
        path, STACK[0], imagej=True, resolution=resolution, metadata={"unit": unit, "axes": "YX"}
    )
    start, _ = read(path)
    assert start.calibration["pixel_size_nm"] == pytest.approx([nm / 2, nm])
    assert start.calibration["origin"] == "header (ImageJ)"


def test_imagejs_unknown_unit_is_refused_unless_the_user_gives_one(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, STACK[0], imagej=True, resolution=(5, 5), metadata={"unit": "furlong"})
    with pytest.raises(FileError, match="furlong"):
        read(path)
    start, _ = read(path, pixel_size=0.1)
    assert start.calibration["pixel_size_nm"] == [0.1, 0.1]


@pytest.mark.parametrize("unit", ["pixel", "inch", ""])
def test_imagejs_default_units_are_no_calibration(tmp_path: Path, unit: str) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, STACK[0], imagej=True, resolution=(1, 1), metadata={"unit": unit})
    assert read(path)[0].calibration == {}


@pytest.mark.parametrize(
    ("size", "unit", "nm"),
    [(20, "pm", 0.02), (0.02, "nm", 0.02), (2e-5, "\u00b5m", 0.02), (0.2, "\u00c5", 0.02)],
)
def test_omes_physical_size_is_read(tmp_path: Path, size: float, unit: str, nm: float) -> None:
    path = tmp_path / "a.ome.tif"
    said = {
        "axes": "ZYX",
        "PhysicalSizeX": size,
        "PhysicalSizeXUnit": unit,
        "PhysicalSizeY": 2 * size,
        "PhysicalSizeYUnit": unit,
    }
    tifffile.imwrite(path, STACK, ome=True, metadata=said, photometric="minisblack")
    start, images = read(path)
    assert start.calibration["pixel_size_nm"] == pytest.approx([2 * nm, nm])
    assert np.array_equal(images, STACK)


def test_omes_missing_unit_is_the_um_of_its_standard(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    said = {"axes": "YX", "PhysicalSizeX": 2e-5, "PhysicalSizeY": 2e-5}
    tifffile.imwrite(path, STACK[0], ome=True, metadata=said)
    assert read(path)[0].calibration["pixel_size_nm"] == pytest.approx([0.02, 0.02])


def test_resolution_tags_finer_than_any_print_are_a_calibration(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    fine = 5e8  # 50 pixels per nm, per cm
    tifffile.imwrite(path, STACK[0], resolution=(fine, fine), resolutionunit="CENTIMETER")
    found = read(path)[0].calibration
    assert found["pixel_size_nm"] == pytest.approx([0.02, 0.02])
    assert "resolution tags" in found["origin"]


@pytest.mark.parametrize("dpi", [72, 300, 4800])
def test_a_print_resolution_is_no_calibration_and_it_is_said(tmp_path: Path, dpi: int) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, STACK[0], resolution=(dpi, dpi), resolutionunit="INCH")
    start, _ = read(path)
    assert start.calibration == {}
    assert f"{dpi} pixels per inch is a print resolution" in start.metadata["note"]


@pytest.mark.parametrize("planar", ["contig", "separate"])
@pytest.mark.parametrize("kind", ["u1", "<u2", "<f4"])
def test_colours_become_grey_and_it_is_said(tmp_path: Path, planar: str, kind: str) -> None:
    path = tmp_path / "a.tif"
    colours = np.random.default_rng(1).integers(0, 255, (6, 8, 3)).astype(kind)
    stored = colours if planar == "contig" else np.moveaxis(colours, 2, 0)
    tifffile.imwrite(path, stored, photometric="rgb", planarconfig=planar)
    start, images = read(path)
    grey = colours @ np.array([0.299, 0.587, 0.114])
    assert start.dtype == np.dtype(kind).str
    assert "made grey" in start.metadata["note"]
    assert np.allclose(images[0], grey, atol=0.5)


def test_grey_of_grey_is_the_same_grey() -> None:
    ramp = np.arange(256, dtype="u1").reshape(16, 16)
    assert np.array_equal(to_grey(np.dstack([ramp, ramp, ramp])), ramp)
    assert np.array_equal(to_grey(np.dstack([ramp, 255 - ramp])), ramp)


def test_of_images_of_several_sizes_the_first_are_taken_and_it_is_said(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    with tifffile.TiffWriter(path) as file:
        file.write(STACK[0])
        file.write(STACK[0, :3])
    start, images = read(path)
    assert images.shape == (1, 6, 8)
    assert "first of 2 series" in start.metadata["note"]


def test_a_compression_that_is_not_installed_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.tif"
    Image.fromarray(np.arange(256, dtype="u1").reshape(16, 16)).save(path, compression="tiff_lzw")
    monkeypatch.setattr(tifffile.TIFF, "DECOMPRESSORS", {1: None})
    with pytest.raises(FileError, match=r"by LZW.*imagecodecs.*without compression"):
        read(path)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"metadata": None, "contiguous": False},
        {"compression": "zlib"},
        {"tile": (16, 16)},
        {"imagej": True},
        {"ome": True},
    ],
    ids=str,
)
def test_a_file_cut_short_anywhere_is_refused_or_whole(
    tmp_path: Path, options: dict[str, Any]
) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, STACK + 1, **{"photometric": "minisblack", **options})
    whole = path.read_bytes()
    for length in range(1, len(whole), 29):
        path.write_bytes(whole[:length])
        try:
            _, images = read(path)
        except FileError:
            continue
        assert np.array_equal(images, STACK + 1)


def test_flipped_bits_never_raise_anything_but_a_file_error(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, STACK, photometric="minisblack", metadata=None, contiguous=False)
    whole = path.read_bytes()
    random = np.random.default_rng(7)
    refused = 0
    for _ in range(200):
        damaged = bytearray(whole)
        damaged[random.integers(len(whole))] ^= 1 << random.integers(8)
        path.write_bytes(damaged)
        try:
            read(path, pixel_size=1.0)
        except FileError:
            refused += 1
    assert 5 < refused < 200
