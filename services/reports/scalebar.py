"""A scale bar: a round length, about a fifth of the field, legible on any ground."""

from __future__ import annotations

import math
from typing import Any

from matplotlib.patches import Rectangle
from matplotlib.patheffects import withStroke

SHARE = 0.28
"""Of the field's width, at most."""


def round_length(most: float) -> float:
    """The largest of 1, 2, 5, 10, 20, ... that is not above `most`."""
    decade = 10.0 ** math.floor(math.log10(most))
    return max(step * decade for step in (1, 2, 5) if step * decade <= most * (1 + 1e-9))


def scale_bar(axes: Any, width: float, height: float, unit: str) -> None:
    """Put a bar into the lower left corner of an image that spans `width` x `height` in `unit`."""
    length = round_length(SHARE * width)
    thick, margin = 0.016 * height, 0.04 * min(width, height)
    outlined = [withStroke(linewidth=2.2, foreground="black")]
    bar = Rectangle(
        (margin, height - margin - thick),
        length,
        thick,
        facecolor="white",
        edgecolor="black",
        linewidth=0.7,
        zorder=9,
    )
    axes.add_patch(bar)
    axes.text(
        margin + length / 2,
        height - margin - 1.5 * thick,
        f"{length:g} {unit}",
        color="white",
        ha="center",
        va="bottom",
        fontsize=8.5,
        fontweight="bold",
        path_effects=outlined,
        zorder=9,
    )
