"""The network of contacts as a graph, and how it evolves by the model."""

from __future__ import annotations

import numpy as np
import xarray as xr
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure

from .particles_scene import COLOURS
from .particles_table import BLUE, GREY, ORANGE, open_

SHOWN = (0, 0.25, 1.0)
"""Of the half cycles."""


def graph_figure(network: xr.Dataset, table: xr.Dataset) -> Figure:
    """Particles where they are, seen along y; contacts as wide as they are large, over cycles."""
    row = np.searchsorted(table["particle_label"].values, network["particle_label"].values)
    x, z = (table[f"particle_{axis}"].values[row] for axis in "xz")
    area = np.pi / 4 * table["particle_diameter"].values[row] ** 2
    place = {int(label): n for n, label in enumerate(network["particle_label"].values)}
    ends = [[place[int(one)] for one in network[f"contact_{end}"].values] for end in "ab"]
    lines = np.stack([np.stack([x[e], z[e]], axis=-1) for e in ends], axis=1).reshape(-1, 2, 2)
    wide = np.sqrt(network["contact_area"].values)
    many = network.sizes["half_cycle"]
    damage = network["particle_damage"].values
    made = Figure(figsize=(9.6, 3.6), layout="constrained")
    panels = made.subplots(1, len(SHOWN), sharex=True, sharey=True)
    for axes, part in zip(panels, SHOWN, strict=True):
        half = min(round(part * many), many - 1)
        links = LineCollection(
            list(lines),
            linewidths=0.15 + 1.6 * wide / max(wide.max(initial=0), 1e-9),
            colors=GREY,
            alpha=0.55,
            zorder=1,
        )
        axes.add_collection(links)
        axes.set_aspect("equal")
        dots = axes.scatter(
            x, z, s=60 * area / max(area.max(initial=0), 1e-9), c=damage[half], cmap=COLOURS,
            vmin=0, vmax=max(float(np.percentile(damage, 99)), 1e-6), edgecolors="black",
            linewidths=0.3, zorder=2,
        )  # fmt: skip
        axes.set_title(f"after cycle {half // 2 + 1}", loc="left")
        axes.set_xlabel("x (µm)")
    panels[0].set_ylabel("z (µm)")
    panels[0].invert_yaxis()
    made.colorbar(dots, ax=list(panels), label="damage by the model", shrink=0.85)
    return made


def evolution_figure(network: xr.Dataset) -> Figure:
    """Synchrony, damage and Moran's I over the half cycles."""
    cycle = network["half_cycle"].values / 2 + 0.5
    made = Figure(figsize=(9.6, 2.6), layout="constrained")
    panels = made.subplots(1, 3)
    for axes, (name, words) in zip(
        panels,
        (("synchrony", "synchrony"), ("mean_damage", "mean damage"), ("moran", "Moran's I")),
        strict=True,
    ):
        values = network[name].values
        if name == "mean_damage":
            axes.plot(cycle, values, color=ORANGE)
        else:
            axes.plot(cycle, values, color=BLUE, label="of damage")
        if name == "moran":
            axes.plot(cycle, network["moran_activity"].values, color=GREY, label="of activity")
            axes.axhline(0, color=GREY, linewidth=0.6, zorder=0)
            axes.legend()
        axes.set_xlabel("cycle")
        axes.set_ylabel(words)
        open_(axes)
    return made
