"""A volume from a recorded file: its slices one over the other."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .decompress import decode
from .errors import FileError
from .files import open_file

LARGEST = 32 * 2**30
"""Bytes; more is a damaged header, or too much for one machine."""


@dataclass(frozen=True, slots=True)
class Volume:
    """What a file holds, and what it says of a voxel."""

    values: np.ndarray
    """[z, y, x]"""
    pixel_um: tuple[float, float] | None
    """(y, x) of a pixel of a slice; None = the file does not say."""


def read_volume(path: Path) -> Volume:
    """Read all slices of a file (tif, npz, npy, h5, ...) into one volume; FileError as `open_file`.

    `path` may go on with `::NAME` to name one of several arrays.
    """
    with open_file(path, source="volume") as recording:
        start = recording.start
        if start.shape is None or start.dtype is None:
            raise FileError(f"{path} holds no image")
        shape = (recording.count, *start.shape)
        nbytes = int(np.prod(shape, dtype=object)) * np.dtype(start.dtype).itemsize
        if nbytes > LARGEST:
            raise FileError(f"{path}: {nbytes / 2**30:.0f} GB in one volume; cut it into parts")
        values = np.empty(shape, start.dtype)
        for index, frame in enumerate(recording.frames()):
            values[index] = decode(frame.channels["data"])
        said = start.calibration.get("pixel_size_nm")
    pixel = None if said is None else (said[0] / 1000, said[1] / 1000)
    return Volume(values, pixel)
