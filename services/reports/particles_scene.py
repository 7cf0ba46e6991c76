"""Pictures of a volume: particles from outside, and cuts through it, in any feature's colours."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from ...analysis.particles.flags import doubtful
from ...analysis.particles.scene import Scene
from .particles_slice import levels

COLOURS = "viridis"
FINE = 2
"""Points of the scene for a point of the picture, along each axis: edges are smooth then."""
VIEWS = (Scene(pixels=1100, opened=False), Scene(pixels=1100, azimuth=35.0))
UNKNOWN = (0.72, 0.72, 0.74)
"""Colour of particles without a value."""
SHOWN = 1 << 10
"""Pixels along a cut, at most."""


def scenes(labels: np.ndarray, voxel: tuple[float, float, float]) -> list[xr.Dataset]:
    """The volume from outside, whole and opened."""
    return [view(labels, voxel) for view in VIEWS]


def scene_figure(
    seen: list[xr.Dataset], table: xr.Dataset, name: str, labels: np.ndarray
) -> Figure:
    """The scenes with each particle in the colour of its feature `name`."""
    colours, scale = coloured(table, name, int(labels.max()))
    made = Figure(figsize=(9.6, 4.4), layout="constrained")
    panels = made.subplots(1, len(seen))
    for axes, one in zip(panels, seen, strict=True):
        light = one["shade"].values[..., None]
        picture = np.where(
            (one["seen"].values > 0)[..., None], colours[one["seen"].values] * light, 1
        )
        axes.imshow(smaller(picture), interpolation="antialiased")
        axes.axis("off")
    bar(made, scale, list(panels), table, name)
    return made


def cuts_figure(
    grey: np.ndarray,
    labels: np.ndarray,
    voxel: tuple[float, float, float],
    table: xr.Dataset,
    name: str,
) -> Figure:
    """Three cuts through the middle: grey, with each particle in the colour of its feature."""
    colours, scale = coloured(table, name, int(labels.max()))
    whole = np.array(labels.shape) * voxel
    made = Figure(figsize=(9.6, 3.9), layout="constrained")
    across = [(0, "xy"), (1, "xz"), (2, "yz")]
    widths = [whole[[a for a in range(3) if a != axis][1]] for axis, _ in across]
    panels = made.subplots(1, 3, width_ratios=widths)
    for axes, (axis, view) in zip(panels, across, strict=True):
        _cut(axes, grey, labels, whole, axis, colours)
        middle = labels.shape[axis] // 2
        axes.set_title(f"{view}, slice {middle}", loc="left")
    bar(made, scale, list(panels), table, name)
    return made


def _cut(
    axes: Any,
    grey: np.ndarray,
    labels: np.ndarray,
    whole: np.ndarray,
    axis: int,
    colours: np.ndarray,
) -> None:
    shape = [n for k, n in enumerate(labels.shape) if k != axis]
    step = max(1, max(shape) // SHOWN)
    at = tuple(labels.shape[axis] // 2 if k == axis else slice(None, None, step) for k in range(3))
    image, own = np.asarray(grey[at], float), np.asarray(labels[at])
    low, high = levels(image)
    tone = np.clip((image - low) / (high - low), 0, 1)[..., None] * np.ones(3)
    light = 0.35 + 0.65 * tone
    picture = np.where((own > 0)[..., None], 0.35 * tone + 0.65 * colours[own] * light, tone)
    edge = np.zeros(own.shape, bool)
    edge[:-1] |= own[:-1] != own[1:]
    edge[:, :-1] |= own[:, :-1] != own[:, 1:]
    picture[edge] *= 0.4
    high_um, wide_um = (whole[k] for k in range(3) if k != axis)
    axes.imshow(picture, extent=(0, wide_um, high_um, 0))
    axes.set_xlabel(f"{'xxy'[axis]} (µm)")
    axes.set_ylabel(f"{'yzz'[axis]} (µm)")


def coloured(table: xr.Dataset, name: str, highest: int) -> tuple[np.ndarray, ScalarMappable]:
    """Colour of each label, float [label, 3], and the scale.

    2 % of the particles may be beyond, and doubtful ones.
    """
    values = table[f"particle_{name}"].values.astype(float)
    known = values[np.isfinite(values)]
    sure = values[np.isfinite(values) & ~doubtful(table)]
    low, high = np.percentile(sure, (2, 98)) if sure.size else (0.0, 1.0)
    scale = ScalarMappable(Normalize(low, max(high, low + 1e-9)), COLOURS)
    colours = np.tile(np.array(UNKNOWN), (highest + 1, 1))
    colours[table["particle_label"].values[np.isfinite(values)]] = scale.to_rgba(known)[:, :3]
    return colours, scale


def bar(
    made: Figure, scale: ScalarMappable, panels: list[Any], table: xr.Dataset, name: str
) -> None:
    """Say what the colours stand for."""
    shown = made.colorbar(scale, ax=panels, shrink=0.75, pad=0.01, extend="both")
    shown.set_label(titled(table, name))


def titled(table: xr.Dataset, name: str) -> str:
    """A feature with its unit, for people."""
    unit = str(table[f"particle_{name}"].attrs.get("units", "1"))
    plain = name.replace("_", " ")
    for word, sign in (("um", "µm"), ("3", "³"), ("2", "²")):
        unit = unit.replace(word, sign)
    return plain if unit == "1" else f"{plain} ({unit})"


def smaller(picture: np.ndarray) -> np.ndarray:
    """Mean over FINE x FINE points."""
    rows, columns = (n // FINE * FINE for n in picture.shape[:2])
    blocks = picture[:rows, :columns].reshape(rows // FINE, FINE, columns // FINE, FINE, 3)
    return np.asarray(np.clip(blocks.mean(axis=(1, 3)), 0, 1))
