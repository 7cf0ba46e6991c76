"""What is told of a volume that still grows: damage, form, surroundings, and what damage goes with.

Of a growing volume there are labels of coarse cells and cross-sections, no grey values. So damage
is that of the cross-sections: the share of their pixels that are as dark as cracks. The forest and
its Shapley values (`why.glance`) are told of particles that no face cuts, once there are enough.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from ..operators import AnalysisError
from .balls import Spacing
from .catalogue import FEATURES, LEAKAGE_FREE
from .features import Features
from .scene import Scene, seams, valued
from .sections import Sections
from .why import Why, glance

LOOK = Scene(pixels=240)
COLOURS = ("damage", "diameter", "sphericity", "contact", "density", "nearest", "z")
"""Columns of the table that the scene is coloured by, where they are there."""
NOT_GREY = tuple(n for n in LEAKAGE_FREE if n not in ("edensity", "homogeneity", "rough_outer"))
"""Features that labels tell."""


def grown(
    table: xr.Dataset,
    labels: np.ndarray,
    sections: Sections,
    cell: Spacing | None,
    stride: int,
) -> xr.Dataset:
    """Give the table (`bodies`) with all that can be told of labels [z, y, x] of coarse cells.

    `cell` are their sides in um, `stride` in voxels.
    """
    if not table.sizes["particle"]:
        return table
    table = with_features(table, labels, section_damage(sections, labels, stride), cell)
    why = importance(table)
    parts = [table, why, picture(labels, cell or (1.0, 1.0, 1.0), table)]
    return xr.merge(parts, combine_attrs="drop").assign_attrs(table.attrs | why.attrs)


def section_damage(sections: Sections, labels: np.ndarray, stride: int) -> np.ndarray:
    """Dark share of each label's cross-sections by area, float [label]; NaN where none is known.

    A cross-section belongs to the label [z, y, x] of the cell of `stride` voxels that its middle
    lies in.
    """
    dark, area = np.zeros(int(labels.max(initial=0)) + 1), np.zeros(int(labels.max(initial=0)) + 1)
    for one in sections:
        known = np.isfinite(one.dark)
        if not known.any():
            continue
        corners = one.corners[known].astype(float)
        middle = np.rint(corners.mean(axis=1)).astype(int)
        place = np.insert(middle, one.view, one.index, axis=1) // stride
        place = np.clip(place, 0, np.array(labels.shape) - 1)
        own = labels[tuple(place.T)]
        a, b = np.moveaxis(corners, 2, 0)
        turn = a * np.roll(b, -1, axis=1) - np.roll(a, -1, axis=1) * b
        size = np.abs(turn.sum(axis=1)) / 2
        dark += np.bincount(own, size * one.dark[known], len(dark))
        area += np.bincount(own, size, len(area))
    share = np.full(len(area), np.nan)
    np.divide(dark, area, out=share, where=area > 0)
    return share


def with_features(table: xr.Dataset, labels: np.ndarray, damage: np.ndarray, cell: Spacing | None
                  ) -> xr.Dataset:  # fmt: skip
    """Give the table (`bodies`) with damage and, where a cell has lengths (um), with features.

    Particles that no cell shows have none.
    """
    label = table["particle_label"].values
    known = label < len(damage)
    values = np.where(known, damage[np.where(known, label, 0)], np.nan)
    words = "share of its cross-sections that is as dark as cracks"
    added: dict[str, Any] = {
        "particle_damage": ("particle", values, {"units": "1", "long_name": words})
    }
    if cell is None or not len(label):
        return table.assign(added)
    # labels hold no cracks: there is nothing to close
    measured = Features(closing=min(cell) / 2, published=False)(labels, None, cell)
    row = np.searchsorted(measured["particle_label"].values, label)
    row = np.minimum(row, measured.sizes["particle"] - 1)
    there = measured["particle_label"].values[row] == label
    for feature in FEATURES:
        name = f"particle_{feature.name}"
        if feature.name in NOT_GREY and name not in table:
            column = measured[name]
            added[name] = ("particle", np.where(there, column.values[row], np.nan), column.attrs)
    return table.assign(added)


def importance(table: xr.Dataset) -> xr.Dataset:
    """Explain damage by one forest, for now; empty with a `note` while there is too little."""
    whole = table.isel(particle=table["particle_edge"].values == 0)
    names = tuple(name for name in NOT_GREY if f"particle_{name}" in whole)
    try:
        found = glance(whole, Why(features=names, border=True))
    except (AnalysisError, ImportError) as error:
        return xr.Dataset(attrs={"note": f"damage is not explained yet: {error}"})
    said = found["importance"].sel(kind="seed").values
    order = np.argsort(-said)
    unit = {"units": "1"}
    words = "mean |Shapley value| for damage"
    turns = found["non_monotonic"].values[order]
    r2 = float(found["r2_oob"].sel(kind="seed").mean())
    return xr.Dataset(
        {
            "importance": ("feature", said[order], {**unit, "long_name": words}),
            "non_monotonic": ("feature", turns, {**unit, **found["non_monotonic"].attrs}),
            "r2_oob": ((), r2, {**unit, "long_name": "R^2 of the forest out of bag"}),
        },
        {"feature": found["feature"].values[order]},
    )


def picture(labels: np.ndarray, cell: Spacing, table: xr.Dataset) -> xr.Dataset:
    """The volume from outside: `view` [colour, row, column], values of what is seen by column.

    NaN where nothing is, and where one particle meets another. `light` is the same in grey.
    """
    seen = LOOK(labels, cell)
    seam = seams(seen["seen"].values)
    names = [name for name in COLOURS if f"particle_{name}" in table]
    values = [column(seen["seen"].values, table, f"particle_{name}") for name in names]
    for one in values:
        one[seam] = np.nan
    words = "particles from outside, by their " + ", ".join(names)
    dims = ("colour", "row", "column")
    return xr.Dataset(
        {
            "view": (dims, np.stack(values).astype(np.float32), {"long_name": words}),
            "light": (dims[1:], seen["shade"].values, {"long_name": "particles from outside"}),
        },
        {"colour": names},
    )


def column(seen: np.ndarray, table: xr.Dataset, name: str) -> np.ndarray:
    """Values of a column of the table where its particles are seen, float [row, column]."""
    return valued(seen, table["particle_label"].values, table[name].values)
