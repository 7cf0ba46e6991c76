"""How one frame comes out of an HDF5 dataset: as the bytes of its chunk, or decoded by HDF5."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import hdf5plugin
import numpy as np

from .. import decompress
from ..errors import FileError, WireError
from ..messages import Pixels
from .contents import Read, travelling

BITSHUFFLE = hdf5plugin.Bitshuffle.filter_id
_LZ4, _ZSTD = 2, 3
"""The compressor's number in the filter's settings."""


def frame_reader(path: Path, dataset: h5py.Dataset) -> Read:
    """Give the function that reads frame i of dataset[n, y, x], or the one of dataset[y, x]."""
    if dataset.external:
        # HDF5 would read any file of this machine that a stranger's file names.
        raise FileError(f"{path}::{dataset.name} keeps its pixels in other files as raw bytes")
    filters = _filters(dataset)
    packed = [values for code, values in filters if code == BITSHUFFLE]
    if packed and len(filters) > 1:
        raise FileError(f"{path}::{dataset.name} is packed by bitshuffle and more; repack it")
    compressor = packed[0][4] if packed and len(packed[0]) > 4 else 0
    whole = dataset.chunks == (1, *dataset.shape[-2:])[-dataset.ndim :]
    if compressor == _LZ4 and whole and dataset.dtype.byteorder != ">":
        return _direct(path, dataset)
    return _decoded(path, dataset, guarded=compressor in (_LZ4, _ZSTD))


def _filters(dataset: h5py.Dataset) -> list[tuple[int, tuple[int, ...]]]:
    plan = dataset.id.get_create_plist()
    found = (plan.get_filter(number) for number in range(plan.get_nfilters()))
    return [(code, values) for code, _, values, _ in found]


def _direct(path: Path, dataset: h5py.Dataset) -> Read:
    """The detector's own bytes, untouched; whoever decodes them walks their blocks first."""
    shape, dtype = dataset.shape[-2:], travelling(path, dataset.dtype)

    def read(number: int) -> Pixels | np.ndarray:
        at = (number, 0, 0) if dataset.ndim == 3 else (0, 0)
        if dataset.id.get_chunk_info_by_coord(at).byte_offset is None:
            return _array(dataset, number)  # never written: HDF5 fills it
        skipped, data = dataset.id.read_direct_chunk(at)
        if skipped and len(data) != math.prod(shape) * dataset.dtype.itemsize:
            raise FileError(f"{path}: image {number} is stored unpacked, and not whole")
        return Pixels(shape, dtype, "raw" if skipped else "bslz4", data)

    return read


def _decoded(path: Path, dataset: h5py.Dataset, *, guarded: bool) -> Read:
    good: set[tuple[int, ...]] = set()

    def read(number: int) -> np.ndarray:
        if guarded:
            for at in _chunks_of(dataset, number):
                if at not in good:
                    _walk(path, dataset, at)
                    good.add(at)
        return _array(dataset, number)

    return read


def _array(dataset: h5py.Dataset, number: int) -> np.ndarray:
    return np.asarray(dataset[number] if dataset.ndim == 3 else dataset[()])


def _chunks_of(dataset: h5py.Dataset, number: int) -> Iterator[tuple[int, ...]]:
    """Where the chunks begin that a frame lies in."""
    rest: tuple[Any, ...] = (slice(None), slice(None))
    frame = (slice(number, number + 1), *rest) if dataset.ndim == 3 else rest
    for part in dataset.iter_chunks(frame):
        starts = zip(part, dataset.chunks, strict=True)
        yield tuple(piece.start // size * size for piece, size in starts)


def _walk(path: Path, dataset: h5py.Dataset, at: tuple[int, ...]) -> None:
    """Refuse a chunk cut short before HDF5 sees it: its filter would read on and crash."""
    if dataset.id.get_chunk_info_by_coord(at).byte_offset is None:
        return
    skipped, data = dataset.id.read_direct_chunk(at)
    *rows, nx = dataset.chunks
    dtype = np.dtype(f"u{dataset.dtype.itemsize}").newbyteorder("<").str
    pixels = Pixels((math.prod(rows), nx), dtype, "bslz4", data)
    try:
        if not skipped:
            decompress.check(pixels)
    except WireError as error:
        raise FileError(
            f"{path}: the chunk at {at} of {dataset.name} is damaged: {error}"
        ) from None
