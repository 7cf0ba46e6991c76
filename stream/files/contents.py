"""What the reader of one format gives: the images of a file, one at a time."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from ..errors import FileError
from ..messages import DTYPES, Pixels
from .calibration import Scale

Read: TypeAlias = Callable[[int], np.ndarray | Pixels]
MAX_PIXELS = 1 << 30
"""Of one image; more is a damaged header, not a camera."""
GREY = "made grey from RGB: 0.299 R + 0.587 G + 0.114 B (ITU-R BT.601)"


def _nothing() -> None:
    pass


@dataclass(frozen=True, slots=True)
class Images:
    """The images of one file, read one at a time."""

    count: int
    shape: tuple[int, int]
    """(ny, nx)"""
    dtype: np.dtype[Any]
    """As stored; `travelling` says how it travels."""
    read: Read
    """Image number i as array[y, x], or as Pixels already packed."""
    close: Callable[[], None] = _nothing
    scale: Scale | None = None
    """What the header says about a pixel; None = nothing."""
    voltage: float | None = None
    """kV"""
    temperature: float | None = None
    """K"""
    metadata: Mapping[str, Any] = field(default_factory=dict)
    """What else the file says, under its own names."""


def travelling(path: Path, dtype: np.dtype[Any]) -> str:
    """Name the type in which pixels of `dtype` travel: little endian, one of DTYPES."""
    name = dtype.newbyteorder("<").str if dtype.kind in "uif" else dtype.str
    if name not in DTYPES:
        raise FileError(
            f"{path}: pixels of type {dtype} can't travel; "
            "allowed are (un)signed integers of 8 to 64 bits and floats of 32 or 64 bits"
        )
    return name


def pack(path: Path, array: np.ndarray, shape: tuple[int, int], dtype: str) -> Pixels:
    """Pack one image[y, x] as raw little-endian pixels; FileError if its shape is another."""
    if array.shape != shape:
        raise FileError(
            f"{path}: an image is {array.shape} where the first is {shape}; "
            "only images of one size make a run"
        )
    data = np.ascontiguousarray(array, dtype=dtype).data.cast("B")
    return Pixels(shape, dtype, "raw", data)


def check_size(path: Path, count: int, shape: Sequence[int]) -> None:
    """Refuse a file without images, or with images of an impossible size."""
    if count < 1:
        raise FileError(f"{path} holds no image")
    ny, nx = shape
    if ny < 1 or nx < 1 or ny * nx > MAX_PIXELS:
        raise FileError(
            f"{path}: images of {ny} x {nx} pixels can't be; allowed are 1 to {MAX_PIXELS} pixels"
        )


def stored_raw(
    path: Path, *, offset: int, count: int, shape: tuple[int, int], dtype: np.dtype[Any]
) -> tuple[Read, Callable[[], None]]:
    """Give read and close for `count` images stored one after the other, unpacked, at `offset`.

    Plain reads, no memory map: a mapped file that shrinks on a network share kills the process.
    """
    check_size(path, count, shape)
    nbytes = shape[0] * shape[1] * dtype.itemsize
    has, needs = path.stat().st_size, offset + count * nbytes
    if offset < 0 or has < needs:
        raise FileError(f"{path} is truncated: it has {has} bytes and needs {needs}")
    file = path.open("rb")

    def read(number: int) -> np.ndarray:
        file.seek(offset + number * nbytes)
        data = file.read(nbytes)
        if len(data) < nbytes:
            raise FileError(f"{path} was cut short while it was read, at image {number}")
        return np.frombuffer(data, dtype).reshape(shape)

    return read, file.close


def to_grey(rgb: np.ndarray) -> np.ndarray:
    """Make image[y, x] of image[y, x, channel], by luminance; alpha is left out."""
    if rgb.shape[2] < 3:
        return np.asarray(rgb[:, :, 0])
    grey = rgb[:, :, :3].astype(np.float64) @ np.array([0.299, 0.587, 0.114])
    if rgb.dtype.kind in "ui":
        grey = np.rint(grey)
    return np.asarray(grey, dtype=rgb.dtype)
