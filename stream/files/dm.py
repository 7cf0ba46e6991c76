"""Gatan DM3 and DM4: the tags read by ncempy, the pixels by plain reads."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import FileError
from .calibration import Scale
from .contents import Images, stored_raw
from .guard import quiet
from .microscopy import ncempy_io

_DTYPES = {
    1: "<i2",
    2: "<f4",
    6: "|u1",
    7: "<i4",
    9: "|i1",
    10: "<u2",
    11: "<u4",
    12: "<f8",
}
_OTHERS = {3: "complex", 13: "complex", 5: "packed complex", 8: "RGB", 14: "binary", 23: "RGB"}
_TAG = re.compile(r"\.ImageList\.(-?\d+)\.Image(Data|Tags)\.(.+)")
_TOLD = ("Microscope Info.", "Acquisition.", "DataBar.", "Session Info.", "Meta Data.")


@dataclass(slots=True)
class _Picture:
    """One entry of the file's image list."""

    data: dict[str, Any] = field(default_factory=dict)
    tags: dict[str, Any] = field(default_factory=dict)

    @property
    def kind(self) -> int:
        return int(self.data.get("DataType", 0))

    @property
    def extent(self) -> list[int]:
        """x, y, and more, as Gatan counts them."""
        sizes = (self.data.get(f"Dimensions.{axis}") for axis in (1, 2, 3, 4))
        return [int(size) for size in sizes if size is not None]

    @property
    def scale(self) -> Scale:
        values = [float(self.data.get(f"Calibrations.Dimension.{a}.Scale", 0)) for a in (2, 1)]
        units = [str(self.data.get(f"Calibrations.Dimension.{a}.Units", "")) for a in (2, 1)]
        return Scale((values[0], values[1]), (units[0], units[1]), "DM tags")

    def __str__(self) -> str:
        name = _DTYPES.get(self.kind) or _OTHERS.get(self.kind, f"DM type {self.kind}")
        return f"{' x '.join(map(str, self.extent))} {name}"


def images(path: Path, inside: str | None = None) -> Images:
    """Find the image, or stack of images, in a DM file; thumbnails are passed over.

    Of several images the first is taken, and the metadata's `note` says so.
    """
    fitting = _fitting(path, _pictures(_tags(path)))
    picture = fitting[0]
    nx, ny, *more = picture.extent
    count, dtype = (more or [1])[0], np.dtype(_DTYPES[picture.kind])
    stored, needed = int(picture.data["Data.arraySize"]), count * ny * nx * dtype.itemsize
    if stored != needed:
        raise FileError(f"{path} is damaged: {picture} is {needed} bytes, but {stored} are stored")
    offset = int(picture.data["Data.arrayOffset"])
    read, close = stored_raw(path, offset=offset, count=count, shape=(ny, nx), dtype=dtype)
    metadata = {name: tag for name, tag in picture.tags.items() if name.startswith(_TOLD)}
    if len(fitting) > 1:
        metadata["note"] = f"the first of {len(fitting)} images in the file"
    volt = float(picture.tags.get("Microscope Info.Voltage", 0))
    return Images(
        count,
        (ny, nx),
        dtype,
        read,
        close,
        scale=picture.scale,
        voltage=volt / 1000 if volt > 0 else None,
        metadata=metadata,
    )


def _fitting(path: Path, pictures: list[_Picture]) -> list[_Picture]:
    fitting = [p for p in pictures if p.kind in _DTYPES and len(p.extent) in (2, 3)]
    if not fitting:
        found = ", ".join(map(str, pictures)) or "nothing"
        raise FileError(f"{path} holds no real-valued image or stack of images, but {found}")
    return fitting


def _tags(path: Path) -> dict[str, Any]:
    """All tags of the file by their dotted names; big arrays are only pointed at."""
    ncempy = ncempy_io(path)
    with quiet(), ncempy.dm.fileDM(path, on_memory=False) as file:
        return dict(file.allTags)


def _pictures(tags: dict[str, Any]) -> list[_Picture]:
    found: dict[int, _Picture] = {}
    for name, value in tags.items():
        match = _TAG.fullmatch(name)
        if match:
            picture = found.setdefault(int(match[1]), _Picture())
            (picture.data if match[2] == "Data" else picture.tags)[match[3]] = value
    return [picture for _, picture in sorted(found.items()) if "Data.arrayOffset" in picture.data]
