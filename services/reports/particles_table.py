"""Histograms of sizes and damage, damage by shell and depth."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from ...analysis.particles.flags import doubtful
from .particles_scene import COLOURS, titled

BLUE, ORANGE, GREY = "#0072b2", "#d55e00", "#8a8f98"


def sizes_figure(table: xr.Dataset) -> Figure:
    """How large particles are, and how damaged; those that a face cuts apart, doubtful ones out."""
    table = table.isel(particle=~doubtful(table))
    cut = border(table)
    names = [n for n in ("diameter", "damage", "sphericity", "contact") if f"particle_{n}" in table]
    made = Figure(figsize=(9.6, 2.7), layout="constrained")
    for axes, name in zip(
        np.ravel(made.subplots(1, len(names), squeeze=False)), names, strict=True
    ):
        values = table[f"particle_{name}"].values
        histogram(axes, values, cut)
        axes.set_xlabel(titled(table, name))
    made.axes[0].set_ylabel("particles")
    made.axes[0].legend(loc="upper right")
    return made


def diameters_figure(diameters: np.ndarray, unit: str) -> Figure:
    """How large the cross-sections of slices are."""
    made = Figure(figsize=(5.2, 2.7), layout="constrained")
    axes = made.subplots()
    histogram(axes, diameters, np.zeros(len(diameters), bool))
    axes.set_xlabel(f"diameter of a circle of equal area ({unit.replace('um', 'µm')})")
    axes.set_ylabel("cross-sections")
    return made


def histogram(axes: Any, values: np.ndarray, cut: np.ndarray) -> None:
    """Two stacked: whole particles, and those that a face cuts."""
    known = np.isfinite(values)
    edges = np.histogram_bin_edges(values[known], "auto") if known.any() else np.linspace(0, 1, 9)
    if len(edges) > 60 or len(edges) < 9:
        edges = np.linspace(edges[0], edges[-1] if edges[-1] > edges[0] else edges[0] + 1, 30)
    whole = np.histogram(values[known & ~cut], edges)[0]
    other = np.histogram(values[known & cut], edges)[0]
    axes.stairs(whole, edges, fill=True, color=BLUE, label="whole")
    if other.any():
        axes.stairs(whole + other, edges, baseline=whole, fill=True, color="#b8d4e8", label="cut")
    if (known & ~cut).any():
        middle = float(np.median(values[known & ~cut]))
        axes.axvline(middle, color="black", linewidth=0.8, linestyle=(0, (3, 2)))
        axes.set_title(f"median {middle:.3g}", loc="left")
    open_(axes)


def depth_figure(profiles: dict[str, xr.Dataset]) -> Figure:
    """Damage versus depth with its standard error, and that of each shell at each depth."""
    made = Figure(figsize=(9.6, 4.8), layout="constrained")
    rows = made.subplots(2, len(profiles), squeeze=False, height_ratios=[1.2, 1])
    words = {"z": "depth z (µm)", "radius": "distance from the middle, in the plane (µm)"}
    for n, (along, said) in enumerate(profiles.items()):
        line, shells = rows[0, n], rows[1, n]
        place, mean, sigma = (said[name].values for name in ("depth", "damage", "damage_sigma"))
        line.errorbar(place, mean, sigma, fmt="o-", color=ORANGE, markersize=3, linewidth=1)
        for x, y, many in zip(place, mean, said["particles"].values, strict=True):
            if np.isfinite(y):
                line.annotate(
                    str(many), (x, y), (0, 5), textcoords="offset points", fontsize=6, color=GREY
                )
        line.set_ylabel("mean damage")
        line.set_ylim(0, None)
        open_(line)
        half = np.diff(place).mean() / 2 if len(place) > 1 else 0.5
        seen = shells.imshow(
            said["shell_damage"].values.T,
            aspect="auto",
            cmap=COLOURS,
            extent=(place[0] - half, place[-1] + half, 1, 0),
        )
        line.set_xlim(place[0] - half, place[-1] + half)
        shells.set_xlabel(words.get(along, along))
        shells.set_yticks([0, 1], ["surface", "core"])
        shells.set_ylabel("shell of the particle")
        made.colorbar(seen, ax=shells, label="damage")
    return made


def shells_figure(table: xr.Dataset) -> Figure:
    """Damage from the surface of particles to their core: median and quartiles."""
    made = Figure(figsize=(4.6, 2.7), layout="constrained")
    axes = made.subplots()
    values = table["particle_shell_damage"].values[~border(table) & ~doubtful(table)]
    place = table["shell"].values
    known = np.isfinite(values).any(axis=0) if len(values) else np.zeros(len(place), bool)
    if known.any():
        low, middle, high = np.nanpercentile(values[:, known], (25, 50, 75), axis=0)
        axes.fill_between(place[known], low, high, color="#f3c9a8", label="quartiles")
        axes.plot(place[known], middle, "o-", color=ORANGE, markersize=3, label="median")
        axes.plot(place[known], np.nanmean(values[:, known], axis=0), "--", color="black",
                  linewidth=0.8, label="mean")  # fmt: skip
        axes.legend()
    axes.set_xlabel("depth over the greatest depth (0: surface)")
    axes.set_ylabel("damage")
    axes.set_xlim(0, 1)
    axes.set_ylim(0, None)
    open_(axes)
    return made


def border(table: xr.Dataset) -> np.ndarray:
    """Which particles a face of the volume cuts."""
    if "particle_flags" in table:
        return np.asarray(table["particle_flags"].values & 1 != 0)
    return np.asarray(table["particle_edge"].values != 0)


def open_(axes: Any) -> None:
    """Leave two spines."""
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
