"""The picture of the largest grains one by one: image, inverse transform of its spots, heat map."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from ...analysis.hrtem.views import BLUR, RADIUS, component_image, component_map
from ...analysis.preview import window
from .hrtem_map import CLASSES, Field
from .outlines import outline
from .scalebar import scale_bar
from .style import bare
from .words import formula, zone_axis

GRAINS = 4
AROUND = 1.25
"""Width of the detail, in diameters of the grain."""
PIXELS_PER_NM = 128 / 7.7
"""Of an image without a pixel size: its windows of 128 pixels stand for 7.7 nm."""
EDGE = 2.45
"""Inches of a panel."""


def components_figure(image: np.ndarray, field: Field) -> Figure | None:
    """Rows of the largest grains with a phase, else of the largest; None where there is none."""
    data = field.data
    rows = _chosen(data)
    if not rows:
        return None
    figure = Figure(figsize=(3 * EDGE * 1.12, len(rows) * EDGE * 1.1), layout="constrained")
    panels = figure.subplots(len(rows), 3, squeeze=False)
    even = image[: image.shape[0] // 2 * 2, : image.shape[1] // 2 * 2]
    pixel = (field.size[0] / image.shape[0], field.size[1] / image.shape[1])
    scale = 1.0 if field.unit == "nm" else PIXELS_PER_NM
    for (plain, inverse, heat), n in zip(panels, rows, strict=True):
        own = data["spot_grain"].values == n
        k = data["spot_ky"].values[own], data["spot_kx"].values[own]
        box = _detail(data, n, pixel, even.shape)
        _detail_of(plain, even, box, pixel, field.unit, "gray")
        fringes = component_image(image, pixel, *k, RADIUS / scale)
        _detail_of(inverse, fringes, box, pixel, field.unit, "gray")
        shape = tuple(min(400, max(1, round(edge / pixel[0] / 2))) for edge in field.size)
        heat_map = component_map(image, pixel, *k, (shape[0], shape[1]), BLUR * scale)
        heat.imshow(heat_map, cmap="inferno", extent=field.extent, interpolation="bilinear")
        outline(heat, data["grain_map"].values[0] == n + 1, field.size, line="#7fdfff", width=0.9)
        bare(heat)
        field.bar(heat)
        plain.set_ylabel(_words(data, n), fontsize=7.5)
    for axes, words in zip(
        panels[0], ("image", "inverse FFT of its spots", "heat map"), strict=True
    ):
        axes.set_title(words, loc="left")
    return figure


def _chosen(data: xr.Dataset) -> list[int]:
    if not data.sizes.get("grain"):
        return []
    named = data["grain_phase"].values >= len(CLASSES)
    order = np.lexsort((-data["grain_area"].values, ~named))
    own = set(data["spot_grain"].values.tolist())
    return [int(n) for n in order if int(n) in own][:GRAINS]


def _words(data: xr.Dataset, n: int) -> str:
    names = [*CLASSES, *(str(name) for name in data["phase"].values)]
    phase = formula(names[int(data["grain_phase"].values[n])])
    zone = zone_axis(str(data["grain_zone"].values[n]))
    return (
        f"grain {n + 1}: {phase} {zone}\n"
        f"p = {float(data['grain_probability'].values[n]):.2f}, "
        f"{int(data['grain_n_spots'].values[n])} spots"
    )


def _detail(
    data: xr.Dataset, n: int, pixel: tuple[float, float], shape: tuple[int, ...]
) -> tuple[slice, slice]:
    """Pixels of a square around a grain, inside the image."""
    width = AROUND * 2 * float(np.sqrt(data["grain_area"].values[n] / np.pi))
    box = []
    for axis, name in enumerate("yx"):
        count = min(shape[axis], max(48, round(width / pixel[axis])))
        centre = float(data[f"grain_{name}"].values[n]) / pixel[axis]
        start = int(np.clip(centre - count / 2, 0, shape[axis] - count))
        box.append(slice(start, start + count))
    return box[0], box[1]


def _detail_of(
    axes: Any,
    image: np.ndarray,
    box: tuple[slice, slice],
    pixel: tuple[float, float],
    unit: str,
    cmap: str,
) -> None:
    part = np.asarray(image[box], np.float32)
    low, high = window(part, (0.5, 99.5))
    size = part.shape[0] * pixel[0], part.shape[1] * pixel[1]
    axes.imshow(
        part,
        cmap=cmap,
        vmin=low,
        vmax=high,
        extent=(0, size[1], size[0], 0),
        interpolation="antialiased",
    )
    bare(axes)
    scale_bar(axes, size[1], size[0], unit)
