"""The picture of a phase map: image, phases over it, and how sure they are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from ...analysis.preview import shrink, window
from .outlines import outline
from .scalebar import scale_bar
from .style import AMORPHOUS, UNKNOWN, VACUUM, bare, colours
from .words import formula

LARGEST = 1200
"""Pixels of the image along an edge, in the picture."""
WIDTH = 11.0
"""Inches."""
CROWDED = 60
"""Grains from which on outlines are thin."""
NUMBERED = 24
"""Grains that bear their number, the largest."""
CLASSES = ("vacuum", "amorphous", "unknown")


@dataclass(frozen=True, slots=True)
class Field:
    """What a picture of one frame is drawn from."""

    image: np.ndarray
    """[y, x], small enough to draw"""
    data: xr.Dataset
    size: tuple[float, float]
    """(y, x) edges of the field"""
    unit: str

    @property
    def extent(self) -> tuple[float, float, float, float]:
        """As `imshow` takes it: y goes down."""
        return 0.0, self.size[1], self.size[0], 0.0

    @property
    def phases(self) -> list[str]:
        """The candidates, in their order."""
        return [str(name) for name in self.data["phase"].values]

    def show(self, axes: Any) -> None:
        """Draw the image itself, with a scale bar."""
        low, high = window(self.image, (0.5, 99.5))
        axes.imshow(
            self.image,
            cmap="gray",
            vmin=low,
            vmax=high,
            extent=self.extent,
            interpolation="antialiased",
        )
        bare(axes)

    def bar(self, axes: Any) -> None:
        """Add the scale bar."""
        scale_bar(axes, self.size[1], self.size[0], self.unit)


def field_of(image: np.ndarray, data: xr.Dataset) -> Field:
    """Prepare what is drawn; the size of the field is that of the result."""
    y, x = data["y"].values, data["x"].values
    size = (float(y[0] + y[-1]), float(x[0] + x[-1]))  # centres of the first and the last pixel
    small = shrink(np.asarray(image, np.float32), LARGEST)[0]
    return Field(small, data, size, str(data["y"].attrs["units"]))


def map_figure(field: Field) -> Figure:
    """Three panels: the image, the phases over it, their posterior."""
    panel = (WIDTH - 0.8) / 3 * field.size[0] / field.size[1]
    figure = Figure(figsize=(WIDTH, min(0.55 + panel, 14.0)), layout="constrained")
    plain, mapped, sure = figure.subplots(1, 3)
    field.show(plain)
    field.bar(plain)
    plain.set_title("image", loc="left")
    field.show(mapped)
    handles = paint(mapped, field)
    field.bar(mapped)
    mapped.set_title("phases; numbers are grains of the table", loc="left")
    _confidence(figure, sure, field)
    if handles:
        figure.legend(handles=handles, loc="outside lower left", ncols=min(5, len(handles)))
    return figure


def paint(axes: Any, field: Field, alpha: float = 0.42) -> list[Patch]:
    """Fill and outline all grains in the colours of their phases; give what a legend needs."""
    data, names = field.data, [*CLASSES, *field.phases]
    colour = dict(colours(field.phases)) | {"unknown": UNKNOWN}
    grains = data["grain_map"].values[0]
    classes = data["phase_map"].values[0]
    area: dict[str, float] = {}
    width = 1.1 if grains.max() < CROWDED else 0.6
    for number in range(1, int(grains.max()) + 1):
        inside = grains == number
        if not inside.any():
            continue
        phase = names[int(classes[inside][0])]
        area[phase] = area.get(phase, 0.0) + float(inside.sum())
        shade = colour.get(phase, UNKNOWN)
        veil = alpha if phase in field.phases else 0.25 * alpha
        outline(axes, inside, field.size, fill=shade, line=shade, alpha=veil, width=width)
    _numbers(axes, field)
    specimen = max(1.0, float((classes != 0).sum()))
    return [
        Patch(
            facecolor=colour.get(phase, UNKNOWN),
            edgecolor="#444444",
            linewidth=0.5,
            label=f"{formula(phase)}  {100 * share / specimen:.1f} % of the specimen",
        )
        for phase, share in sorted(area.items(), key=lambda pair: -pair[1])
    ]


def _numbers(axes: Any, field: Field) -> None:
    data = field.data
    if not data.sizes.get("grain"):
        return
    order = np.argsort(-data["grain_area"].values)[:NUMBERED]
    for n in order:
        axes.text(
            float(data["grain_x"].values[n]),
            float(data["grain_y"].values[n]),
            str(int(n) + 1),
            color="white",
            fontsize=6.5,
            fontweight="bold",
            ha="center",
            va="center",
            clip_on=True,
            bbox={"boxstyle": "round,pad=0.12", "facecolor": "black", "alpha": 0.5, "linewidth": 0},
        )


def _confidence(figure: Figure, axes: Any, field: Field) -> None:
    """Posterior of the label of each grain that has one."""
    data = field.data
    axes.set_facecolor(AMORPHOUS)
    axes.set_aspect("equal")
    outline(axes, data["phase_map"].values[0] == 0, field.size, fill=VACUUM)
    scale = ScalarMappable(Normalize(0, 1), "viridis")
    grains, sure = data["grain_map"].values[0], data["confidence"].values[0]
    named = data["phase_map"].values[0] >= len(CLASSES)
    for number in range(1, int(grains.max()) + 1):
        inside = grains == number
        if inside.any():
            known = named[inside].any()
            shade = scale.to_rgba(sure[inside][:1])[0] if known else UNKNOWN
            outline(axes, inside, field.size, fill=shade, line="black", width=0.4)
    axes.set_xlim(0, field.size[1])
    axes.set_ylim(field.size[0], 0)
    bare(axes)
    axes.set_title("posterior of the label", loc="left")
    figure.colorbar(scale, ax=axes, pad=0.02, aspect=28)
    shades = {"unknown": UNKNOWN, "amorphous": AMORPHOUS, "vacuum": VACUUM}
    grounds = [
        Patch(facecolor=shade, edgecolor="#444444", linewidth=0.4, label=name)
        for name, shade in shades.items()
    ]
    axes.legend(
        handles=grounds, loc="lower left", frameon=True, framealpha=0.7, ncols=3, borderpad=0.3
    )
