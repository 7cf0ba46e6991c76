"""Gatan DM3 and DM4, on files written here tag by tag and on a real one."""

from __future__ import annotations

import struct
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from beamside.stream.errors import FileError
from beamside.stream.files import open_file
from beamside.stream.messages import RunStart

KINDS = {"<i2": 1, "<f4": 2, "<c8": 3, "|u1": 6, "<i4": 7, "<u2": 10, "<u4": 11, "<f8": 12}
RGB = 23


@dataclass
class Writer:
    """The tag tree of a DM file: maps are groups, lists groups without names."""

    version: int = 4
    word: str = field(init=False)

    def __post_init__(self) -> None:
        self.word = ">Q" if self.version == 4 else ">I"

    def words(self, *values: int) -> bytes:
        return b"".join(struct.pack(self.word, value) for value in values)

    def file(self, tree: dict[str, Any]) -> bytes:
        body = self.group(tree)
        return struct.pack(">I", self.version) + self.words(len(body)) + struct.pack(">I", 1) + body

    def group(self, tree: dict[str, Any] | list[Any]) -> bytes:
        items = list(tree.items()) if isinstance(tree, dict) else [("", item) for item in tree]
        return b"\1\0" + self.words(len(items)) + b"".join(self.entry(*item) for item in items)

    def entry(self, name: str, value: Any) -> bytes:
        is_group = isinstance(value, dict | list)
        body = self.group(value) if is_group else self.data(value)
        size = self.words(len(body)) if self.version == 4 else b""
        label = name.encode("latin-1")
        return struct.pack(">BH", 20 if is_group else 21, len(label)) + label + size + body

    def data(self, value: Any) -> bytes:
        if isinstance(value, str):
            text = value.encode("utf-16-le")
            return b"%%%%" + self.words(3, 20, 4, len(text) // 2) + text
        if isinstance(value, np.ndarray):
            kind = {1: 10, 2: 4, 4: 5, 8: 7}[value.dtype.itemsize]
            return b"%%%%" + self.words(3, 20, kind, value.size) + value.tobytes()
        if isinstance(value, float):
            return b"%%%%" + self.words(1, 7) + struct.pack("<d", value)
        return b"%%%%" + self.words(1, 5) + struct.pack("<I", value)


def picture(
    data: np.ndarray,
    scales: tuple[float, ...] = (0.02, 0.03),
    units: tuple[str, ...] = ("nm", "nm"),
    *,
    kind: int | None = None,
    tags: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """One entry of the image list; scales and units in the order x, y, as Gatan has them."""
    axes = [
        {"Origin": 0.0, "Scale": scale, "Units": unit}
        for scale, unit in zip(scales, units, strict=True)
    ]
    return {
        "ImageData": {
            "Calibrations": {"Dimension": axes},
            "Data": data,
            "DataType": KINDS.get(data.dtype.str, 0) if kind is None else kind,
            "Dimensions": list(data.shape[::-1]),
            "PixelDepth": data.dtype.itemsize,
        },
        "ImageTags": tags or {},
    }


THUMBNAIL = picture(np.zeros((4, 4), "<u4"), (1.0, 1.0), ("", ""), kind=RGB)
IMAGE = np.arange(48, dtype="<u2").reshape(6, 8)


@pytest.fixture(autouse=True)
def _needs_ncempy() -> None:
    pytest.importorskip("ncempy")


def start_of(path: Path) -> RunStart:
    with open_file(path, source="s") as recording:
        return recording.start


def write(path: Path, *pictures: dict[str, Any]) -> Path:
    version = int(path.suffix[-1])
    path.write_bytes(Writer(version).file({"ImageList": list(pictures)}))
    return path


@pytest.mark.parametrize("suffix", [".dm3", ".dm4"])
@pytest.mark.parametrize("kind", ["|u1", "<i2", "<u2", "<i4", "<u4", "<f4", "<f8"])
def test_an_image_comes_as_it_was_stored(tmp_path: Path, suffix: str, kind: str) -> None:
    image = IMAGE.astype(kind)
    path = write(tmp_path / f"a{suffix}", THUMBNAIL, picture(image))
    with open_file(path, source="s") as recording:
        (frame,) = recording.frames()
    pixels = frame.channels["data"]
    assert (pixels.shape, pixels.dtype) == ((6, 8), kind)
    assert np.array_equal(np.frombuffer(pixels.data, kind).reshape(6, 8), image)
    assert recording.start.calibration["pixel_size_nm"] == pytest.approx([0.03, 0.02])


def test_a_stack_comes_image_by_image(tmp_path: Path) -> None:
    stack = np.arange(3 * 48, dtype="<i2").reshape(3, 6, 8)
    units = ("nm", "nm", "s")
    path = write(tmp_path / "a.dm4", THUMBNAIL, picture(stack, (0.02, 0.02, 1.0), units))
    with open_file(path, source="s") as recording:
        assert recording.start.expected == 3
        for frame, image in zip(recording.frames(), stack, strict=True):
            assert bytes(frame.channels["data"].data) == image.tobytes()


def test_voltage_and_what_the_microscope_said_are_kept(tmp_path: Path) -> None:
    tags = {"Microscope Info": {"Voltage": 3e5, "Name": "T"}, "Private": {"x": 1}}
    path = write(tmp_path / "a.dm4", picture(IMAGE, tags=tags))
    start = start_of(path)
    assert start.calibration["voltage_kV"] == 300
    assert start.metadata["Microscope Info.Name"] == "T"
    assert not [name for name in start.metadata if "Private" in name]


def test_a_tag_elsewhere_that_looks_like_a_size_does_not_confuse(tmp_path: Path) -> None:
    tags = {"Acquisition": {"Dimensions": [7, 9], "DataType": 3, "Dimension": [{"Scale": 9.0}]}}
    path = write(tmp_path / "a.dm4", THUMBNAIL, picture(IMAGE, tags=tags), THUMBNAIL)
    start = start_of(path)
    assert start.shape == (6, 8)
    assert start.calibration["pixel_size_nm"] == pytest.approx([0.03, 0.02])


@pytest.mark.parametrize("micro", ["\u00b5m", "\u03bcm", "um"])
def test_both_micro_signs_are_known(tmp_path: Path, micro: str) -> None:
    path = write(tmp_path / "a.dm4", picture(IMAGE, (1e-5, 1e-5), (micro, micro)))
    found = start_of(path).calibration["pixel_size_nm"]
    assert found == pytest.approx([0.01, 0.01])


@pytest.mark.parametrize("unit", ["", "furlong", "1/nm", "eV"])
def test_a_scale_in_an_unknown_unit_is_refused_unless_the_user_gives_one(
    tmp_path: Path, unit: str
) -> None:
    path = write(tmp_path / "a.dm4", picture(IMAGE, (8.0, 8.0), (unit, unit)))
    with pytest.raises(FileError, match="--pixel-size"):
        open_file(path, source="s")
    with open_file(path, source="s", pixel_size=(0.1, 0.2)) as recording:
        assert recording.start.calibration["pixel_size_nm"] == [0.1, 0.2]
        assert repr(unit) in recording.start.calibration["origin"]


def test_the_default_scale_of_an_uncalibrated_image_is_no_calibration(tmp_path: Path) -> None:
    path = write(tmp_path / "a.dm4", picture(IMAGE, (1.0, 1.0), ("", "")))
    start = start_of(path)
    assert start.calibration == {}
    assert "uncalibrated" in start.metadata["note"]


def test_of_several_images_the_first_is_taken_and_it_is_said(tmp_path: Path) -> None:
    path = write(tmp_path / "a.dm4", THUMBNAIL, picture(IMAGE), picture(IMAGE[:3]))
    start = start_of(path)
    assert start.shape == (6, 8)
    assert "first of 2" in start.metadata["note"]


@pytest.mark.parametrize(
    "pictures",
    [
        [],
        [THUMBNAIL],
        [picture(IMAGE.astype("<c8"))],
        [picture(IMAGE.ravel(), (1.0,), ("eV",))],
        [picture(np.zeros((2, 2, 2, 2), "<u2"), (1.0,) * 4, ("nm",) * 4)],
    ],
    ids=["nothing", "thumbnail", "complex", "spectrum", "4-D"],
)
def test_a_file_without_a_real_image_is_refused(
    tmp_path: Path, pictures: list[dict[str, Any]]
) -> None:
    with pytest.raises(FileError, match="no real-valued image"):
        open_file(write(tmp_path / "a.dm4", *pictures), source="s")


@pytest.mark.parametrize("suffix", [".dm3", ".dm4"])
def test_a_file_cut_short_anywhere_is_refused(tmp_path: Path, suffix: str) -> None:
    path = write(tmp_path / f"a{suffix}", THUMBNAIL, picture(IMAGE))
    whole = path.read_bytes()
    pixels_end = whole.index(IMAGE.tobytes()) + IMAGE.nbytes
    for length in range(1, pixels_end, 23):
        path.write_bytes(whole[:length])
        with pytest.raises(FileError, match=path.name):
            open_file(path, source="s")


def test_a_file_that_shrinks_while_it_is_read_is_one_error(tmp_path: Path) -> None:
    stack = np.zeros((3, 60, 80), "<i2")
    path = write(tmp_path / "a.dm4", picture(stack, (0.02, 0.02, 1.0), ("nm", "nm", "s")))
    with open_file(path, source="s") as recording:
        frames = recording.frames()
        next(frames)
        with path.open("r+b") as file:
            file.truncate(12000)
        with pytest.raises(FileError, match="cut short"):
            list(frames)


def test_sizes_that_do_not_fit_the_stored_bytes_are_refused(tmp_path: Path) -> None:
    wrong = picture(IMAGE)
    wrong["ImageData"]["Dimensions"] = [1 << 31, 1 << 31]
    with pytest.raises(FileError, match="damaged"):
        open_file(write(tmp_path / "a.dm4", wrong), source="s")


def test_flipped_bits_never_raise_anything_but_a_file_error(tmp_path: Path) -> None:
    path = write(tmp_path / "a.dm4", THUMBNAIL, picture(IMAGE))
    whole = path.read_bytes()
    random = np.random.default_rng(7)
    refused = 0
    for _ in range(150):
        damaged = bytearray(whole)
        damaged[random.integers(len(whole))] ^= 1 << random.integers(8)
        path.write_bytes(damaged)
        try:
            with open_file(path, source="s", pixel_size=1.0) as recording:
                list(recording.frames())
        except FileError:
            refused += 1
    assert 10 < refused < 150


def test_without_ncempy_it_is_said_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path / "a.dm4", picture(IMAGE))
    for name in [name for name in sys.modules if name.partition(".")[0] == "ncempy"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "ncempy", None)
    with pytest.raises(FileError, match=r"pip install 'beamside\[microscopy\]'"):
        open_file(path, source="s")


def test_the_real_dm3_of_selenium_in_mos2(shared_data: Path) -> None:
    path = shared_data / "hrtem/real/example_Se_implanted_MoS2.dm3"
    with open_file(path, source="s") as recording:
        start = recording.start
        assert (start.expected, start.shape, start.dtype) == (1, (1024, 1024), "<u4")
        assert start.calibration["pixel_size_nm"] == pytest.approx([0.012695] * 2, rel=1e-4)
        assert start.calibration["voltage_kV"] == 60
        (frame,) = recording.frames()
    image = np.frombuffer(frame.channels["data"].data, "<u4").reshape(1024, 1024)
    assert 2.9e6 < image.min() < image.max() < 3.6e6
