"""Frames of a virtual dataset (a master file over segments), read from the segments themselves.

HDF5 shows the frames of a segment that is missing as zeros, without a word; here they are refused.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from ..errors import FileError
from ..messages import Pixels
from .chunks import frame_reader
from .contents import Read


@dataclass(frozen=True, slots=True)
class _Part:
    """Frames first..stop of the whole are those from `at` on in a dataset of another file."""

    first: int
    stop: int
    file: Path
    dataset: str
    at: int


@dataclass(slots=True)
class _Open:
    """The one segment that is open."""

    part: _Part | None = None
    file: Any = None
    read: Read | None = None

    def close(self) -> None:
        if self.file is not None:
            self.file.close()
        self.part = self.file = self.read = None


@dataclass(frozen=True, slots=True)
class Segments:
    """The segments behind a virtual dataset[n, y, x]."""

    path: Path
    parts: list[_Part]
    _open: _Open = field(default_factory=_Open)

    def read(self, number: int) -> np.ndarray | Pixels:
        """Read one frame from the segment that holds it."""
        part = next((p for p in self.parts if p.first <= number < p.stop), None)
        if part is None:
            raise FileError(f"{self.path}: no segment holds image {number}")
        if self._open.part != part or self._open.read is None:
            self._open.close()
            self._open.file = h5py.File(part.file, "r")
            self._open.read = frame_reader(part.file, self._open.file[part.dataset])
            self._open.part = part
        return self._open.read(number - part.first + part.at)

    def close(self) -> None:
        """Let go of the segment that is open."""
        self._open.close()


def segments(path: Path, dataset: h5py.Dataset) -> Segments:
    """Find the segments of a virtual dataset; FileError if one is missing or frames are cut up."""
    parts = [_part(path, dataset, source) for source in dataset.virtual_sources()]
    return Segments(path, sorted(parts, key=lambda part: part.first))


def _part(path: Path, dataset: h5py.Dataset, source: Any) -> _Part:
    name = f"{path}::{dataset.name}"
    file = path if source.file_name == "." else path.parent / source.file_name
    if not file.is_file():
        raise FileError(f"{name}: its segment {source.file_name} is missing")
    (first, *low), (last, *high) = source.vspace.get_select_bounds()
    whole = dataset.ndim == 3 and low == [0, 0] and [n + 1 for n in high] == [*dataset.shape[1:]]
    with h5py.File(file, "r") as opened:
        inner = opened.get(source.dset_name)
        if not isinstance(inner, h5py.Dataset) or inner.is_virtual:
            raise FileError(f"{name}: {source.file_name} does not hold {source.dset_name}")
        at = _first(source.src_space)
        fits = inner.shape[1:] == dataset.shape[1:] and at + last - first < inner.shape[0]
        if not whole or not fits or inner.dtype != dataset.dtype:
            raise FileError(
                f"{name} is not made of whole frames of other files one after the other; "
                f"open those, e.g. {source.file_name}::{source.dset_name}"
            )
    return _Part(first, last + 1, file, source.dset_name, at)


def _first(space: Any) -> int:
    """The first frame that is selected; where all are, HDF5 does not say from where."""
    kind = space.get_select_type()
    return 0 if kind == h5py.h5s.SEL_ALL else int(space.get_select_bounds()[0][0])
