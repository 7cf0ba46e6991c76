"""HDF5 and NeXus: the default signal or a named dataset; the detector's own bytes if it can."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py

from ..errors import FileError
from .contents import Images
from .dataset import axes_scale, of_dataset, text

_CACHE_BYTES = 64 << 20
"""Room for a chunk that holds several frames, so that it is not decoded once for each."""


def images(path: Path, inside: str | None = None) -> Images:
    """Find images[n, y, x], or the one image[y, x], of the file's default plot, or `inside`.

    The pixel size comes from the axes y and x of the plot, where they have units.
    """
    file = h5py.File(path, "r", rdcc_nbytes=_CACHE_BYTES)
    try:
        dataset = _named(path, file, inside) if inside else _default(path, file)
        return of_dataset(path, dataset, file, scale=axes_scale(dataset))
    except BaseException:
        file.close()
        raise


def _named(path: Path, file: h5py.File, name: str) -> h5py.Dataset:
    found = file.get(name)
    if isinstance(found, h5py.Dataset):
        return found
    raise FileError(f"{path} has no dataset {name!r}; it has {_list(_stacks(file))}")


def _default(path: Path, file: h5py.File) -> h5py.Dataset:
    """Follow NeXus' @default and @signal; else take the only dataset that could be images."""
    group: Any = file
    for _ in range(8):
        if text(group.attrs.get("signal")):
            signal = group.get(text(group.attrs["signal"]))
            if isinstance(signal, h5py.Dataset):
                return signal
        below = group.get(text(group.attrs.get("default")) or ".")
        if not isinstance(below, h5py.Group) or below == group:
            break
        group = below
    stacks = _stacks(file)
    if len(stacks) == 1:
        return file[stacks[0]]
    raise FileError(
        f"{path} has no default plot (@default, @signal), and {_list(stacks)} could be images; "
        f"say which, e.g. {path.name}::{stacks[0] if stacks else '/entry/data/data'}"
    )


def _stacks(file: h5py.File) -> list[str]:
    """Names of all datasets that could be images."""
    found: list[str] = []

    def visit(name: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset) and item.ndim in (2, 3) and item.dtype.kind in "uif":
            found.append(f"/{name}")

    file.visititems(visit)
    return found


def _list(names: list[str]) -> str:
    more = f" and {len(names) - 8} more" if len(names) > 8 else ""
    return (", ".join(names[:8]) or "nothing") + more
