"""What there is to see under /api/v1: the status, frames, results and their variables."""

from __future__ import annotations

import asyncio
from typing import Any

from starlette.convertors import Convertor, register_url_convertor
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ...analysis.preview import Preview
from ...stream.messages import Frame, Result
from . import describe, pictures, turning
from .answers import array_answer, json_answer
from .pictures import Pictures, Window
from .query import SIZES, choice, pair, refused, seconds, whole
from .seen import Eyes, Seen, channel_of, place, same, variable
from .state import Held, ViewState

NEWEST = 1 << 62
ENCODINGS = ("u8", "u16", "f32", "raw")
FURTHEST = 1000
"""Windows that codes go on for beyond the contrast."""
PERCENTILES = (0.1, 99.9)
VARIABLE = "/results/{run:path}/{frame:number}/{variable:path}"
FRAME = "/frames/{run:path}/{frame:number}"
RESULT = "/results/{run:path}/{frame:number}"


class FrameNumber(Convertor[int]):
    """A frame number in a path; more digits than any detector counts are no path of ours."""

    regex = "[0-9]{1,19}"

    def convert(self, value: str) -> int:
        """Read it."""
        return int(value)

    def to_string(self, value: int) -> str:
        """Write it."""
        return str(value)


register_url_convertor("number", FrameNumber())


class Api:
    """Answers from one `ViewState`, and from the archives."""

    def __init__(self, state: ViewState, eyes: Eyes, shown: Pictures) -> None:
        self.state = state
        self.eyes = eyes
        self.shown = shown

    def routes(self) -> list[Route]:
        """All addresses; a run's name may hold anything, slashes too."""
        return [
            Route("/status", self.status),
            Route("/frames/latest", self.latest_frame),
            Route(FRAME, self.one_frame),
            Route("/results/latest", self.latest_result),
            Route(RESULT, self.one_result),
            Route(VARIABLE, self.variable),
        ]

    async def status(self, request: Request) -> Response:
        """What is going on: the newest status notice, run, frame and result."""
        del request
        return json_answer(self.state.notice())

    async def latest_frame(self, request: Request) -> Response:
        """The newest frame's image, or 204 when none is newer than `after`."""
        after, wait = whole(request, "after", 0, 0, NEWEST), seconds(request)
        wanted = same(request)

        def look() -> Held[Frame] | None:
            held = self.state.frames.find(wanted)
            return held if held and held.seq > after else None

        held = await self.state.wait_for(look, wait)
        return await self.image(request, held) if held else Response(status_code=204)

    async def one_frame(self, request: Request) -> Response:
        """The image of one frame, held or archived."""
        return await self.image(request, await self.eyes.frame(request))

    async def latest_result(self, request: Request) -> Response:
        """The newest result, described, or 204 when none is newer than `after`."""
        after, wait = whole(request, "after", 0, 0, NEWEST), seconds(request)
        wanted = same(request)

        def look() -> Held[Result] | None:
            held = self.eyes.grown(request) or self.state.results.find(
                lambda h: wanted(h) and bool(h.message.frames)
            )
            return held if held and held.seq > after else None

        held = await self.state.wait_for(look, wait)
        if held is None:
            return Response(status_code=204)
        return await self.described(held, held.message.frames[-1])

    async def one_result(self, request: Request) -> Response:
        """The result of one frame, described; `wait` for it where it isn't there yet."""
        held = await self.eyes.result(request, seconds(request))
        return await self.described(held, place(request)[1])

    async def variable(self, request: Request) -> Response:
        """One variable of one frame's result, as bytes."""
        number, name = place(request)[1], request.path_params["variable"]
        return await self.variable_of(request, await self.eyes.result(request), number, name)

    async def variable_of(
        self, request: Request, held: Held[Result], number: int, name: str
    ) -> Response:
        """One variable of a result, as `request` wants it."""
        form = _form(request)
        if turn := turning.asked(request):
            turned = ("turned", name, number, form, turn)
            return await self.shown.answer(
                held,
                turned,
                lambda: asyncio.to_thread(
                    lambda: _picture(turning.turned(held, number, name, turn), *form)
                ),
            )
        seen = variable(request, held, number, name)
        key = ("variable", name, number, form, tuple(seen.sel.items()))
        return await self.shown.answer(held, key, lambda: asyncio.to_thread(_picture, seen, *form))

    async def described(self, held: Held[Result], number: int) -> Response:
        """One frame's part of a result."""
        result = held.message
        image = (
            bool(held.archive)
            or self.state.frames.at(result.run, number, lambda h: h.message.source == result.source)
            is not None
        )
        key = ("described", number, image)
        return await self.shown.answer(
            held,
            key,
            lambda: asyncio.to_thread(_description, held, number, image),
        )

    async def image(self, request: Request, held: Held[Frame]) -> Response:
        """The image of a frame, as `request` wants it."""
        form = _form(request)
        channel = channel_of(request, held.message)
        size = self.eyes.calibration(held).get("pixel_size_nm")

        async def make() -> Response:
            seen = await self.eyes.image(request, held)
            return await asyncio.to_thread(_picture, seen, *form)

        return await self.shown.answer(held, ("image", channel, form, repr(size)), make)


def _description(held: Held[Result], number: int, image: bool) -> Response:
    return json_answer(describe.describe(held, number) | {"image": image})


def _picture(seen: Seen, enc: str, size: int, window: Window, beyond: int) -> Response:
    """The bytes of what is seen, small enough, with headers that explain them."""
    image = seen.image
    shown = pictures.of_array(image, size, enc, window, beyond)
    width = 1 if enc == "raw" else shown.step
    axes = {dim: describe.shrunk(axis, shown.step, width) for dim, axis in seen.axes.items()}
    return array_answer(shown.pixels, _facts(seen, shown, axes))


def _facts(seen: Seen, shown: Preview, axes: Any) -> dict[str, Any]:
    held = seen.held
    channels = list(getattr(held.message, "channels", ()))
    return {
        "seq": held.seq,
        "source": held.message.source,
        "run": held.message.run,
        "id": held.archive or None,
        "frame": seen.number,
        "scale": shown.scale,
        "offset": shown.offset,
        "low": shown.low,
        "high": shown.high,
        "step": shown.step,
        "axes": axes,
        "full-shape": ",".join(map(str, seen.image.shape)),
        "units": seen.units,
        "long-name": str(seen.attrs.get("long_name", "")),
        "sel": dict(seen.sel),
        "channels": channels or None,
        "channel": seen.name if channels else None,
        "from": "archive" if held.archive else "live",
    }


def _form(request: Request) -> tuple[str, int, Window, int]:
    enc, size = choice(request, "enc", ENCODINGS), whole(request, "size", 1024, *SIZES)
    return enc, size, window(request), whole(request, "beyond", 0, 0, FURTHEST)


def window(request: Request) -> Window:
    """The contrast that is asked for: `limits` in true values, or `percentiles`."""
    limits = pair(request, "limits")
    if limits is not None:
        return "limits", limits
    low, high = pair(request, "percentiles") or PERCENTILES
    if not 0 <= low < high <= 100:
        raise refused("percentiles", f"{low:g},{high:g}", "LOW,HIGH with 0 <= LOW < HIGH <= 100")
    return "percentiles", (low, high)
