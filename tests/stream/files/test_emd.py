"""EMD, of Velox and of Berkeley."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from beamside.stream.errors import FileError
from beamside.stream.files import open_file
from beamside.stream.messages import RunStart

STACK = np.arange(3 * 48, dtype="<u2").reshape(3, 6, 8)


def read(path: Path | str, **options: Any) -> tuple[RunStart, np.ndarray]:
    with open_file(Path(path), source="s", **options) as recording:
        start = recording.start
        images = [
            np.frombuffer(frame.channels["data"].data, start.dtype).reshape(start.shape or ())
            for frame in recording.frames()
        ]
    return start, np.array(images)


def velox(path: Path, *names: str, unit: str = "m", data: np.ndarray = STACK) -> Path:
    about = {
        "BinaryResult": {
            "PixelSize": {"width": "2e-11", "height": "3e-11"},
            "PixelUnitX": unit,
            "PixelUnitY": unit,
            "Detector": "BM-Ceta",
        },
        "Optics": {"AccelerationVoltage": "300000"},
        "Vacuum": {"x": 1},
    }
    text = np.frombuffer(json.dumps(about).encode().ljust(2000, b"\0"), "u1")
    with h5py.File(path, "w") as file:
        for name in names or ("0a1b",):
            group = file.create_group(f"Data/Image/{name}")
            group["Data"] = np.moveaxis(data, 0, 2)
            group["Metadata"] = np.repeat(text[:, None], len(data), axis=1)
    return path


def berkeley(path: Path, unit: str = "[n_m]", data: np.ndarray = STACK) -> Path:
    with h5py.File(path, "w") as file:
        file.attrs["version_major"], file.attrs["version_minor"] = 0, 2
        group = file.create_group("data/first")
        group.attrs["emd_group_type"] = 1
        group["data"] = data
        steps = (1.0, 0.03, 0.02)[-data.ndim :]
        for number, (step, length) in enumerate(zip(steps, data.shape, strict=True), 1):
            axis = group.create_dataset(f"dim{number}", data=np.arange(length) * step)
            axis.attrs["name"], axis.attrs["units"] = "axis", unit
    return path


def test_velox_counts_frames_last_and_they_come_one_by_one(tmp_path: Path) -> None:
    start, images = read(velox(tmp_path / "a.emd"))
    assert (start.expected, start.shape, start.dtype) == (3, (6, 8), "<u2")
    assert np.array_equal(images, STACK)
    assert start.calibration["pixel_size_nm"] == pytest.approx([0.03, 0.02])
    assert start.calibration["voltage_kV"] == 300
    assert start.metadata["BinaryResult"]["Detector"] == "BM-Ceta"
    assert "Vacuum" not in start.metadata


def test_of_several_images_the_first_is_taken_or_the_one_named(tmp_path: Path) -> None:
    path = velox(tmp_path / "a.emd", "a", "b")
    assert "first of 2" in read(path)[0].metadata["note"]
    assert read(f"{path}::/Data/Image/b")[1].shape == (3, 6, 8)
    with pytest.raises(FileError, match="it has /Data/Image/a, /Data/Image/b"):
        read(f"{path}::/Data/Image/c")


@pytest.mark.parametrize("unit", ["1/m", "", "furlong"])
def test_an_unknown_unit_is_refused_unless_the_user_gives_one(tmp_path: Path, unit: str) -> None:
    path = velox(tmp_path / "a.emd", unit=unit)
    with pytest.raises(FileError, match="--pixel-size"):
        read(path)
    assert read(path, pixel_size=0.1)[0].calibration["pixel_size_nm"] == [0.1, 0.1]


@pytest.mark.parametrize("ndim", [2, 3])
def test_berkeleys_axes_calibrate_it(tmp_path: Path, ndim: int) -> None:
    data = STACK if ndim == 3 else STACK[0]
    start, images = read(berkeley(tmp_path / "a.emd", data=data))
    assert np.array_equal(images, STACK[: start.expected])
    assert start.calibration["pixel_size_nm"] == pytest.approx([0.03, 0.02])


@pytest.mark.parametrize("unit", ["[n_m^-1]", "[furlong]"])
def test_berkeleys_other_units_are_refused(tmp_path: Path, unit: str) -> None:
    with pytest.raises(FileError, match="--pixel-size"):
        read(berkeley(tmp_path / "a.emd", unit))


def test_berkeleys_pixels_are_no_calibration(tmp_path: Path) -> None:
    assert read(berkeley(tmp_path / "a.emd", "pixels"))[0].calibration == {}


def test_a_file_without_images_is_refused(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.emd", "w") as file:
        file["x"] = 1
    with pytest.raises(FileError, match="no image"):
        read(tmp_path / "a.emd")


@pytest.mark.parametrize("data", [STACK.astype("c8"), STACK[:, 0]], ids=["complex", "2-D"])
def test_a_velox_image_that_is_no_real_stack_is_refused(tmp_path: Path, data: np.ndarray) -> None:
    path = tmp_path / "a.emd"
    with h5py.File(path, "w") as file:
        file["Data/Image/a/Data"] = data
    with pytest.raises(FileError, match="no stack of real-valued images"):
        read(path)


def test_damaged_metadata_is_a_file_error(tmp_path: Path) -> None:
    path = velox(tmp_path / "a.emd")
    with h5py.File(path, "a") as file:
        file["Data/Image/0a1b/Metadata"][0] = 200
    with pytest.raises(FileError, match=r"a\.emd can't be read as EMD"):
        read(path)
