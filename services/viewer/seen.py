"""What is looked at: an image or a variable of a result, live or from an archive.

An address names it: `frames/RUN/FRAME` (with `channel=`) or `results/RUN/FRAME/VARIABLE` (with
`analysis=`, and `sel=DIM:INDEX` for dimensions beyond the two that make a picture).
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from starlette.exceptions import HTTPException
from starlette.requests import Request

from ...stream.errors import FileError, WireError
from ...stream.messages import Frame, Result
from . import describe, pictures
from .attributes import attributes
from .past import Past
from .query import absent, choice, refused
from .state import Held, ViewState


@dataclass(frozen=True, slots=True)
class Seen:
    """An array of at most two dimensions, with what its pixels are."""

    held: Held[Any]
    number: int
    name: str
    """Of the channel or the variable."""
    values: np.ndarray
    dims: tuple[str, ...]
    """Its dimensions, rows first; a curve has one, a number none."""
    axes: Mapping[str, Mapping[str, Any]]
    """Of each dimension: start, step and units, or the values themselves."""
    attrs: Mapping[str, Any]
    sel: Mapping[str, int]
    """Where the other dimensions were cut."""

    @property
    def image(self) -> np.ndarray:
        """As `[y, x]`; a curve is one row. Refused if it is no array of numbers."""
        if self.values.ndim not in (1, 2) or self.values.dtype.kind not in "biufc":
            raise refused("variable", self.name, "one with one or two dimensions of numbers")
        return self.values if self.values.ndim == 2 else self.values[None, :]

    @property
    def units(self) -> str:
        """Of the values."""
        return str(
            self.attrs.get("units", "counts" if isinstance(self.held.message, Frame) else "")
        )


class Eyes:
    """Finds what requests ask for, in the rings first, then in the archives."""

    def __init__(self, state: ViewState, past: Past) -> None:
        self.state = state
        self.past = past
        self._decoded: OrderedDict[tuple[int, str], tuple[Held[Any], np.ndarray]] = OrderedDict()

    async def seen(self, request: Request) -> Seen:
        """What the address names; HTTPException where there is none."""
        number = int(request.path_params["frame"])
        if "variable" not in request.path_params:
            return await self.image(request, await self.frame(request))
        held = await self.result(request)
        return variable(request, held, number, str(request.path_params["variable"]))

    async def frame(self, request: Request) -> Held[Frame]:
        """One frame."""
        return await self.frame_of(*place(request), same(request))

    async def frame_of(
        self, run: str, number: int, wanted: Callable[[Held[Any]], bool] = lambda held: True
    ) -> Held[Frame]:
        """The frame of a run and a number that is wanted."""
        held = self.state.frames.at(run, number, wanted)
        if held is None and self.state.live is not None:
            going = await self._going(run)
            held = None if going is None else self.state.frames.at(going, number, wanted)
        if held is not None:
            return held
        archive = await self._archive(run, f"frame {number} of run {run!r}", self.state.frames)
        try:
            return await self.past.frame(archive, number)
        except FileError as error:
            raise absent(str(error)) from error

    async def result(self, request: Request, wait: float = 0.0) -> Held[Result]:
        """One frame's result; waited for only where its run is still going on."""
        run, number = place(request)
        found = self.result_held(request, run, number)
        if found is None and (wait or self.state.live is not None):
            going = await self._going(run)
            if going is not None:
                found = await self.state.wait_for(
                    lambda: self.result_held(request, going, number), wait
                )
        if found is not None:
            return found
        what = f"no result for frame {number} of run {run!r}"
        archive = await self._archive(run, what, self.state.results)
        try:
            return await self.past.result(archive, number, request.query_params.get("analysis", ""))
        except FileError as error:
            raise absent(f"{what}: {error}") from error

    def result_held(self, request: Request, run: str, number: int) -> Held[Result] | None:
        """The newest result of a frame that is in the ring, or of what grows over its run."""
        grown = self.grown(request)
        if grown is not None and grown.message.run == run and number in grown.message.frames:
            return grown
        return self.state.results.at(run, number, same(request))

    def grown(self, request: Request) -> Held[Result] | None:
        """What grows over the runs under the name that is asked for, if something does."""
        return self.state.grown.get(request.query_params.get("analysis", ""))

    async def _going(self, run: str) -> str | None:
        """The name of a run, also by its archive's; None if it is over: nobody need wait for it."""
        live = self.state.live
        if live is not None and live[1] == run:
            return run
        archive = await self._find(run)
        if archive is None:
            return run
        said = await self.past.run(archive)
        if live != (said["source"], said["run"]) or said["status"] != "unfinished":
            return None
        # one that was never closed may have begun again under its name
        try:
            return live[1] if await self.past.newest(live[1]) == archive else None
        except FileError:
            return None

    async def _archive(self, run: str, what: str, ring: Any) -> str:
        name = await self._find(run)
        if name is None:
            raise absent(f"{what} is not held; the last {len(ring)} are, and no archive has it")
        return name

    async def _find(self, run: str) -> str | None:
        try:
            return await self.past.find(run)
        except FileError:
            return None

    async def image(self, request: Request, held: Held[Frame]) -> Seen:
        """One channel of a frame, unpacked."""
        channel = channel_of(request, held.message)
        values = await self.decoded(held, channel)
        axes = pictures.axes_of_image(self.calibration(held), 1)
        attrs = {"long_name": channel, "units": "counts"}
        return Seen(held, held.message.number, channel, values, ("y", "x"), axes, attrs, {})

    def calibration(self, held: Held[Any]) -> Mapping[str, Any]:
        """What the pixels of a frame measure, by its run's start or by the archive."""
        if not held.archive:
            return self.state.calibration(held.message)
        known = self.past.known(held.archive)
        said: Mapping[str, Any] = known.get("calibration", {}) if known else {}
        return said

    async def decoded(self, held: Held[Frame], channel: str) -> np.ndarray:
        """The pixels of a frame; 422 where they can't be read."""
        key = id(held), channel
        if key not in self._decoded:
            frame = held.message
            try:
                pixels = await asyncio.to_thread(pictures.pixels_of, frame, channel)
            except WireError as error:
                text = f"frame {frame.number} of run {frame.run!r} can't be decoded: {error}"
                raise HTTPException(422, text) from error
            self._decoded[key] = held, pixels
            most = self.state.memory // 8
            while (
                len(self._decoded) > 1 and sum(p.nbytes for _, p in self._decoded.values()) > most
            ):
                self._decoded.popitem(last=False)
            return pixels
        self._decoded.move_to_end(key)
        return self._decoded[key][1]


def channel_of(request: Request, frame: Frame) -> str:
    """The channel that is asked for; `prefer` names one that a frame may lack, then the first."""
    there, prefer = tuple(frame.channels), request.query_params.get("prefer")
    if prefer in there and "channel" not in request.query_params:
        return prefer
    return choice(request, "channel", there)


def place(request: Request) -> tuple[str, int]:
    """Run and frame of an address."""
    return request.path_params["run"], request.path_params["frame"]


def same(request: Request) -> Callable[[Held[Any]], bool]:
    """Whether a message is of the source and the analysis that were asked for."""
    source, analysis = (request.query_params.get(name) for name in ("source", "analysis"))
    return lambda held: (
        source in (None, held.message.source)
        and analysis in (None, "", getattr(held.message, "analysis", None))
    )


def variable(request: Request, held: Held[Result], number: int, name: str) -> Seen:
    """A variable of a result, cut to the frame and to what `sel` says."""
    result = held.message
    if name not in result.data:
        known = ", ".join(map(str, result.data.data_vars)) or "none"
        raise absent(f"the result has no variable {name!r}; it has: {known}")
    values, dims = describe.values_of(result, number, name)
    sel = selection(request.query_params.getlist("sel"), result.data, dims, values.shape)
    sel |= dict.fromkeys([dim for dim in dims if dim not in sel][:-2], 0)
    values = np.asarray(values[tuple(sel.get(dim, slice(None)) for dim in dims)])
    left = tuple(dim for dim in dims if dim not in sel)
    axes = {dim: describe.axis(result.data, dim) for dim in left}
    attrs = attributes(result.data[name].attrs)
    return Seen(held, number, name, values, left, axes, attrs, sel)


def selection(
    asked: Sequence[str], data: Any, dims: Sequence[str], shape: Sequence[int]
) -> dict[str, int]:
    """Read `DIM:INDEX` or `DIM:LABEL`; 400 says which dimensions and how many there are."""
    found = {}
    for text in asked:
        dim, _, where = text.partition(":")
        if dim not in dims:
            raise refused("sel", text, f"DIM:INDEX with DIM one of {', '.join(dims) or 'none'}")
        size = shape[list(dims).index(dim)]
        index = int(where) if where.isascii() and where.isdigit() and len(where) < 10 else -1
        if dim in data.coords and data[dim].dtype.kind in "USO":
            labels = [str(label) for label in data[dim].values.tolist()]
            index = labels.index(where) if where in labels else index
        if not 0 <= index < size:
            raise refused("sel", text, f"{dim}:0 to {dim}:{size - 1}")
        found[dim] = index
    return found
