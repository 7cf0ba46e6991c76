"""Pictures of a whole session: shares of the phases, spacings, shares frame by frame."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from ...analysis.hrtem.library import Library
from ...analysis.hrtem.rings import rings
from ...analysis.hrtem.spacings import NOBODY, Spacings
from .style import colours
from .words import formula

GREY = "#b8bcc4"
CANDIDATES = 6
"""Whose rings are shown where no spot was given to any phase."""
MOST_BARS = 400
"""Frames that are drawn as bars of their own."""


def fractions_figure(said: xr.Dataset) -> Figure:
    """Area of each phase over the specimen's, with one standard error."""
    names = [str(name) for name in said["phase"].values]
    colour = colours(names)
    share = 100 * said["phase_fraction"].values
    order = np.argsort(share)
    figure = Figure(figsize=(6.4, 0.9 + 0.27 * len(names)), layout="constrained")
    axes = figure.subplots()
    place = np.arange(len(names))
    axes.barh(
        place,
        share[order],
        xerr=100 * said["phase_fraction_sigma"].values[order],
        color=[colour[names[n]] for n in order],
        edgecolor="#444444",
        linewidth=0.5,
        error_kw={"elinewidth": 0.9, "capsize": 2.5},
    )
    labelled = 100 * said["labelled_fraction"].values[order]
    axes.plot(labelled, place, "|", color="black", markersize=9, label="by the labels alone")
    axes.set_yticks(place, [formula(names[n]) for n in order])
    axes.set_xlabel("share of the specimen's area (%), ± one standard error")
    axes.set_xlim(0, None)
    axes.legend(loc="lower right")
    _open(axes)
    return figure


def spacings_figure(
    spacings: Spacings, phases: Sequence[str], kelvin: float | None, library: Library
) -> Figure:
    """Histogram of all spots by spacing, stacked by phase; below, where the phases' rings lie."""
    colour = colours(phases) | {NOBODY: GREY}
    names = [name for name in (*phases, NOBODY) if name in spacings.counts]
    own = [name for name in names if name != NOBODY] or list(phases[:CANDIDATES])
    figure = Figure(figsize=(8.2, 4.4), layout="constrained")
    axes, marks = figure.subplots(2, 1, sharex=True, height_ratios=[3, 0.3 + 0.16 * len(own)])
    edges = spacings.edges
    below = np.zeros(len(edges) - 1)
    for name in names:
        count = spacings.counts[name]
        label = f"{formula(name)} ({int(count.sum())})"
        axes.stairs(
            below + count, edges, baseline=below, fill=True, color=colour[name], label=label
        )
        below = below + count
    axes.set_ylabel("spots, Friedel pairs once")
    axes.legend(ncols=2)
    for row, name in enumerate(own):
        for ring in rings(name, kelvin, 8.3, 8, library):
            marks.plot([1 / ring.k] * 2, [row - 0.4, row + 0.4], color=colour[name], linewidth=1.6)
    marks.set_yticks(range(len(own)), [formula(name) for name in own])
    marks.set_ylim(len(own) - 0.4, -0.6)
    marks.set_xlabel("d (nm); below: the strongest reflections by the database")
    used = np.flatnonzero(below)
    if used.size:
        axes.set_xlim(edges[max(0, used[0] - 5)], edges[min(len(edges) - 1, used[-1] + 6)])
    _open(axes)
    return figure


def frames_figure(rows: Sequence[Mapping[str, object]], phases: Sequence[str]) -> Figure | None:
    """Shares frame by frame, stacked; None for a single frame, or without any share."""
    shares = [f"fraction_{name}" for name in phases]
    good = [row for row in rows if any(row.get(share) is not None for share in shares)]
    if len(good) < 2 or not any(row.get(share) for row in good for share in shares):
        return None
    step = -(-len(good) // MOST_BARS)
    number = np.array([int(str(row["frame"])) for row in good])[::step]
    colour = colours(phases)
    figure = Figure(figsize=(8.2, 2.6), layout="constrained")
    axes = figure.subplots()
    below = np.zeros(len(number))
    for name in phases:
        share = np.array([float(str(row.get(f"fraction_{name}") or 0)) for row in good]) * 100
        mean = np.array([part.mean() for part in np.split(share, range(step, len(share), step))])
        if mean.any():
            axes.bar(number, mean, step, bottom=below, color=colour[name], label=formula(name))
            below = below + mean
    axes.set_xlabel("frame" if step == 1 else f"frame (means of {step})")
    axes.set_ylabel("share of the\nspecimen's area (%)")
    axes.set_xlim(number[0] - step / 2, number[-1] + step / 2)
    if below.any():
        axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
    _open(axes)
    return figure


def posterior_figure(said: xr.Dataset) -> Figure:
    """Density of the scale's error."""
    figure = Figure(figsize=(4.6, 2.2), layout="constrained")
    axes = figure.subplots()
    axes.fill_between(100 * said["scale"].values, said["posterior"].values / 100, color="#0072b2")
    axes.axvline(0, color="#888888", linewidth=0.7)
    axes.set_xlabel("error of the pixel size in the files (%)")
    axes.set_ylabel("probability density")
    _open(axes)
    return figure


def _open(axes: Any) -> None:
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
