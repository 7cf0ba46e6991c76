"""numpy's npz and npy, image by image; Python objects in them are never loaded.

A volume [z, y, x] in an npy is cut along any axis: `volume.npy::xz` are its slices along y.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy

from ..errors import FileError
from .calibration import Scale
from .contents import Images, check_size, stored_raw

_USUAL = ("image", "images")
_TOLD = ("condition", "condition_name", "dose_e_A2")
"""Of a simulation's meta what a microscope would know too; never its truth."""
_LONGEST_META = 1 << 20
CUTS = ("xy", "xz", "yz")
"""Slices of a volume, perpendicular to z, y, x."""
_BLOCK = 1 << 26
"""Bytes of slices across a volume that are read at once: each touches all of the file."""


@dataclass(frozen=True, slots=True)
class _Array:
    """What the head of a stored array says."""

    shape: tuple[int, ...]
    fortran: bool
    dtype: np.dtype[Any]
    offset: int


def images(path: Path, inside: str | None = None) -> Images:
    """Find the array `image` or `images`, or the only one of 2 or 3 dimensions, or `inside`.

    A simulation with a JSON `meta` is calibrated by what its header would say (`px_nm_header`).
    """
    if path.suffix.lower() == ".npy":
        return _npy(path, inside)
    with zipfile.ZipFile(path) as archive:
        arrays = _arrays(archive)
        name = _pick(path, arrays, inside)
        meta = _meta(archive) if "meta" in arrays else {}
    array = arrays[name]
    count, shape = _frames(path, name, array)
    read, close = _reader(path, f"{name}.npy", array, shape)
    return Images(
        count,
        shape,
        array.dtype,
        read,
        close,
        scale=_scale(meta),
        voltage=_voltage(meta),
        metadata={"array": name, **{key: meta[key] for key in _TOLD if key in meta}},
    )


def _npy(path: Path, inside: str | None) -> Images:
    with path.open("rb") as file:
        array = _head(file)
    count, shape = _frames(path, path.stem, array)
    if array.fortran:
        raise FileError(f"{path} is in Fortran order; save np.ascontiguousarray(it) instead")
    if inside not in (None, *CUTS) or (inside and len(array.shape) != 3):
        raise FileError(
            f"{path} has no part {inside!r}; slices of a volume are {', '.join(CUTS)}, and an "
            "image has no parts"
        )
    read, close = stored_raw(path, offset=array.offset, count=count, shape=shape, dtype=array.dtype)
    if inside in CUTS[1:]:
        return _cut(array, CUTS.index(inside), read, close)
    return Images(count, shape, array.dtype, read, close)


def _cut(
    array: _Array, axis: int, plane: Callable[[int], Any], close: Callable[[], None]
) -> Images:
    """Slices of a volume across its planes, a block of them in memory."""
    count, across = array.shape[axis], array.shape[3 - axis]
    block = max(1, min(count, _BLOCK // (array.shape[0] * across * array.dtype.itemsize)))
    held: dict[int, np.ndarray] = {}

    def read(number: int) -> np.ndarray:
        first = number // block * block
        if first not in held:
            held.clear()
            several = np.empty((min(block, count - first), array.shape[0], across), array.dtype)
            for z in range(array.shape[0]):
                turned = plane(z) if axis == 1 else plane(z).T
                several[:, z] = turned[first : first + block]
            held[first] = several
        return np.asarray(held[first][number - first])

    return Images(count, (array.shape[0], across), array.dtype, read, close)


def _head(file: IO[bytes]) -> _Array:
    version = npy.read_magic(file)
    head = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
    shape, fortran, dtype = head(file)
    return _Array(shape, fortran, dtype, file.tell())


def _arrays(archive: zipfile.ZipFile) -> dict[str, _Array]:
    arrays = {}
    for name in archive.namelist():
        if name.endswith(".npy"):
            with archive.open(name) as file:
                arrays[name.removesuffix(".npy")] = _head(file)
    return arrays


def _pick(path: Path, arrays: dict[str, _Array], inside: str | None) -> str:
    if inside is not None:
        if inside not in arrays:
            raise FileError(f"{path} has no array {inside!r}; it has {', '.join(arrays)}")
        return inside
    fitting = [
        name for name, array in arrays.items() if len(array.shape) in (2, 3) and not array.fortran
    ]
    for name in [name for name in _USUAL if name in arrays] or fitting:
        if name in _USUAL or len(fitting) == 1:
            return name
    if not fitting:
        raise FileError(f"{path} holds no array of 2 or 3 dimensions, only {', '.join(arrays)}")
    raise FileError(
        f"{path} holds several arrays that could be images ({', '.join(fitting)}); "
        f"say which, e.g. {path.name}::{fitting[0]}"
    )


def _frames(path: Path, name: str, array: _Array) -> tuple[int, tuple[int, int]]:
    if array.dtype.hasobject:
        raise FileError(f"{path}: {name} holds Python objects, which are never loaded")
    if len(array.shape) not in (2, 3):
        raise FileError(
            f"{path}: {name} has {len(array.shape)} dimensions; allowed are 2 (y, x) or 3 (n, y, x)"
        )
    *more, ny, nx = array.shape
    count = more[0] if more else 1
    check_size(path, count, (ny, nx))
    if array.fortran and count > 1:
        raise FileError(
            f"{path}: {name} is in Fortran order, its images are scattered; "
            "save np.ascontiguousarray(it) instead"
        )
    return count, (ny, nx)


def _reader(
    path: Path, member: str, array: _Array, shape: tuple[int, int]
) -> tuple[Callable[[int], np.ndarray], Callable[[], None]]:
    """Read image by image from the zip: going forwards is one pass, going back starts anew."""
    archive = zipfile.ZipFile(path)
    file = archive.open(member)
    nbytes = shape[0] * shape[1] * array.dtype.itemsize

    def read(number: int) -> np.ndarray:
        file.seek(array.offset + number * nbytes)
        data = file.read(nbytes)
        if len(data) < nbytes:
            raise FileError(f"{path} is truncated: {member} ends within image {number}")
        return np.frombuffer(data, array.dtype).reshape(shape, order="F" if array.fortran else "C")

    def close() -> None:
        file.close()
        archive.close()

    return read, close


def _meta(archive: zipfile.ZipFile) -> dict[str, Any]:
    """The JSON text in the array `meta`; empty if it is something else."""
    with archive.open("meta.npy") as file:
        head = _head(file)
        if head.dtype.kind not in "US" or head.shape not in ((), (1,)):
            return {}
        data = file.read(_LONGEST_META)
    try:
        meta = json.loads(str(np.frombuffer(data, head.dtype)[0]))
    except ValueError:
        return {}
    return meta if isinstance(meta, dict) else {}


def _scale(meta: dict[str, Any]) -> Scale | None:
    value = meta.get("px_nm_header")
    if not isinstance(value, int | float):
        return None
    return Scale((value, value), ("nm", "nm"), "px_nm_header")


def _voltage(meta: dict[str, Any]) -> float | None:
    condition = meta.get("condition")
    volt = condition.get("E") if isinstance(condition, dict) else None
    return volt / 1000 if isinstance(volt, int | float) and volt > 0 else None
