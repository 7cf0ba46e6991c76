"""The picture of a radial profile: the maximum shows crystals, the mean shows what is amorphous."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from .style import colours
from .words import reflection

NAMED = 22
"""Peaks that are named, the highest."""
MARGIN = 0.012
"""Of the width, beside the curve: names of peaks at its ends have room there."""
APART = 0.017
"""Of the width between two names, at least."""
SPACINGS = (0.7, 0.5, 0.4, 0.3, 0.25, 0.2, 0.18, 0.16, 0.15, 0.14, 0.13, 0.12, 0.11, 0.1)


def profile_figure(data: xr.Dataset) -> Figure:
    """Two panels over k, with d above."""
    k = data["k"].values
    unit = str(data["k"].attrs["units"])
    figure = Figure(figsize=(8.2, 4.8), layout="constrained")
    most, mean = figure.subplots(2, 1, sharex=True, height_ratios=[2.6, 1])
    most.semilogy(k, data["profile_max"].values[0], color="#222222", linewidth=0.9)
    threshold = data.attrs.get("spot_threshold")
    if threshold:
        most.axhline(threshold, color="#b00020", linewidth=0.7, linestyle="--")
        most.text(
            k[-1], threshold, "threshold of a spot ", color="#b00020", ha="right", va="bottom"
        )
    most.set_ylabel("maximum of power\nover background")
    mean.plot(k, data["profile_mean"].values[0], color="#0072b2", linewidth=0.9)
    mean.axhline(1.0, color="#888888", linewidth=0.5)
    mean.set_ylabel("mean")
    mean.set_xlabel(f"k ({unit})")
    margin = MARGIN * float(k[-1] - k[0])
    most.set_xlim(float(k[0]) - margin, float(k[-1]) + margin)
    _peaks(most, data)
    _spacings(most, unit)
    return figure


def _peaks(axes: Any, data: xr.Dataset) -> None:
    """Name the highest peaks by phase, indices and spacing, upright and beside each other."""
    colour = colours([str(name) for name in data["phase"].values])
    low, high = axes.get_ylim()
    axes.set_ylim(low, high * (high / low) ** 0.6)
    k, height = data["peak_k"].values, data["peak_height"].values
    span = axes.get_xlim()
    taken: list[float] = []
    for n in np.argsort(-height):
        near = any(abs(k[n] - other) < APART * (span[1] - span[0]) for other in taken)
        if near or len(taken) >= NAMED:
            continue
        taken.append(float(k[n]))
        label = str(data["peak_label"].values[n])
        words = f"{reflection(label)}  {1 / k[n]:.4g}" if label else f"{1 / k[n]:.4g}"
        shade = colour.get(label.partition(" ")[0], "#555555")
        axes.plot([k[n]], [height[n]], marker="v", markersize=3, color=shade)
        axes.text(
            k[n],
            height[n] * (high / low) ** 0.04,
            words,
            rotation=90,
            fontsize=6.5,
            color="black",
            ha="center",
            va="bottom",
            clip_on=True,
        )


def _spacings(axes: Any, unit: str) -> None:
    """A second axis above, in d."""
    length = unit.removeprefix("1/")
    above = axes.secondary_xaxis(
        "top", functions=(lambda k: 1 / np.maximum(k, 1e-9), lambda d: 1 / np.maximum(d, 1e-9))
    )
    above.set_xlabel(f"d ({length})")
    low, high = axes.get_xlim()
    if length == "nm":
        ticks = [d for d in SPACINGS if low <= 1 / d <= high]
    else:
        ticks = [d for d in (64, 32, 16, 10, 8, 6, 5, 4, 3, 2.5) if low <= 1 / d <= high]
    above.set_xticks(ticks, [f"{d:g}" for d in ticks])
