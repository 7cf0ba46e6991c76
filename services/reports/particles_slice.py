"""A slice with the outlines of the particles that were found in it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import xarray as xr
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure

from ...stream.messages import Result
from .scalebar import scale_bar
from .style import bare, drawing, save

WIDTH = 7.2
"""Inches."""
TALLEST = 9.0
OUTLINE, CUT = "#ffb000", "#56b4e9"
"""Of whole particles, and of those that the edge cuts."""


def draw(image: np.ndarray, result: Result, stem: Path) -> list[Path]:
    """Draw one slice; nothing if nothing could be said of it."""
    if result.error is not None:
        return []
    path = stem.with_name(f"{stem.name}-outlines.png")
    with drawing():
        save(figure(image, result.data), path)
    return [path]


def figure(image: np.ndarray, data: xr.Dataset) -> Figure:
    """The slice in grey, each outline over it."""
    size = {axis: image.shape[n] * 2 * float(data[axis][0]) for n, axis in enumerate("yx")}
    high = min(WIDTH * size["y"] / size["x"], TALLEST)
    made = Figure(figsize=(max(2.5, high * size["x"] / size["y"]), high + 0.5))
    made.set_layout_engine("constrained")
    axes = made.subplots()
    low, top = levels(image)
    axes.imshow(
        image, cmap="gray", vmin=low, vmax=top, extent=(0, size["x"], size["y"], 0), aspect="equal"
    )
    outlines = np.stack([data[f"particle_outline_{axis}"].values for axis in "xy"], axis=-1)
    colours = [CUT if cut else OUTLINE for cut in data["particle_edge"].values]
    axes.add_collection(
        PolyCollection(list(outlines), facecolors="none", edgecolors=colours, linewidths=0.9)
    )
    axes.set_xlim(0, size["x"])
    axes.set_ylim(size["y"], 0)
    scale_bar(axes, size["x"], size["y"], str(data["y"].attrs["units"]).replace("um", "µm"))
    axes.set_title(f"{len(outlines)} particles; those that the edge cuts in blue", loc="left")
    bare(axes)
    return made


def levels(image: np.ndarray) -> tuple[float, float]:
    """Grey values that black and white stand for: a few voxels may be beyond."""
    known = image[np.isfinite(image)]
    if not known.size:
        return 0.0, 1.0
    low, high = (
        float(one) for one in np.percentile(known[:: max(1, known.size >> 18)], (0.3, 99.7))
    )
    return low, max(high, low + 1e-9)
