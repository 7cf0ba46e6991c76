"""The picture of a spectrum: power over background, indexed spots, rings of the phases found."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Arc
from matplotlib.patheffects import withStroke

from ...analysis.hrtem.excess import excess
from ...analysis.hrtem.library import Library
from ...analysis.hrtem.rings import rings
from .style import colours
from .words import barred, formula, opposite

EDGE = 7.2
"""Inches."""
NAMED = 36
"""Spots that bear their indices, the strongest."""
RINGED = 4
"""Phases whose rings are drawn, those with most spots."""
RINGS = 6
"""Of a phase, the strongest."""
QUARTER = (182.0, 268.0)
"""Degrees between which rings are drawn: left and up, as y goes down."""
BETWEEN = 0.05
"""Of the picture's reach between two rings of a phase that are named, at least."""
APART = 0.03
"""Of the picture's width between two labels, at least."""
SIDE, TOP = 0.86, 0.94
"""Of the picture's reach, from where on labels are written inwards, along x and along y."""
FREE = "#ff5252"
"""Spots of no phase."""


def spectrum_figure(data: xr.Dataset, library: Library) -> Figure:
    """One panel, k = 0 in the middle."""
    ky, kx = data["ky"].values, data["kx"].values
    unit = str(data["kx"].attrs["units"])
    figure = Figure(figsize=(EDGE, EDGE * 0.94), layout="constrained")
    axes = figure.subplots()
    over = excess(data["spectrum"].values[0], ky, kx)
    top = max(1.0, float(np.quantile(over, 0.9995)))
    drawn = axes.imshow(
        over,
        cmap="gray",
        vmin=-0.2,
        vmax=top,
        extent=(kx[0], kx[-1], ky[-1], ky[0]),
        interpolation="antialiased",
    )
    reach = _reach(data)
    phases = _spots(axes, data, reach)
    if unit == "1/nm":
        _rings(axes, data, phases[:RINGED], reach, library)
    axes.set_xlim(-reach, reach)
    axes.set_ylim(reach, -reach)
    axes.set_xlabel(f"$k_x$ ({unit})")
    axes.set_ylabel(f"$k_y$ ({unit}), down")
    axes.set_title(
        "power over background; arcs: reflections of the phases found, d in nm", loc="left"
    )
    figure.colorbar(drawn, ax=axes, shrink=0.8, pad=0.02, label="log$_{10}$ (power / background)")
    return figure


def _reach(data: xr.Dataset) -> float:
    """Up to where it is drawn: all that was looked at, or half of it if all spots lie there."""
    edges = (float(np.abs(data[axis].values).max()) for axis in ("ky", "kx"))
    most = min(*edges, 1.04 * float(data["k"].max()))
    spots = np.hypot(data["spot_ky"].values, data["spot_kx"].values)
    return min(most, max(0.5 * most, 1.2 * float(spots.max(initial=0.0))))


def _spots(axes: Any, data: xr.Dataset, reach: float) -> list[str]:
    """Mark spots and their Friedel partners; give the phases, that with most spots first."""
    colour = colours([str(name) for name in data["phase"].values])
    ky, kx = data["spot_ky"].values, data["spot_kx"].values
    labels = [str(label) for label in data["spot_label"].values]
    phase = [label.partition(" ")[0] for label in labels]
    for name in dict.fromkeys(phase):
        own = np.array([p == name for p in phase])
        both = [np.concatenate([v[own], -v[own]]) for v in (kx, ky)]
        style = {"edgecolors": colour.get(name, FREE), "facecolors": "none", "linewidths": 0.8}
        axes.scatter(*both, s=34, **style)
    order = np.argsort(-data["spot_snr"].values)
    taken: list[complex] = []
    for n in order:
        place = complex(kx[n], ky[n])
        hkl = labels[n].partition(" ")[2]
        if place.real < 0:  # rings are named on the other side
            place, hkl = -place, opposite(hkl)
        near = any(abs(place - other) < APART * 2 * reach for other in taken)
        if not hkl or near or len(taken) >= NAMED:
            continue
        taken.append(place)
        _write(axes, place, barred(hkl), colour.get(phase[n], FREE), reach)
    names = [name for name in dict.fromkeys(phase) if name]
    names.sort(key=lambda name: -phase.count(name))
    handles = [_handle(colour[n], f"{formula(n)}: {phase.count(n)} spots") for n in names]
    if "" in phase:
        handles.append(_handle(FREE, f"no phase: {phase.count('')} spots"))
    if handles:
        axes.figure.legend(handles=handles, loc="outside lower left", ncols=min(5, len(handles)))
    return names


def _handle(colour: str, label: str) -> Line2D:
    return Line2D(
        [],
        [],
        marker="o",
        linestyle="",
        markerfacecolor="none",
        markeredgecolor=colour,
        label=label,
    )


def _write(axes: Any, place: complex, words: str, colour: str, reach: float) -> None:
    away = place / max(abs(place), 1e-9) * 0.035 * reach
    if abs(place.real) > SIDE * reach:  # a label further out would be cut off
        away = complex(-away.real, away.imag)
    if abs(place.imag) > TOP * reach:
        away = complex(away.real, -away.imag)
    spot = place + away
    axes.text(
        spot.real,
        spot.imag,
        words,
        color=colour,
        fontsize=6.5,
        ha="left" if away.real >= 0 else "right",
        va="top" if away.imag >= 0 else "bottom",
        clip_on=True,
        path_effects=[withStroke(linewidth=1.6, foreground="black")],
    )


def _rings(axes: Any, data: xr.Dataset, phases: list[str], reach: float, library: Library) -> None:
    """Where a powder of each phase would scatter: arcs in the quarter where no spot is named.

    A spot there is the Friedel partner of one that is named on the other side.
    """
    names = [str(name) for name in data["phase"].values]
    colour = colours(names)
    kelvin = dict(zip(names, data.attrs["cell_temperatures_K"], strict=True))
    for n, name in enumerate(phases):
        angle = np.radians(QUARTER[0] + (n + 0.5) * (QUARTER[1] - QUARTER[0]) / len(phases))
        last = 0.0
        for ring in rings(name, kelvin[name], 0.97 * reach, RINGS, library):
            arc = Arc((0, 0), 2 * ring.k, 2 * ring.k, theta1=QUARTER[0], theta2=QUARTER[1])
            arc.set(edgecolor=colour[name], linestyle=(0, (5, 3)), linewidth=0.7)
            axes.add_patch(arc)
            if ring.k - last < BETWEEN * reach:
                continue
            last = ring.k
            axes.text(
                ring.k * np.cos(angle),
                ring.k * np.sin(angle),
                f"{barred(ring.label)} {1 / ring.k:.3f}",
                color=colour[name],
                fontsize=6,
                ha="center",
                va="center",
                clip_on=True,
                bbox={"facecolor": "black", "alpha": 0.6, "linewidth": 0, "pad": 0.6},
            )
