"""True values: of a pixel, of a box of pixels, along a line, and of a table's rows.

Coordinates are pixels of the image as it is, not of a shrunk picture of it.
"""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from typing import Any

import numpy as np
import xarray as xr
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ...analysis.measure import Box, profile, statistics
from ...analysis.preview import real
from ...stream.messages import Result
from . import describe
from .answers import json_answer
from .api import FRAME, RESULT, VARIABLE
from .attributes import spelled
from .course import MOST_HELD, Course
from .query import absent, numbers, refused, whole
from .seen import Eyes, Seen, place, variable

FAR = 1 << 31


class Values:
    """The addresses that give numbers."""

    def __init__(self, eyes: Eyes) -> None:
        self.eyes = eyes
        self.course = Course(eyes)

    def routes(self) -> list[Route]:
        """All addresses."""
        found = [Route("/tables" + RESULT + "/{table:path}", self.table)]
        for name, answer in (
            ("values", self.values),
            ("region", self.region),
            ("profile", self.profile),
        ):
            found += [Route(f"/{name}{FRAME}", answer), Route(f"/{name}{VARIABLE}", answer)]
        return found

    async def values(self, request: Request) -> Response:
        """The value of one pixel, what it is along other dimensions, and what it was before."""
        seen = await self.eyes.seen(request)
        at = [_index(request, seen, n) for n in range(seen.values.ndim)]
        value = seen.values[tuple(at)]
        said = {
            "value": _plain(value),
            "units": seen.units,
            "dims": seen.dims,
            "at": {dim: _position(seen, dim, i) for dim, i in zip(seen.dims, at, strict=True)},
            "label": _label(seen, value),
            "along": _along(seen, at),
            "sigma": _sigma(request, seen, at),
            "history": None,
        }

        def one(of: Seen) -> dict[str, Any]:
            return {"values": _plain(of.values[tuple(at)])}

        if last := whole(request, "last", 0, 0, MOST_HELD):
            said["history"] = await self.course.of(request, seen, last, one)
        return json_answer(said)

    async def region(self, request: Request) -> Response:
        """Mean, sigma, sum and extremes in a box, now and in the frames before."""
        seen = await self.eyes.seen(request)
        box = _box(request, seen)
        found = await asyncio.to_thread(statistics, seen.image, box)
        said = asdict(found) | {
            "roi": [box.y0, box.x0, box.y1, box.x1],
            "pixels": (box.y1 - box.y0) * (box.x1 - box.x0),
            "units": seen.units,
            "area": _area(seen, box),
            "history": None,
        }

        def one(of: Seen) -> dict[str, Any]:
            here = statistics(of.image, box)
            return {"mean": here.mean, "sigma": here.sigma, "sum": here.sum}

        if last := whole(request, "last", 0, 0, MOST_HELD):
            said["history"] = await self.course.of(request, seen, last, one)
        return json_answer(said)

    async def profile(self, request: Request) -> Response:
        """The values along a line."""
        seen = await self.eyes.seen(request)
        line = numbers(request, "line", 4)
        if line is None or max(map(abs, line)) > FAR:
            raise refused("line", request.query_params.get("line", ""), "Y0,X0,Y1,X1 in pixels")
        width = whole(request, "width", 1, 1, 200)
        y0, x0, y1, x1 = line
        found = await asyncio.to_thread(profile, seen.image, (y0, x0, y1, x1), width)
        ends = [_physical(seen, y, x) for y, x in ((y0, x0), (y1, x1))]
        straight = _is_even(seen) and len({axis.get("units") for axis in seen.axes.values()}) == 1
        unit = ends[0]["units"] if straight else "px"
        a, b = (np.array([e["y"], e["x"]]) for e in ends) if straight else _pixels(line)
        return json_answer(
            {
                "distance": found.along * float(np.hypot(*(b - a))),
                "distance_units": unit,
                "values": found.values,
                "units": seen.units,
                "width": width,
                "ends": ends,
            }
        )

    async def table(self, request: Request) -> Response:
        """Rows of a table, beyond those of the description."""
        held = await self.eyes.result(request)
        name, number = request.path_params["table"], place(request)[1]
        offset = whole(request, "offset", 0, 0, FAR)
        limit = whole(request, "limit", describe.ROWS, 1, 1_000_000)
        columns = request.query_params.get("columns")
        wanted = None if columns is None else columns.split(",")
        said = await asyncio.to_thread(describe.table, held.message, number, name, offset, limit)
        if said is None:
            known = ", ".join(describe.tables_of(held.message)) or "none"
            raise absent(f"the result has no table {name[:80]!r}; it has: {known}")
        if wanted is not None:
            said["columns"] = {k: v for k, v in said["columns"].items() if k in wanted}
        return json_answer(said)


def _index(request: Request, seen: Seen, n: int) -> int:
    name = ("y", "x")[n - seen.values.ndim]
    size = seen.values.shape[n]
    if not size:
        raise refused(name, request.query_params.get(name, ""), "of nothing: the array is empty")
    if name not in request.query_params:
        raise refused(name, "", f"a whole number from 0 to {size - 1}")
    return whole(request, name, 0, 0, max(size - 1, 0))


def _box(request: Request, seen: Seen) -> Box:
    said = numbers(request, "roi", 4)
    text = request.query_params.get("roi", "")
    if said is None or max(map(abs, said)) > FAR:
        raise refused("roi", text, "Y0,X0,Y1,X1 in whole pixels, half open")
    try:
        return Box(*(round(n) for n in said)).within(seen.image.shape)
    except ValueError as error:
        raise refused("roi", text, f"a box in the image: {error}") from error


def _pixels(line: tuple[float, ...]) -> tuple[np.ndarray, np.ndarray]:
    return np.array(line[:2]), np.array(line[2:])


def _is_even(seen: Seen) -> bool:
    """Whether pixels are as far apart everywhere; else places are told by index."""
    return not any("values" in axis for axis in seen.axes.values())


def _physical(seen: Seen, y: float, x: float) -> dict[str, Any]:
    if not _is_even(seen):
        return {"y": y, "x": x, "units": "px"}
    rows, columns = ["", "", *seen.dims][-2:]
    said = {}
    for name, dim, at in (("y", rows, y), ("x", columns, x)):
        axis = seen.axes.get(dim, {})
        said[name] = axis.get("start", 0.0) + at * axis.get("step", 1.0)
    units = next((a.get("units") for a in reversed(list(seen.axes.values()))), None)
    return {**said, "units": units or "px"}


def _position(seen: Seen, dim: str, index: int) -> dict[str, Any]:
    axis = seen.axes.get(dim, {})
    if "values" in axis:
        value = describe.inline(seen.held.message.data[dim].values[index])
    else:
        value = axis.get("start", 0.0) + index * axis.get("step", 1.0)
    return {"index": index, "value": value, "units": axis.get("units", "")}


def _area(seen: Seen, box: Box) -> dict[str, Any] | None:
    axes = list(seen.axes.values())
    units = {axis.get("units") for axis in axes}
    if len(axes) != 2 or len(units) != 1 or any("step" not in axis for axis in axes):
        return None
    pixel = abs(axes[0]["step"] * axes[1]["step"])
    unit = units.pop()
    return {"value": (box.y1 - box.y0) * (box.x1 - box.x0) * pixel, "units": f"{unit}^2"}


def _plain(value: Any) -> Any:
    """A number as it is, |z| of a complex one, NaN for a masked pixel, `inf`; else text."""
    kind = np.asarray(value).dtype.kind
    if kind in "USO":
        return str(value)
    if kind in "mM":
        return str(value)
    return spelled(np.asarray(real(np.asarray(value).reshape(1, 1)))[0, 0].item())


def _label(seen: Seen, value: Any) -> str | None:
    """What a class is called."""
    flags = np.atleast_1d(np.asarray(seen.attrs.get("flag_values", ())))
    names = str(seen.attrs.get("flag_meanings", "")).split()
    if not flags.size or flags.dtype.kind not in "iu":
        return None
    found = np.flatnonzero(flags == value)
    return names[int(found[0])] if len(found) and int(found[0]) < len(names) else None


def _along(seen: Seen, at: list[int]) -> list[dict[str, Any]]:
    """The values at this pixel along the dimensions that `sel` has cut."""
    if not isinstance(seen.held.message, Result):
        return []
    data: xr.Dataset = seen.held.message.data
    values, dims = describe.values_of(seen.held.message, seen.number, seen.name)
    here = dict(zip(seen.dims, at, strict=True)) | dict(seen.sel)
    found = []
    for dim in seen.sel:
        cut = values[tuple(slice(None) if d == dim else here[d] for d in dims)]
        axis = describe.axis(data, dim)
        coords = data[dim].values if dim in data.coords else np.arange(len(cut))
        found.append(
            {
                "dim": dim,
                "units": axis.get("units", ""),
                "long_name": axis.get("long_name", ""),
                "coords": describe.inline(coords),
                "values": describe.inline(cut),
            }
        )
    return found


def _sigma(request: Request, seen: Seen, at: list[int]) -> Any:
    message = seen.held.message
    name = f"{seen.name}_sigma"
    if not isinstance(message, Result) or name not in message.data:
        return None
    try:
        return _plain(variable(request, seen.held, seen.number, name).values[tuple(at)])
    except IndexError:
        return None
