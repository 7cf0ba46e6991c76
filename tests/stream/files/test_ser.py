"""TIA series, on files written here and on a real one."""

from __future__ import annotations

import shutil
import struct
from pathlib import Path

import numpy as np
import pytest

from beamside.stream.errors import FileError
from beamside.stream.files import open_file
from beamside.stream.messages import RunStart

KINDS = {"<u1": 1, "|u1": 1, "<u2": 2, "<u4": 3, "<i2": 5, "<i4": 6, "<f4": 7, "<f8": 8, "<c8": 9}
STACK = np.arange(3 * 48, dtype="<u2").reshape(3, 6, 8)
EMI = b"""junk<ObjectInfo><Uuid>u</Uuid><ExperimentalConditions><MicroscopeConditions>
<AcceleratingVoltage>200000</AcceleratingVoltage></MicroscopeConditions></ExperimentalConditions>
<ExperimentalDescription><Root><Data><Label>Gun</Label><Value>FEG</Value><Unit></Unit></Data></Root>
</ExperimentalDescription><AcquireInfo/><DetectorRange/></ObjectInfo>junk"""


@pytest.fixture(autouse=True)
def _needs_ncempy() -> None:
    pytest.importorskip("ncempy")


def start_of(path: Path) -> RunStart:
    with open_file(path, source="s") as recording:
        return recording.start


def write(
    path: Path,
    stack: np.ndarray,
    delta: float = 2e-11,
    *,
    version: int = 0x0220,
    kind: int = 0x4122,
) -> Path:
    """A series; TIA stores the bottom row first."""
    word = "<q" if version == 0x0220 else "<i"
    count, (ny, nx) = len(stack), stack.shape[1:]
    head = struct.pack("<hhhiiii", 0x4949, 0x0197, version, kind, 0x4152, count, count)
    dimension = struct.pack("<iddii", count, 0, 1, 0, 6) + b"Number" + struct.pack("<i", 0)
    at = len(head) + struct.calcsize(word) + 4 + len(dimension)
    head += struct.pack(word, at) + struct.pack("<i", 1) + dimension
    at += 2 * count * struct.calcsize(word)
    body, offsets = b"", []
    for image in stack:
        offsets.append(at + len(body))
        body += struct.pack("<ddiddi", 0, delta, 0, 0, delta, 0)
        body += struct.pack("<hii", KINDS[stack.dtype.str], nx, ny) + image[::-1].tobytes()
    tags = at + len(body)
    table = b"".join(struct.pack(word, value) for value in [*offsets, *[tags] * count])
    path.write_bytes(head + table + body + struct.pack("<hi", 0x4152, 1_300_000_000))
    return path


@pytest.mark.parametrize("version", [0x0210, 0x0220])
@pytest.mark.parametrize("kind", ["|u1", "<u2", "<u4", "<i2", "<i4", "<f4", "<f8"])
def test_a_series_comes_image_by_image_top_row_first(
    tmp_path: Path, version: int, kind: str
) -> None:
    stack = STACK.astype(kind)
    path = write(tmp_path / "a_1.ser", stack, version=version)
    with open_file(path, source="s") as recording:
        assert (recording.start.expected, recording.start.dtype) == (3, kind)
        assert recording.start.calibration["pixel_size_nm"] == pytest.approx([0.02, 0.02])
        for frame, image in zip(recording.frames(), stack, strict=True):
            assert bytes(frame.channels["data"].data) == image.tobytes()


def test_the_voltage_comes_from_the_emi_beside_it(tmp_path: Path) -> None:
    (tmp_path / "a.emi").write_bytes(EMI)
    for name in ("a_1.ser", "a_12.ser"):
        start = start_of(write(tmp_path / name, STACK))
        assert start.calibration["voltage_kV"] == 200
        assert start.metadata["Gun []"] == "FEG"


@pytest.mark.parametrize("emi", [b"", b"<ObjectInfo>", b"\0" * 99, EMI.replace(b"Root", b"Rot")])
def test_a_damaged_emi_is_noted_and_the_images_still_come(tmp_path: Path, emi: bytes) -> None:
    (tmp_path / "a.emi").write_bytes(emi)
    with open_file(write(tmp_path / "a_1.ser", STACK), source="s") as recording:
        assert "a.emi is there but can't be read" in recording.start.metadata["note"]
        assert len(list(recording.frames())) == 3


def test_a_diffraction_pattern_is_refused_because_its_pixels_are_no_lengths(
    tmp_path: Path,
) -> None:
    with pytest.raises(FileError, match="one over a length"):
        open_file(write(tmp_path / "a_1.ser", STACK, delta=3e7), source="s")


def test_a_step_of_one_is_no_calibration(tmp_path: Path) -> None:
    assert start_of(write(tmp_path / "a_1.ser", STACK, 1.0)).calibration == {}


@pytest.mark.parametrize(
    ("stack", "kind", "says"),
    [
        (STACK, 0x4120, "spectra"),
        (STACK[:0], 0x4122, "no image"),
        (STACK.astype("<c8"), 0x4122, "can't travel"),
    ],
)
def test_a_series_without_real_images_is_refused(
    tmp_path: Path, stack: np.ndarray, kind: int, says: str
) -> None:
    with pytest.raises(FileError, match=says):
        open_file(write(tmp_path / "a_1.ser", stack, kind=kind), source="s")


def test_a_series_cut_short_anywhere_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "a_1.ser", STACK)
    whole = path.read_bytes()
    for length in range(1, len(whole) - 6, 17):
        path.write_bytes(whole[:length])
        with pytest.raises(FileError, match=r"a_1\.ser"):
            open_file(path, source="s")


def test_flipped_bits_never_raise_anything_but_a_file_error(tmp_path: Path) -> None:
    path = write(tmp_path / "a_1.ser", STACK)
    whole = path.read_bytes()
    random = np.random.default_rng(7)
    refused = 0
    for _ in range(200):
        damaged = bytearray(whole)
        damaged[random.integers(len(whole) // 2)] ^= 1 << random.integers(8)
        path.write_bytes(damaged)
        try:
            with open_file(path, source="s", pixel_size=1.0) as recording:
                list(recording.frames())
        except FileError:
            refused += 1
    assert 10 < refused < 200


def test_the_real_series_of_strontium_titanate(shared_data: Path, tmp_path: Path) -> None:
    folder = shared_data / "hrtem/real"
    with open_file(folder / "16_STOimage_1.ser", source="s") as recording:
        start = recording.start
        assert (start.expected, start.shape, start.dtype) == (1, (1024, 1024), "<u2")
        assert start.calibration["pixel_size_nm"] == pytest.approx([0.0100127] * 2, rel=1e-5)
        assert start.calibration["voltage_kV"] == 80
        (frame,) = recording.frames()
    assert frame.channels["data"].nbytes == 1024 * 1024 * 2
    alone = Path(shutil.copy(folder / "16_STOimage_1.ser", tmp_path))
    assert "voltage_kV" not in start_of(alone).calibration
