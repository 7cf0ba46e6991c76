"""Reading datasets of a file that is not trusted: block headers are walked before any decoder."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from .. import decompress
from ..errors import FileError, WireError
from ..messages import Pixels
from .columns import from_json

KIND = "an archive of beamside"
FILTER = 32008
UNSIGNED = {1: "|u1", 2: "<u2", 4: "<u4", 8: "<u8"}


@contextlib.contextmanager
def reading(path: Path, kind: str = KIND) -> Iterator[None]:
    """Turn whatever goes wrong inside into a FileError that names the file."""
    try:
        yield
    except FileError:
        raise
    except FileNotFoundError as error:
        raise FileError(f"{path}: there is no such file") from error
    except IsADirectoryError as error:
        raise FileError(f"{path} is a folder; name an archive in it") from error
    except PermissionError as error:
        raise FileError(f"{path}: no permission to read it; ask its owner") from error
    except BlockingIOError as error:
        raise FileError(f"{path} is being written; read it when its run has ended") from error
    except Exception as error:  # a damaged HDF5 file raises all sorts
        said = f"{type(error).__name__}: {error}"[:200]
        raise FileError(f"{path} is not {kind}, or is damaged or cut short ({said})") from error


def read_chunk(dataset: h5py.Dataset, offset: tuple[int, ...]) -> Pixels | None:
    """Read one chunk as it is packed, or None if it was never written."""
    if offset[0] >= dataset.shape[0]:
        return None
    info = dataset.id.get_chunk_info_by_coord(offset)
    if info.byte_offset is None:
        return None
    mask, data = dataset.id.read_direct_chunk(offset)
    *rows, nx = dataset.chunks
    packed = FILTER in filters(dataset) and not mask & 1
    shape = (int(np.prod(rows)), int(nx))
    return Pixels(shape, dataset.dtype.str, "bslz4" if packed else "raw", data)


def filters(dataset: h5py.Dataset) -> list[int]:
    """The filters that chunks of `dataset` go through."""
    plist = dataset.id.get_create_plist()
    return [plist.get_filter(index)[0] for index in range(plist.get_nfilters())]


def safely(path: Path, dataset: h5py.Dataset) -> np.ndarray:
    """Read a whole dataset after a walk of its packed chunks; FileError if they are damaged."""
    used = filters(dataset)
    if used not in ([], [FILTER]):
        raise FileError(f"{path}: {dataset.name} is packed in a way that no archive is ({used})")
    for index in range(dataset.id.get_num_chunks() if used else 0):
        offset = dataset.id.get_chunk_info(index).chunk_offset
        pixels = read_chunk(dataset, offset)
        try:
            if pixels is not None:
                decompress.check(replace(pixels, dtype=UNSIGNED[dataset.dtype.itemsize]))
        except WireError as error:
            raise FileError(f"{path}: {dataset.name} at {offset} is damaged ({error})") from error
    return np.asarray(dataset[...])


def text(group: h5py.Group | None, name: str) -> str:
    """Read a text of `group`; empty if there is none."""
    dataset = None if group is None else group.get(name)
    if not isinstance(dataset, h5py.Dataset):
        return ""
    value = dataset[()]
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def parsed(group: h5py.Group, name: str) -> dict[str, Any]:
    """Read a JSON text of `group`; empty if there is none."""
    value = from_json(text(group, name).encode() or b"{}")
    return value if isinstance(value, dict) else {}


def lines(group: h5py.Group, name: str) -> list[dict[str, Any]]:
    """Read a log of JSON lines of `group`."""
    return [from_json(line) for line in bytes(group[name][:]).splitlines()]
