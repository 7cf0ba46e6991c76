"""HDF5 and NeXus: the default signal or a named dataset; the detector's own bytes if it can."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from ..errors import FileError
from .calibration import Scale
from .chunks import frame_reader
from .images import Images, Read, check_size
from .virtual import segments

_CACHE_BYTES = 64 << 20
"""Room for a chunk that holds several frames, so that it is not decoded once for each."""


def images(path: Path, inside: str | None = None) -> Images:
    """Find the frames[n, y, x] or the image[y, x] of the file's default plot, or `inside`.

    The pixel size comes from the axes y and x of the plot, where they have units.
    """
    file = h5py.File(path, "r", rdcc_nbytes=_CACHE_BYTES)
    try:
        dataset = _named(path, file, inside) if inside else _default(path, file)
        return of_dataset(path, dataset, file, scale=_axes_scale(path, dataset))
    except BaseException:
        file.close()
        raise


def of_dataset(
    path: Path,
    dataset: h5py.Dataset,
    file: h5py.File,
    *,
    scale: Scale | None = None,
    voltage: float | None = None,
    metadata: dict[str, Any] | None = None,
) -> Images:
    """Make Images of a dataset[y, x] or [n, y, x]; they close `file` when they are closed."""
    name = f"{path}::{dataset.name}"
    if dataset.ndim not in (2, 3):
        raise FileError(
            f"{name} has {dataset.ndim} dimensions; allowed are 2 (y, x) or 3 (n, y, x)"
        )
    ny, nx = dataset.shape[-2:]
    count = dataset.shape[0] if dataset.ndim == 3 else 1
    check_size(path, count, (ny, nx))
    read, close = _reader(path, dataset, file)
    return Images(
        count,
        (ny, nx),
        dataset.dtype,
        read,
        close,
        scale=scale,
        voltage=voltage,
        metadata={"dataset": dataset.name, **(metadata or {})},
    )


def _reader(path: Path, dataset: h5py.Dataset, file: h5py.File) -> tuple[Read, Callable[[], None]]:
    if not dataset.is_virtual:
        return frame_reader(path, dataset), file.close
    whole = segments(path, dataset)
    file.close()
    return whole.read, whole.close


def _named(path: Path, file: h5py.File, name: str) -> h5py.Dataset:
    found = file.get(name)
    if isinstance(found, h5py.Dataset):
        return found
    raise FileError(f"{path} has no dataset {name!r}; it has {_list(_stacks(file))}")


def _default(path: Path, file: h5py.File) -> h5py.Dataset:
    """Follow NeXus' @default and @signal; else take the only dataset that could be images."""
    group: Any = file
    for _ in range(8):
        if _text(group.attrs.get("signal")):
            signal = group.get(_text(group.attrs["signal"]))
            if isinstance(signal, h5py.Dataset):
                return signal
        below = group.get(_text(group.attrs.get("default")) or ".")
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


def _axes_scale(path: Path, dataset: h5py.Dataset) -> Scale | None:
    """The steps of the axes y and x named by the NXdata around the dataset."""
    group = dataset.parent
    names = np.atleast_1d(group.attrs.get("axes", []))
    if len(names) != dataset.ndim:
        return None
    axes = [group.get(_text(name)) for name in names[-2:]]
    if not all(isinstance(axis, h5py.Dataset) and axis.ndim == 1 for axis in axes):
        return None
    if any(axis.shape[0] < 2 or "units" not in axis.attrs for axis in axes):
        return None
    y, x = (step(axis[()]) for axis in axes)
    units = [_text(axis.attrs["units"]) for axis in axes]
    return Scale((y, x), (units[0], units[1]), f"axes of {group.name}")


def step(axis: np.ndarray) -> float:
    """The step of an evenly spaced axis, up or down; nan if it is not even."""
    steps = np.diff(np.asarray(axis, dtype=np.float64))
    mean = float(steps.mean())
    return abs(mean) if np.allclose(steps, mean, rtol=1e-3, atol=0) else math.nan


def _text(value: Any) -> str:
    """An attribute as text, however it was written; empty if it is none."""
    if isinstance(value, np.ndarray):
        value = value.flat[0] if value.size else ""
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return value if isinstance(value, str) else ""
