"""MRC2014 and its older kin: the header read by mrcfile, the pixels by plain reads."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import mrcfile
import numpy as np

from ..errors import FileError
from .calibration import Scale
from .contents import Images, stored_raw
from .guard import quiet

_MODES = {0: "i1", 1: "i2", 2: "f4", 6: "u2"}
_OTHERS = {3: "complex integers", 4: "complex", 12: "16 bit floats", 101: "4 bit"}


def images(path: Path, inside: str | None = None) -> Images:
    """Find the sections of an MRC file as images, rows in the order in which they are stored.

    A voxel size of 0 means unknown. Writers disagree on whether the first row is the top one.
    """
    with path.open("rb") as raw:
        raw.seek(208)
        if raw.read(3) != b"MAP":
            raise FileError(f"{path} is not MRC, or is damaged: it does not say MAP in its header")
    with quiet(), mrcfile.open(path, "r", permissive=True, header_only=True) as file:
        header, size = file.header, file.voxel_size
        values = (float(size.y), float(size.x))
    mode, ny, nx, count = (int(header[name]) for name in ("mode", "ny", "nx", "nz"))
    if mode not in _MODES:
        raise FileError(
            f"{path}: MRC mode {mode} ({_OTHERS.get(mode, 'unknown')}) can't travel; "
            "allowed are 0, 1, 2 and 6"
        )
    dtype = np.dtype(_MODES[mode]).newbyteorder(header.mode.dtype.byteorder)
    offset = int(header.nbytes) + int(header.nsymbt)
    read, close = stored_raw(path, offset=offset, count=count, shape=(ny, nx), dtype=dtype)
    scale = Scale(values, ("A", "A"), "MRC header") if np.isfinite(values).all() else None
    metadata = {"labels": _labels(header)}
    return Images(count, (ny, nx), dtype, read, close, scale=scale, metadata=metadata)


def _labels(header: Any) -> list[str]:
    labels = [bytes(label).decode("ascii", "replace").strip(" \0") for label in header.label]
    return [label for label in labels if label]
