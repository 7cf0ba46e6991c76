"""Why particles are damaged, as pictures: beeswarm, and dependence on single features."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from .particles_table import BLUE, GREY, ORANGE, open_

SHOWN = 12
DEPENDENCE = 6
"""Features that are drawn."""
BINS = 80
"""Places along the axis in which dots are stacked."""


def order(why: xr.Dataset) -> np.ndarray:
    """Features, the most important first."""
    return np.argsort(-why["importance"].sel(kind="seed").values)


def beeswarm_figure(why: xr.Dataset) -> Figure:
    """Each particle's share of damage by feature, in the colour of the feature's value."""
    first = order(why)[:SHOWN]
    made = Figure(figsize=(9.6, 0.9 + 0.34 * len(first)), layout="constrained")
    axes, bars = made.subplots(1, 2, sharey=True, width_ratios=[2.2, 1])
    colour = ScalarMappable(Normalize(0, 1), "viridis")
    for row, n in enumerate(first):
        share, value = (why[f"particle_{name}"].values[:, n] for name in ("shap", "value"))
        known = np.isfinite(share) & np.isfinite(value)
        share, value = share[known], value[known]
        rank = np.argsort(np.argsort(value)) / max(1, len(value) - 1)
        axes.scatter(share, row + swarm(share), s=3, c=colour.to_rgba(rank), linewidths=0)
    axes.axvline(0, color=GREY, linewidth=0.6, zorder=0)
    axes.set_yticks(range(len(first)), [str(name) for name in why["feature"].values[first]])
    axes.set_ylim(len(first) - 0.5, -0.5)
    axes.set_xlabel("Shapley value: its share in the damage that the forest tells")
    shown = made.colorbar(colour, ax=axes, location="left", shrink=0.6, pad=0.02, ticks=[0, 1])
    shown.ax.set_yticklabels(["low", "high"])
    shown.set_label("value of the feature, by rank")
    _importance(bars, why, first)
    for one in (axes, bars):
        open_(one)
    return made


def _importance(axes: Any, why: xr.Dataset, first: np.ndarray) -> None:
    place = np.arange(len(first))
    for kind, shift, colour in (("seed", -0.17, BLUE), ("subset", 0.17, "#9ecae1")):
        mean = why["importance"].sel(kind=kind).values[first]
        sigma = why["importance_sigma"].sel(kind=kind).values[first]
        if np.isfinite(mean).any():
            label = "all particles" if kind == "seed" else "subsets"
            error = {"elinewidth": 0.8}
            axes.barh(
                place + shift, mean, 0.32, xerr=sigma, color=colour, label=label, error_kw=error
            )
    if "importance_by_chance" in why:
        chance = float(why["importance_by_chance"].max())
        axes.axvline(
            chance, color=ORANGE, linewidth=1, linestyle=(0, (3, 2)), label="most by chance"
        )
    axes.set_xlabel("mean |Shapley value| ± spread")
    axes.tick_params(axis="y", length=0, labelleft=False)
    axes.legend(loc="lower right")


def swarm(values: np.ndarray) -> np.ndarray:
    """Shift dots up and down where there are many of nearly one value, float [value]."""
    if not len(values):
        return np.zeros(0)
    wide = max(float(np.ptp(values)), 1e-12)
    bins = ((values - values.min()) / wide * (BINS - 1)).astype(int)
    by_bin = np.argsort(bins, kind="stable")
    many = np.bincount(bins)
    turn = np.empty(len(values), int)
    turn[by_bin] = np.arange(len(values)) - np.repeat(np.cumsum(many) - many, many)
    side = np.where(turn % 2, 1, -1) * ((turn + 1) // 2)
    return np.asarray(0.4 * side / max(8.0, float(np.abs(side).max())))


def dependence_figure(why: xr.Dataset) -> Figure:
    """How the share goes with the value, feature by feature: dots, and means with their error."""
    first = order(why)[:DEPENDENCE]
    columns = 3
    rows = -(-len(first) // columns)
    made = Figure(figsize=(9.6, 2.4 * rows), layout="constrained")
    panels = np.ravel(made.subplots(rows, columns, squeeze=False))
    for axes, n in zip(panels, first, strict=False):
        name, unit = str(why["feature"].values[n]), str(why["feature_units"].values[n])
        share, value = (why[f"particle_{kind}"].values[:, n] for kind in ("shap", "value"))
        axes.scatter(value, share, s=3, color="#b8bcc4", linewidths=0)
        axes.errorbar(
            why["curve_value"].values[n],
            why["curve"].values[n],
            why["curve_sigma"].values[n],
            fmt="o-", color=ORANGE, markersize=2.5, linewidth=1,
        )  # fmt: skip
        axes.axhline(0, color=GREY, linewidth=0.6, zorder=0)
        axes.xaxis.set_major_locator(MaxNLocator(4))
        turns = float(why["non_monotonic"].values[n])
        said = f"turns {turns:.2f}" if np.isfinite(turns) else ""
        axes.set_title(said, loc="right", color=ORANGE if turns > 0.2 else GREY)
        axes.set_xlabel(name if unit in ("", "1") else f"{name} ({unit})".replace("um", "µm"))
        open_(axes)
    for axes in panels[len(first) :]:
        axes.axis("off")
    for axes in panels[::columns]:
        axes.set_ylabel("Shapley value")
    return made
