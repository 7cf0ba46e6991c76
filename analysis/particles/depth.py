"""Damage versus depth in the electrode, and by shell of the particles at each depth."""

from __future__ import annotations

import numpy as np
import xarray as xr

from ..operators import AnalysisError
from .flags import doubtful


def depth_profile(table: xr.Dataset, rings: int = 10, along: str = "z") -> xr.Dataset:
    """Mean damage of particles in slices of equal thickness `along` z, y, x or `radius`.

    `radius` is the distance in the plane from the middle of all centres: rings. Along `depth`:
    damage with standard error, that of each shell, and how many particles, doubtful ones (`flags`)
    left out. NaN where none is; one slice where all are at one depth.
    """
    if along not in ("z", "y", "x", "radius"):
        raise AnalysisError(f"there is no depth along {along!r}; allowed: z, y, x, radius")
    left_out = doubtful(table)
    if left_out.all():
        raise AnalysisError("there is no particle to tell damage versus depth of")
    table = table.isel(particle=~left_out)
    place = _place(table, along)
    if np.ptp(place) <= 1e-6 * max(1.0, float(np.abs(place).max())):
        rings = 1  # all at one depth
    edges = np.linspace(place.min(), max(place.max(), place.min() + 1e-9), rings + 1)
    slice_of = np.clip(np.searchsorted(edges, place, side="right") - 1, 0, rings - 1)
    count = np.bincount(slice_of, minlength=rings)
    damage = table["particle_damage"].values
    mean, sigma = np.full(rings, np.nan), np.full(rings, np.nan)
    by_shell = np.full((rings, table.sizes["shell"]), np.nan)
    inner = table["particle_shell_damage"].values
    for ring in np.flatnonzero(count):
        here = slice_of == ring
        mean[ring] = damage[here].mean()
        if count[ring] > 1:
            sigma[ring] = damage[here].std(ddof=1) / np.sqrt(count[ring])
        known = np.isfinite(inner[here])
        total = np.where(known, inner[here], 0).sum(axis=0)
        by_shell[ring] = np.divide(
            total, known.sum(axis=0), out=by_shell[ring], where=known.any(axis=0)
        )
    middle = (edges[1:] + edges[:-1]) / 2
    return xr.Dataset(
        {
            "damage": ("depth", mean, {"units": "1", "long_name": "mean damage"}),
            "damage_sigma": ("depth", sigma, {"units": "1", "long_name": "standard error"}),
            "shell_damage": (
                ("depth", "shell"), by_shell, {"units": "1", "long_name": "mean damage of shells"},
            ),
            "particles": ("depth", count, {"units": "1", "long_name": "particles"}),
        },
        {
            "depth": ("depth", middle, {"units": "um", "long_name": f"along {along}"}),
            "shell": table["shell"],
        },
        {"title": "damage versus depth", "along": along, "doubtful_left_out": int(left_out.sum())},
    )  # fmt: skip


def _place(table: xr.Dataset, along: str) -> np.ndarray:
    if along != "radius":
        return np.asarray(table[f"particle_{along}"].values)
    y, x = table["particle_y"].values, table["particle_x"].values
    return np.asarray(np.hypot(y - (y.min() + y.max()) / 2, x - (x.min() + x.max()) / 2))
