"""What is on the screen, to take away: PNG, TIFF, CSV, arrays, HDF5, and Python that reads it."""

from __future__ import annotations

import asyncio
import io
import json
import re
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
import tifffile
import xarray as xr
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from ...analysis.preview import real
from ...stream.errors import FileError
from ...stream.labelled import write_labelled
from ...stream.messages import Frame, Result
from ...stream.nexus.names import valid_name
from . import describe
from .answers import NO_STORE, encode
from .api import FRAME, RESULT, VARIABLE, window
from .colours import MAPS
from .drawing import SCALES, Look, png
from .query import absent, choice, numbers, refused, whole
from .seen import Eyes, Seen, place
from .snippet import snippet
from .spreadsheet import columns, image, with_units

TYPES = {
    **{"png": "image/png", "tiff": "image/tiff", "csv": "text/csv; charset=utf-8"},
    **{"npy": "application/octet-stream", "h5": "application/x-hdf5"},
    "py": "text/x-python; charset=utf-8",
}

NUMBER = re.compile("[0-9]{1,19}")
ROWS = 20_000
"""Of a table, read at a time."""


class Export:
    """The addresses of files to take away."""

    def __init__(self, eyes: Eyes) -> None:
        self.eyes = eyes

    def routes(self) -> list[Route]:
        """All addresses."""
        return [
            Route("/export" + FRAME, self.array),
            Route("/export/tables" + RESULT + "/{table:path}", self.table),
            Route("/export" + RESULT, self.result),
            Route("/export" + VARIABLE, self.array),
        ]

    async def array(self, request: Request) -> Response:
        """An image or a variable in the format asked for."""
        kind = choice(request, "format", tuple(TYPES))
        seen = await self._minus(request, await self.eyes.seen(request))
        if kind == "py":
            return _file(kind, (await self._python(seen)).encode(), seen)
        if kind in ("png", "tiff") and not seen.image.size:
            raise refused("variable", seen.name, "one with pixels: this one is empty")
        look, size = _look(request), whole(request, "size", 2048, 16, 8192)
        if kind == "csv":
            return _streamed(_csv(seen), f"{seen.held.message.run}_{seen.number}_{seen.name}")
        make = {"png": _png, "tiff": _tiff, "npy": _npy, "h5": _h5}[kind]
        return _file(kind, await asyncio.to_thread(make, seen, look, size), seen)

    async def _minus(self, request: Request, seen: Seen) -> Seen:
        """Less another frame, where `minus` names one; as float64."""
        wanted = request.query_params.get("minus")
        if wanted is None:
            return seen
        run, _, number = wanted.rpartition("/")
        if "variable" in request.path_params or not NUMBER.fullmatch(number):
            raise refused("minus", wanted, "RUN/FRAME, for an image of a frame")
        held = await self.eyes.frame_of(run, int(number))
        other = await self.eyes.image(request, held)
        if other.image.shape != seen.image.shape:
            raise refused("minus", wanted, f"a frame of the same shape, {seen.image.shape}")
        values = real(seen.image).astype(np.float64) - real(other.image)
        name = f"{seen.name}_minus_{other.number}"
        attrs = {**seen.attrs, "long_name": f"{seen.name} minus frame {other.number} of {run}"}
        return replace(seen, values=values, name=name, attrs=attrs)

    async def result(self, request: Request) -> Response:
        """All that was found in a frame, as HDF5, with the image where `image` is 1."""
        choice(request, "format", ("h5",))
        held = await self.eyes.result(request)
        number = place(request)[1]
        data = await asyncio.to_thread(_of_frame, held.message, number)
        if whole(request, "image", 0, 0, 1):
            frame = await self.eyes.frame(request)
            seen = await self.eyes.image(request, frame)
            data = data.assign(image=_array(seen, ("image_y", "image_x")))
        body = await asyncio.to_thread(_written, data)
        return _download("h5", body, f"{held.message.run}_{number}_{held.message.analysis}")

    async def table(self, request: Request) -> Response:
        """A table as CSV, units in the names of its columns."""
        choice(request, "format", ("csv",))
        held = await self.eyes.result(request)
        name, number = request.path_params["table"], place(request)[1]

        def rows(offset: int) -> dict[str, Any] | None:
            return describe.table(held.message, number, name, offset, ROWS)

        first = await asyncio.to_thread(rows, 0)
        if first is None:
            known = ", ".join(describe.tables_of(held.message)) or "none"
            raise absent(f"the result has no table {name[:80]!r}; it has: {known}")
        plain = {key: said for key, said in first["columns"].items() if not said["dims"]}
        head = [with_units(key, said["attrs"]) for key, said in plain.items()]
        pieces = (
            [said["columns"][key]["values"] for key in plain]
            for offset in range(0, first["total"], ROWS)
            if (said := rows(offset)) is not None
        )
        return _streamed(columns(head, pieces), f"{held.message.run}_{number}_{name}")

    async def _python(self, seen: Seen) -> str:
        message = seen.held.message
        analysis = message.analysis if isinstance(message, Result) else ""
        try:
            archive = seen.held.archive or await self.eyes.past.find(message.run)
            if archive is None:
                raise FileError("it is not in an archive")
            found = await self.eyes.past.where(archive, seen.number, analysis, seen.name)
        except FileError as error:
            text = f"there is no Python for it yet: {error}"
            raise HTTPException(409, text) from error
        title = f"{seen.name} of frame {seen.number} of run {message.run}"
        cut: list[int | None] = []
        if isinstance(message, Result):
            dims = describe.values_of(message, seen.number, seen.name)[1]
            cut = [seen.sel.get(dim) for dim in dims]
        return snippet(found, cut, title, seen.units)


def _look(request: Request) -> Look:
    gamma = (numbers(request, "gamma", 1) or (0.5,))[0]
    if not 0.05 <= gamma <= 20:
        raise refused("gamma", f"{gamma:g}", "a number from 0.05 to 20")
    return Look(
        choice(request, "map", tuple(MAPS)),
        choice(request, "scale", SCALES),
        gamma,
        window(request),
        bool(whole(request, "dark", 0, 0, 1)),
        bool(whole(request, "inverted", 0, 0, 1)),
    )


def _png(seen: Seen, look: Look, size: int) -> bytes:
    title = f"{seen.attrs.get('long_name') or seen.name}, run {seen.held.message.run}"
    return png(seen.image, seen.axes, seen.attrs, f"{title[:70]}, frame {seen.number}", look, size)


def _tiff(seen: Seen, look: Look, size: int) -> bytes:
    """32-bit floats with the pixel size, which ImageJ reads."""
    del look, size
    steps = [float(axis.get("step", 1.0)) for axis in seen.axes.values()]
    unit = next((str(axis.get("units", "")) for axis in seen.axes.values()), "")
    out = io.BytesIO()
    even = all("values" not in axis for axis in seen.axes.values())
    known = even and len(steps) == 2 and all(step > 0 for step in steps)
    with np.errstate(over="ignore"):  # beyond float32 lies infinity
        pixels = np.asarray(real(seen.image), np.float32)
    tifffile.imwrite(
        out,
        pixels,
        imagej=True,
        resolution=(1 / steps[1], 1 / steps[0]) if known else None,
        metadata={
            "axes": "YX",
            "unit": (known and unit.encode("ascii", "replace").decode()) or "pixel",
            "Info": json.dumps(json.loads(encode(_said(seen)))),
        },
    )
    return out.getvalue()


def _csv(seen: Seen) -> Iterator[bytes]:
    """A curve with its coordinate, an image as rows of numbers."""
    if seen.values.ndim == 2:
        return image(seen.image)
    name = seen.dims[0] if seen.dims else "value"
    axis = seen.axes.get(name, {})
    values = np.atleast_1d(seen.values)
    first = axis.get("values")
    if first is None or len(first) != len(values):
        start, step = axis.get("start", 0), axis.get("step", 1)
        first = [start + n * step for n in range(len(values))]
    head = [with_units(name, axis), with_units(seen.name, seen.attrs)]
    return columns(head, [[first, describe.inline(values)]])


def _npy(seen: Seen, look: Look, size: int) -> bytes:
    del look, size
    out = io.BytesIO()
    np.save(out, seen.values, allow_pickle=False)
    return out.getvalue()


def _h5(seen: Seen, look: Look, size: int) -> bytes:
    del look, size
    data = xr.Dataset({valid_name(seen.name): _array(seen, seen.dims)}, attrs=_said(seen))
    return _written(data)


def _array(seen: Seen, dims: tuple[str, ...]) -> xr.DataArray:
    """With its coordinates, under other names of its dims where these are taken."""
    coords = {}
    for dim, axis, size in zip(dims, seen.axes.values(), seen.values.shape, strict=True):
        if "step" in axis:
            at = axis["start"] + np.arange(size) * axis["step"]
            coords[dim] = (dim, at, {"units": str(axis.get("units", ""))})
        elif size and len(axis.get("values", ())) == size:
            coords[dim] = (dim, np.asarray(axis["values"]), {"units": str(axis.get("units", ""))})
    return xr.DataArray(seen.values, coords, dims, attrs=dict(seen.attrs))


def _of_frame(result: Result, number: int) -> xr.Dataset:
    """The part of a result that belongs to a frame."""
    index = result.frames.index(number)
    data = result.data
    if "frame" in data.dims:
        data = data.isel(frame=index)
    for table in describe.tables_of(result):
        if f"{table}_frame" in data:
            data = data.isel({table: np.flatnonzero(data[f"{table}_frame"].values == index)})
    about = {"run": result.run, "source": result.source, "frame": number}
    about |= {"analysis": result.analysis, "provenance": result.provenance}
    return data.assign_attrs(about)


def _written(data: xr.Dataset) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "export.h5"
        write_labelled(path, data)
        return path.read_bytes()


def _said(seen: Seen) -> dict[str, Any]:
    message = seen.held.message
    return {
        **{"run": message.run, "source": message.source, "frame": seen.number},
        **{"name": seen.name, "units": seen.units, "sel": dict(seen.sel)},
        "analysis": None if isinstance(message, Frame) else message.analysis,
        "axes": {dim: dict(axis) for dim, axis in seen.axes.items()},
    }


def _file(kind: str, body: bytes, seen: Seen) -> Response:
    return _download(kind, body, f"{seen.held.message.run}_{seen.number}_{seen.name}")


def _download(kind: str, body: bytes, name: str) -> Response:
    return Response(body, 200, _called(name, kind), TYPES[kind])


def _streamed(pieces: Iterator[bytes], name: str) -> Response:
    """CSV as it is made; each piece in a thread, when the last one was taken."""
    return StreamingResponse(pieces, 200, _called(name, "csv"), TYPES["csv"])


def _called(name: str, kind: str) -> dict[str, str]:
    plain = valid_name(name)
    disposition = f"attachment; filename=\"{plain}.{kind}\"; filename*=UTF-8''{quote(plain)}.{kind}"
    return NO_STORE | {"content-disposition": disposition}
