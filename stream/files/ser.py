"""FEI/TIA series (ser), with the conditions from the emi beside it; both read by ncempy."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import FileError
from .calibration import Scale
from .contents import Images, check_size
from .guard import quiet
from .microscopy import ncempy_io

_IMAGES = 0x4122
_HEAD_BYTES = 50
"""Before the pixels of each image: two calibrations, type and size."""
_LARGEST_M = 1e-3
"""A ser names no unit: images are in m, diffraction patterns in 1/m. Nobody's pixel is 1 mm."""


def images(path: Path, inside: str | None = None) -> Images:
    """Find the images of a TIA series; TIA keeps the bottom row first, they come top row first."""
    ncempy = ncempy_io(path)
    with quiet():
        series = _without_emi(ncempy)(path)
        try:
            count = _count(path, series.head)
            first, about = series.getDataset(0)
            _check(path, series.head, first)
        except BaseException:
            series.__exit__(None, None, None)
            raise

    def read(number: int) -> np.ndarray:
        with quiet():
            image: np.ndarray = series.getDataset(number)[0]
        return image

    emi, note = _conditions(ncempy, path)
    return Images(
        count,
        (first.shape[0], first.shape[1]),
        first.dtype,
        read,
        lambda: series.__exit__(None, None, None),
        scale=_scale(about),
        voltage=_voltage(emi),
        metadata={**emi, **({"note": note} if note else {})},
    )


def _check(path: Path, head: dict[str, Any], first: np.ndarray) -> None:
    """Refuse a series whose last image is cut, going by the size of the first."""
    check_size(path, 1, first.shape)
    if path.stat().st_size < max(head["DataOffsetArray"]) + _HEAD_BYTES + first.nbytes:
        raise FileError(f"{path} is truncated: its last image is not all there")


def _without_emi(ncempy: Any) -> Any:
    """Give the reader of ser that leaves the emi alone: a damaged emi is no reason to refuse."""

    class Series(ncempy.ser.fileSER):  # type: ignore[misc]
        # ncempy 1.16 says ' <u1', which numpy does not understand.
        _dictDataType = {  # noqa: N815, RUF012
            code: name.strip() for code, name in ncempy.ser.fileSER._dictDataType.items()
        }

        def _read_emi(self) -> None:
            self._emi = None

        def __del__(self) -> None:
            if self._file_hdl is not None:
                self._file_hdl.close()

    return Series


def _count(path: Path, head: dict[str, Any]) -> int:
    if int(head["DataTypeID"]) != _IMAGES:
        raise FileError(f"{path} holds spectra, not images")
    count, offsets = int(head["ValidNumberElements"]), head["DataOffsetArray"]
    size = path.stat().st_size
    if len(offsets) != count or any(not 0 <= offset < size for offset in offsets):
        raise FileError(f"{path} is truncated: not all of its {count} images are in it")
    if count < 1:
        raise FileError(f"{path} holds no image")
    return count


def _scale(about: dict[str, Any]) -> Scale:
    x, y = (abs(float(axis["CalibrationDelta"])) for axis in about["Calibration"])
    if x == y == 1:
        return Scale((1, 1), ("", ""), "ser")
    unit = "m" if max(x, y) < _LARGEST_M else "1/m"
    return Scale((y, x), (unit, unit), "ser")


def _conditions(ncempy: Any, path: Path) -> tuple[dict[str, Any], str]:
    """Read the emi of `name_1.ser`, which is `name.emi`; a note says if it is there but unread."""
    emi = path.with_name(re.sub(r"_\d+$", "", path.stem) + ".emi")
    if not emi.is_file():
        return {}, ""
    try:
        with quiet():
            found = ncempy.ser.read_emi(emi)
    except Exception as error:  # ncempy raises all sorts
        return {}, f"{emi.name} is there but can't be read ({type(error).__name__})"
    return {name: value for name, value in found.items() if value is not None}, ""


def _voltage(emi: dict[str, Any]) -> float | None:
    volt = emi.get("AcceleratingVoltage")
    return float(volt) / 1000 if isinstance(volt, int | float) and volt > 0 else None
