"""EMD, which is two formats in HDF5: Thermo Fisher Velox's and Berkeley's."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from ..errors import FileError
from .calibration import Scale
from .contents import Images, check_size
from .dataset import of_dataset, step

_TOLD = ("Instrument", "Optics", "Scan", "Stage", "Acquisition", "BinaryResult", "Sample", "User")
_LONGEST_METADATA = 16 << 20


def images(path: Path, inside: str | None = None) -> Images:
    """Find the first image, or stack, in an EMD file; `inside` names the group of another."""
    file = h5py.File(path, "r")
    try:
        velox, berkeley = _velox_groups(file), _berkeley_groups(file)
        groups = velox or berkeley
        if not groups:
            raise FileError(f"{path} holds no image that Velox or Berkeley's EMD would find in it")
        group = groups[0]
        if inside is not None:
            group = next((g for g in groups if g.name == f"/{inside.strip('/')}"), None)
        if group is None:
            names = ", ".join(g.name for g in groups[:8])
            raise FileError(f"{path} has no image {inside!r}; it has {names}")
        note = {"note": f"the first of {len(groups)}"} if len(groups) > 1 and not inside else {}
        return (_velox if velox else _berkeley)(path, file, group, note)
    except BaseException:
        file.close()
        raise


def _velox_groups(file: h5py.File) -> list[Any]:
    top = file.get("Data/Image")
    groups = list(top.values()) if isinstance(top, h5py.Group) else []
    return [group for group in groups if isinstance(group.get("Data"), h5py.Dataset)]


def _velox(path: Path, file: h5py.File, group: Any, note: dict[str, Any]) -> Images:
    """Velox counts frames last: Data[y, x, n], with a JSON text a frame in Metadata[byte, n]."""
    data = group["Data"]
    if data.ndim != 3 or data.dtype.kind not in "uif":
        raise FileError(f"{path}: {group.name} is no stack of real-valued images, but {data.dtype}")
    ny, nx, count = data.shape
    check_size(path, count, (ny, nx))
    about = _velox_metadata(group)
    volt = _number(about, "Optics", "AccelerationVoltage")
    return Images(
        count,
        (ny, nx),
        data.dtype,
        lambda number: np.asarray(data[:, :, number]),
        file.close,
        scale=_velox_scale(about),
        voltage=volt / 1000 if volt and volt > 0 else None,
        metadata={**{key: about[key] for key in _TOLD if key in about}, **note},
    )


def _velox_metadata(group: Any) -> dict[str, Any]:
    text = group.get("Metadata")
    if not isinstance(text, h5py.Dataset) or text.ndim != 2 or text.size > _LONGEST_METADATA:
        return {}
    about = json.loads(bytes(text[:, 0]).rstrip(b"\0").decode("utf-8", "replace"))
    return about if isinstance(about, dict) else {}


def _velox_scale(about: dict[str, Any]) -> Scale | None:
    result = about.get("BinaryResult", {})
    y = _number(about, "BinaryResult", "PixelSize", "height")
    x = _number(about, "BinaryResult", "PixelSize", "width")
    if y is None or x is None:
        return None
    units = str(result.get("PixelUnitY", "")), str(result.get("PixelUnitX", ""))
    return Scale((y, x), units, "Velox")


def _number(about: dict[str, Any], *names: str) -> float | None:
    """A number some maps down, which Velox writes as text; None if it is not there."""
    value: Any = about
    for name in names:
        value = value.get(name) if isinstance(value, dict) else None
    return None if value is None else float(value)


def _berkeley_groups(file: h5py.File) -> list[Any]:
    found: list[Any] = []

    def visit(name: str, item: Any) -> None:
        if (
            isinstance(item, h5py.Group)
            and np.any(np.atleast_1d(item.attrs.get("emd_group_type", 0)) == 1)
            and isinstance(item.get("data"), h5py.Dataset)
            and item["data"].ndim in (2, 3)
        ):
            found.append(item)

    file.visititems(visit)
    return found


def _berkeley(path: Path, file: h5py.File, group: Any, note: dict[str, Any]) -> Images:
    """Berkeley's: data[n, y, x] or [y, x], with dim1, dim2, dim3 its axes in that order."""
    data = group["data"]
    axes = [group.get(f"dim{number}") for number in range(data.ndim - 1, data.ndim + 1)]
    scale = None
    if all(isinstance(axis, h5py.Dataset) and axis.size > 1 for axis in axes):
        y, x = (step(axis[()].ravel()) for axis in axes)
        unit_y, unit_x = (_berkeley_unit(axis) for axis in axes)
        scale = Scale((y, x), (unit_y, unit_x), f"axes of {group.name}")
    return of_dataset(path, data, file, scale=scale, metadata=note)


def _berkeley_unit(axis: Any) -> str:
    """The unit of an axis, which Berkeley's EMD writes as `[n_m]`; no unit means pixels there."""
    unit = np.atleast_1d(axis.attrs.get("units", "pixels"))[0]
    text = unit.decode("utf-8", "replace") if isinstance(unit, bytes) else str(unit)
    return text.strip("[] ").replace("_", "")
