"""A volume of labels from any side, in the colours of a column of its table.

A picture as any other: of a variable of whole numbers along three dimensions, `NAME_map`, whose
table is `NAME`; asked for by `turn=AZIMUTH,ELEVATION` (degrees) and `colour=COLUMN`, or
`colour=light`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from starlette.requests import Request

from ...stream.messages import Result
from . import describe
from .attributes import attributes
from .query import absent, numbers, refused
from .seen import Seen
from .state import Held

STEEPEST = 90.0
LIGHT = "light"
"""What is asked for as a colour, to be laid over another."""


@dataclass(frozen=True, slots=True)
class Turn:
    """From where it is looked at, and what colours it."""

    azimuth: float
    """Around z, degrees."""
    elevation: float
    """Above the plane of y and x, degrees."""
    colour: str
    """A column of the table, or LIGHT; the first column when empty."""


def asked(request: Request) -> Turn | None:
    """Which turn is asked for; None where none is."""
    found = numbers(request, "turn", 2)
    if found is None:
        return None
    azimuth, elevation = found
    if abs(elevation) > STEEPEST:
        allowed = "AZIMUTH,ELEVATION in degrees, the elevation from -90 to 90"
        raise refused("turn", request.query_params["turn"], allowed)
    return Turn(azimuth % 360, elevation, request.query_params.get("colour", ""))


def turned(held: Held[Result], number: int, name: str, turn: Turn) -> Seen:
    """Look at the volume `name` of a result; 400 and 404 say why that can't be."""
    from ...analysis.particles.scene import turned as looking
    from ...analysis.particles.scene import valued

    data = held.message.data
    if name not in data:
        raise absent(f"the result has no variable {name!r}")
    labels, dims = describe.values_of(held.message, number, name)
    columns = columns_of(data, name)
    if labels.ndim != 3 or labels.dtype.kind not in "iu" or not columns:
        raise refused("turn", name, "of a volume of labels with a table, such as particle_map")
    colour = turn.colour or next(iter(columns))
    if colour not in columns and colour != LIGHT:
        raise refused("colour", colour, f"one of {LIGHT}, {', '.join(columns)}")
    axes = [describe.axis(data, dim) for dim in dims]
    z, y, x = (abs(float(axis.get("step", 1.0))) or 1.0 for axis in axes)
    scene = looking(turn.azimuth, turn.elevation)
    met = scene.met(labels, (z, y, x))
    if colour == LIGHT:
        picture, words = scene.shade(met), {"long_name": "light on it", "units": "1"}
    else:
        names, column = data[f"{name.removesuffix('_map')}_label"], data[columns[colour]]
        picture, words = valued(met.seen, names.values, column.values), attributes(column.attrs)
    picture = np.where(met.seen > 0, picture, np.nan).astype(np.float32)
    units = {axis.get("units", "") for axis in axes}
    along = {"start": 0.0, "step": met.step, "units": units.pop() if len(units) == 1 else "px"}
    shown: Mapping[str, Any] = {"row": along, "column": along}
    return Seen(held, number, name, picture, tuple(shown), shown, words, {})


def columns_of(data: xr.Dataset, name: str) -> dict[str, str]:
    """Columns of the table of a volume of labels that can colour it, with their variables."""
    table = name.removesuffix("_map")
    if table == name or f"{table}_label" not in data:
        return {}
    return {
        str(one).removeprefix(f"{table}_"): str(one)
        for one, variable in data.data_vars.items()
        if variable.dims == (table,)
        and str(one).startswith(f"{table}_")
        and np.dtype(variable.dtype).kind in "biuf"
    }
