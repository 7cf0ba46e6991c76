"""A volume of labels as it grows, in a NeXus file of its own, with where it comes from.

/entry                 NXentry, with `program` and `date`; its default plot is the volume
/entry/labels          NXdata: `labels` [z, y, x], 0 is none, and the axes z, y, x
/entry/data            the table of the particles, as `labelled` writes it
/entry/process         NXprocess: program, version, and `lineage` (JSON: models, settings, slices)
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np

from .errors import FileError
from .labelled import put_labelled
from .nexus.columns import BSLZ4, put_text, to_json

if TYPE_CHECKING:
    import xarray as xr

CHUNK = (8, 256, 256)


class LabelVolume:
    """A file that is written slab by slab, and is there whole or not at all."""

    def __init__(
        self,
        path: Path,
        shape: tuple[int, int, int],
        voxel: tuple[float, float, float] | None,
    ) -> None:
        """Begin `path`; `voxel` (z, y, x) in um. FileError if the disk refuses."""
        self.path = path
        self._aside = path.with_name(f".{path.name}.{os.getpid()}.part")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = h5py.File(self._aside, "w")
        except OSError as error:
            raise FileError(f"{path}: can't be written: {error}") from error
        self._file.attrs["default"] = "entry"
        entry = self._file.create_group("entry")
        entry.attrs.update({"NX_class": "NXentry", "default": "labels"})
        plot = entry.create_group("labels")
        plot.attrs.update({"NX_class": "NXdata", "signal": "labels", "axes": ["z", "y", "x"]})
        chunk = tuple(min(c, n) for c, n in zip(CHUNK, shape, strict=True))
        self._labels = plot.create_dataset("labels", shape, np.uint32, chunks=chunk, **BSLZ4)
        self._labels.attrs["long_name"] = "particle; 0 none"
        for name, count, side in zip("zyx", shape, voxel or (1.0, 1.0, 1.0), strict=True):
            axis = plot.create_dataset(name, data=(np.arange(count) + 0.5) * side)
            axis.attrs["units"] = "um" if voxel else "px"

    def put(self, first: int, labels: np.ndarray) -> None:
        """Write planes from `first` on, whole slabs of [z, y, x]."""
        try:
            self._labels[first : first + len(labels)] = labels
        except OSError as error:
            raise FileError(f"{self.path}: can't be written: {error}") from error

    def put_plane(self, axis: int, index: int, labels: np.ndarray) -> None:
        """Write one plane that is perpendicular to `axis`."""
        at = tuple(index if n == axis else slice(None) for n in range(3))
        try:
            self._labels[at] = labels
        except OSError as error:
            raise FileError(f"{self.path}: can't be written: {error}") from error

    def finish(self, table: xr.Dataset, lineage: Mapping[str, Any], version: str) -> None:
        """Write the table and where all of it comes from; the file is there from then on."""
        entry = self._file["entry"]
        process = entry.create_group("process")
        process.attrs["NX_class"] = "NXprocess"
        put_text(process, "program", "beamside")
        put_text(process, "version", version)
        put_text(process, "lineage", to_json(lineage).decode())
        put_labelled(entry, table)
        try:
            self._file.close()
            with self._aside.open("rb") as file:
                os.fsync(file.fileno())
            os.replace(self._aside, self.path)
        except OSError as error:
            raise FileError(f"{self.path}: can't be written: {error}") from error

    def __enter__(self) -> LabelVolume:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()
        self._aside.unlink(missing_ok=True)
