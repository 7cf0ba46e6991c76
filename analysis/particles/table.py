"""The table of particles: columns from rows, and what only all rows together say."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from ..operators import AnalysisError
from . import published
from .balls import Spacing
from .catalogue import DAMAGE, FEATURES, MORE, Feature
from .flags import Flag, attributes
from .measure import Ways
from .neighbours import axial_spread, nearest, spread
from .surroundings import Surroundings

if TYPE_CHECKING:
    from .features import Measured

Variable = tuple[tuple[str, ...], np.ndarray, dict[str, Any]]
ROW = ("particle",)


def assemble(
    found: Sequence[Measured], around: Surroundings, ways: Ways, neighbours: int
) -> xr.Dataset:
    """Make one dataset of measured particles; its form is told in `Features`."""
    columns = _columns([one.row for one in found])
    columns["density"] = _density(columns, around, ways.spacing, ways.window)
    variables: dict[str, Variable] = {
        "particle_label": (ROW, columns["label"].astype(np.int64), {"long_name": "label"}),
        "particle_flags": (ROW, columns["flags"].astype(np.int32), attributes()),
    }
    for feature in (DAMAGE, *FEATURES):
        if feature.name in columns:
            variables[f"particle_{feature.name}"] = _corrected(feature, columns[feature.name])
    for name, (units, words) in MORE.items():
        variables[f"particle_{name}"] = (
            ROW,
            columns[name],
            {"units": units, "long_name": words},
        )
    long = np.stack([columns[f"long_{axis}"] for axis in "zyx"], axis=1)
    variables["particle_long_axis"] = (
        (*ROW, "axis"),
        long,
        {"units": "1", "long_name": "direction of the long axis, sign arbitrary"},
    )
    variables["particle_shell_damage"] = _shells(found, ways.shells)
    if found and found[0].published is not None:
        variables |= _published(found, around, ways.spacing)
    middle = (np.arange(ways.shells) + 0.5) / ways.shells
    shell = ("shell", middle, {"units": "1", "long_name": "depth over the greatest depth"})
    coordinates = {"axis": ("axis", list("zyx")), "shell": shell}
    data = xr.Dataset(variables, coordinates, _attributes(ways, neighbours))
    return with_neighbours(data)


def with_neighbours(table: xr.Dataset) -> xr.Dataset:
    """Give the table with what its nearest neighbours say of each particle, anew."""
    count = int(table.attrs["neighbours"])
    centres = np.stack([table[f"particle_{axis}"].values for axis in "zyx"], axis=1)
    distances, rows = nearest(centres, count)
    few = (rows < 0).any(axis=1)
    distance = np.where(few, np.nan, distances.mean(axis=1))
    columns = {"nearest": distance}
    for name in ("volume", "elongation", "sphericity"):
        columns[f"loc_{name}"] = spread(table[f"particle_{name}"].values, rows)
    columns["loc_orientation"] = axial_spread(table["particle_long_axis"].values, rows)
    flags = table["particle_flags"].values
    for flag, holds in (
        (Flag.FEW_NEIGHBOURS, few),
        (Flag.ROUND_NEIGHBOURS, ~few & np.isnan(columns["loc_orientation"])),
        (Flag.NO_SURROUNDINGS, np.isnan(table["particle_density"].values)),
    ):
        flags = np.where(holds, flags | np.int32(flag), flags & ~np.int32(flag))
    known = {feature.name: feature for feature in FEATURES}
    variables = {f"particle_{name}": _corrected(known[name], v) for name, v in columns.items()}
    variables["particle_flags"] = (ROW, flags, attributes())
    return table.assign(variables)


def merge(tables: Sequence[xr.Dataset]) -> xr.Dataset:
    """Put tables of other particles of one volume together, neighbours anew, by label.

    The order and grouping of tables makes no difference. AnalysisError where a label comes twice.
    """
    whole = xr.concat(tables, "particle", data_vars="minimal", join="exact")
    whole = whole.isel(particle=np.argsort(whole["particle_label"].values, kind="stable"))
    labels = whole["particle_label"].values
    if (labels[1:] == labels[:-1]).any():
        twice = labels[1:][labels[1:] == labels[:-1]][0]
        raise AnalysisError(f"particle {twice} is in more than one table")
    if "particle_published_nearest" in whole:
        centres = np.stack([whole[f"particle_published_{a}"].values for a in "zyx"], axis=1)
        whole["particle_published_nearest"].values[:] = published.nearest(centres)
    return with_neighbours(whole)


def _columns(rows: Sequence[dict[str, float]]) -> dict[str, np.ndarray]:
    if not rows:
        raise AnalysisError("there is no particle in the labels: every voxel is 0")
    return {name: np.array([row[name] for row in rows], float) for name in rows[0]}


def _corrected(feature: Feature, values: np.ndarray) -> Variable:
    attrs = {
        "units": feature.units,
        "long_name": feature.words,
        "published_name": feature.column,
        "holds_damage": int(feature.leaks),
    }
    return ROW, values, attrs


def _shells(found: Sequence[Measured], shells: int) -> Variable:
    damage = np.stack([one.shells for one in found]).reshape(len(found), shells)
    attrs = {"units": "1", "long_name": "damage by depth in the particle, from its surface in"}
    return (*ROW, "shell"), damage, attrs


def _density(
    columns: dict[str, np.ndarray], around: Surroundings, spacing: Spacing, window: float
) -> np.ndarray:
    """Share of the window around each particle that others fill, its own voxels left out."""
    middle = np.stack([columns[axis] / s for axis, s in zip("zyx", spacing, strict=True)], axis=1)
    half = window / 2 / np.asarray(spacing)
    solid, valid = around.count(middle + 0.5 - half, middle + 0.5 + half)
    others = np.maximum(solid - columns["own_solid"], 0)
    room = valid - columns["own_whole"]
    share = np.divide(others, room, out=np.full(len(room), np.nan), where=room > 0)
    return np.asarray(np.minimum(share, 1.0))


def _published(
    found: Sequence[Measured], around: Surroundings, spacing: Spacing
) -> dict[str, Variable]:
    columns = _columns([one.published or {} for one in found])
    low, high = (np.array([getattr(one, side) for one in found], float) for side in ("low", "high"))
    columns["density"] = published.density(around, low, high, spacing)
    columns["nearest"] = published.nearest(np.stack([columns[axis] for axis in "zyx"], axis=1))
    for name in ("volume", "orientation", "elongation", "sphericity"):
        columns[f"loc_{name}"] = np.zeros(len(found))
    variables: dict[str, Variable] = {}
    for feature in (DAMAGE, *FEATURES):
        attrs = {
            "units": feature.published_units,
            "long_name": feature.published_words,
            "published_name": feature.column,
            "holds_damage": int(feature.published_leaks),
        }
        variables[f"particle_published_{feature.name}"] = ROW, columns[feature.name], attrs
    for axis in "yx":
        attrs = {"units": "voxel", "long_name": "centre in the cropped volume"}
        variables[f"particle_published_{axis}"] = ROW, columns[axis], attrs
    return variables


def _attributes(ways: Ways, neighbours: int) -> dict[str, Any]:
    attrs: dict[str, Any] = {
        "title": "particles",
        "voxel_size_um": list(ways.spacing),
        "closing_um": ways.closing,
        "smoothing_um": ways.smoothing,
        "window_um": ways.window,
        "neighbours": neighbours,
    }
    if ways.crack_below is not None:
        attrs["crack_below"] = ways.crack_below
    if ways.closing < max(ways.spacing):
        attrs["note"] = (
            f"cracks are closed by {ways.closing} um, less than a voxel: none can be found; "
            "set closing to half the width of the widest crack"
        )
    return attrs
