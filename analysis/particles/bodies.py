"""The particles of a volume as a labelled table: where they are, and how large."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from .extent import Extent
from .sections import VIEWS, Sections


def bodies(sums: np.ndarray, extent: Extent, seen: np.ndarray | None = None) -> xr.Dataset:
    """Make the table of what was summed over the voxels of each particle.

    `sums` [label, 5]: voxels, their z, y, x, and voxels on faces; row 0 is no particle. `seen`
    [label]: share of the cross-sections that were found. Lengths are in um where every pixel size
    is known, in voxels else.
    """
    label = np.flatnonzero(sums[:, 0] > 0)
    label = label[label > 0]
    known = all(extent.pixel)
    size, unit = (extent.pixel, "um") if known else ((1.0, 1.0, 1.0), "px")
    many = sums[label, 0]
    volume = many * np.prod(size)
    columns: dict[str, tuple[np.ndarray, dict[str, Any]]] = {
        "label": (label.astype(np.int32), {"long_name": "value in the volume of labels"}),
        "voxels": (many.astype(np.int64), {"long_name": "voxels", "units": "1"}),
        "volume": (volume, {"long_name": "volume", "units": f"{unit}3"}),
        "diameter": (
            np.cbrt(6 * volume / np.pi),
            {"long_name": "diameter of a ball of equal volume", "units": unit},
        ),
    }
    for axis, name in enumerate("zyx"):
        middle = (sums[label, 1 + axis] / many + 0.5) * size[axis]
        columns[name] = (middle, {"long_name": f"centroid along {name}", "units": unit})
    meanings = {"flag_values": np.array([0, 1], np.uint8), "flag_meanings": "whole cut"}
    columns["edge"] = (
        (sums[label, 4] > 0).astype(np.uint8),
        {"long_name": "whether a face of the volume cuts it", **meanings},
    )
    if seen is not None:
        words = {"long_name": "share of its cross-sections that were found", "units": "1"}
        columns["seen"] = (np.minimum(seen[label], 1), words)
    return xr.Dataset(
        {f"particle_{name}": (("particle",), *column) for name, column in columns.items()},
        attrs={"title": "Particles of a volume", "particles": len(label)},
    )


def axes(shape: tuple[int, ...], extent: Extent, stride: int = 1) -> dict[str, Any]:
    """Coordinates of cells of `stride` voxels."""
    known = all(extent.pixel)
    size, unit = (extent.pixel, "um") if known else ((1.0, 1.0, 1.0), "px")
    return {
        name: ((name,), (np.arange(n) + 0.5) * stride * p, {"units": unit, "long_name": name})
        for name, n, p in zip("zyx", shape, size, strict=True)
    }


def views(sections: Sections) -> str:
    """How many slices there are of each view, in words."""
    counts = [sum(1 for one in sections if one.view == view) for view in range(3)]
    return ", ".join(f"{n} {name}" for n, name in zip(counts, VIEWS, strict=True) if n) or "none"
