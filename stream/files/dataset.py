"""A dataset of HDF5 as the images of a file."""

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
from .contents import Images, Read, check_size
from .virtual import segments


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


def axes_scale(dataset: h5py.Dataset) -> Scale | None:
    """Give the steps of the axes y and x named by the NXdata around the dataset."""
    group = dataset.parent
    names = np.atleast_1d(group.attrs.get("axes", []))
    if len(names) != dataset.ndim:
        return None
    axes = [group.get(text(name)) for name in names[-2:]]
    if not all(isinstance(axis, h5py.Dataset) and axis.ndim == 1 for axis in axes):
        return None
    if any(axis.shape[0] < 2 or "units" not in axis.attrs for axis in axes):
        return None
    y, x = (step(axis[()]) for axis in axes)
    units = [text(axis.attrs["units"]) for axis in axes]
    return Scale((y, x), (units[0], units[1]), f"axes of {group.name}")


def step(axis: np.ndarray) -> float:
    """Give the step of an evenly spaced axis, up or down; nan if it is not even."""
    steps = np.diff(np.asarray(axis, dtype=np.float64))
    mean = float(steps.mean())
    return abs(mean) if np.allclose(steps, mean, rtol=1e-3, atol=0) else math.nan


def text(value: Any) -> str:
    """Give an attribute as text, however it was written; empty if it is none."""
    if isinstance(value, np.ndarray):
        value = value.flat[0] if value.size else ""
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return value if isinstance(value, str) else ""
