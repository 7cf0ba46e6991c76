"""The JSON and binary API under /api/v1."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from starlette.convertors import Convertor, register_url_convertor
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ...analysis.preview import Preview
from ...stream.errors import WireError
from ...stream.messages import Frame, Result
from . import describe, pictures
from .answers import array_answer, json_answer
from .query import SIZES, absent, choice, refused, seconds, whole
from .state import Held, ViewState

NEWEST = 1 << 62


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
    """Answers from one `ViewState`."""

    def __init__(self, state: ViewState) -> None:
        self.state = state

    def routes(self) -> list[Route]:
        """All addresses; a run's name may hold anything, slashes too."""
        return [
            Route("/status", self.status),
            Route("/frames/latest", self.latest_frame),
            Route("/frames/{run:path}/{frame:number}", self.one_frame),
            Route("/results/latest", self.latest_result),
            Route("/results/{run:path}/{frame:number}", self.one_result),
            Route("/results/{run:path}/{frame:number}/{variable:path}", self.variable),
        ]

    async def status(self, request: Request) -> Response:
        """What is going on: the newest status notice, run, frame and result."""
        del request
        return json_answer(self.state.notice())

    async def latest_frame(self, request: Request) -> Response:
        """The newest frame's image, or 204 when none is newer than `after`."""
        after, wait = whole(request, "after", 0, 0, NEWEST), seconds(request)
        source = request.query_params.get("source")

        def look() -> Held[Frame] | None:
            held = self.state.frames.find(lambda h: source in (None, h.message.source))
            return held if held and held.seq > after else None

        held = await self.state.wait_for(look, wait)
        return await self._image(request, held) if held else Response(status_code=204)

    async def one_frame(self, request: Request) -> Response:
        """The image of one frame that is still held."""
        run, number = _place(request)
        held = self.state.frames.find(_is(request, run, lambda m: m.number == number))
        if held is None:
            raise absent(
                f"frame {number} of run {run!r} is not held; the last {len(self.state.frames)} are"
            )
        return await self._image(request, held)

    async def latest_result(self, request: Request) -> Response:
        """The newest result, described, or 204 when none is newer than `after`."""
        after, wait = whole(request, "after", 0, 0, NEWEST), seconds(request)
        wanted = request.query_params.get("analysis")

        def look() -> Held[Result] | None:
            held = self.state.results.find(
                lambda h: wanted in (None, "", h.message.analysis) and bool(h.message.frames)
            )
            return held if held and held.seq > after else None

        held = await self.state.wait_for(look, wait)
        if held is None:
            return Response(status_code=204)
        return self._described(held, held.message.frames[-1])

    async def one_result(self, request: Request) -> Response:
        """The result of one frame, described; `wait` for it where it isn't there yet."""
        number = _place(request)[1]
        return self._described(await self._result(request, seconds(request)), number)

    async def variable(self, request: Request) -> Response:
        """One variable of one frame's result, as bytes."""
        number, name = _place(request)[1], request.path_params["variable"]
        enc, size = _form(request, ("u8", "f32", "raw"))
        held = await self._result(request, 0)
        result = held.message
        if name not in result.data:
            known = ", ".join(map(str, result.data.data_vars)) or "none"
            raise absent(f"the result has no variable {name!r}; it has: {known}")
        values = describe.values_of(result, number, name)
        if values.ndim not in (1, 2) or values.dtype.kind not in "biufc":
            raise refused("variable", name, "one with one or two dimensions of numbers")
        values = values if values.ndim == 2 else values[None, :]
        shown = await pictures.picture(
            held, (name, number, enc, size), lambda: pictures.of_array(values, size, enc)
        )
        raw_shift = 1 if enc == "raw" else shown.step
        axes = describe.axes_of(result.data, name, shown.step, raw_shift)
        return array_answer(shown.pixels, _facts(held, number, shown, axes))

    async def _result(self, request: Request, wait: float) -> Held[Result]:
        run, number = _place(request)
        wanted = _is(request, run, lambda m: number in m.frames)
        held = await self.state.wait_for(lambda: self.state.results.find(wanted), wait)
        if held is None:
            raise absent(
                f"no result for frame {number} of run {run!r} is held; "
                f"the last {len(self.state.results)} results are"
            )
        return held

    def _described(self, held: Held[Result], number: int) -> Response:
        result = held.message
        image = self.state.frames.find(
            lambda h: (
                (h.message.source, h.message.run, h.message.number)
                == (result.source, result.run, number)
            )
        )
        return json_answer(describe.describe(held, number) | {"image": image is not None})

    async def _image(self, request: Request, held: Held[Frame]) -> Response:
        enc, size = _form(request, ("u8", "f32"))
        frame = held.message
        channel = choice(request, "channel", tuple(frame.channels))
        try:
            shown = await pictures.picture(
                held, (channel, enc, size), lambda: pictures.of_frame(frame, channel, size, enc)
            )
        except WireError as error:
            text = f"frame {frame.number} of run {frame.run!r} can't be decoded: {error}"
            return json_answer({"error": text}, 422)
        axes = pictures.axes_of_image(self.state.calibration(frame), shown.step)
        return array_answer(shown.pixels, _facts(held, frame.number, shown, axes))


def _place(request: Request) -> tuple[str, int]:
    return request.path_params["run"], request.path_params["frame"]


def _is(request: Request, run: str, fits: Callable[[Any], bool]) -> Callable[[Held[Any]], bool]:
    source, analysis = (request.query_params.get(name) for name in ("source", "analysis"))
    return lambda held: (
        held.message.run == run
        and source in (None, held.message.source)
        and analysis in (None, "", getattr(held.message, "analysis", None))
        and fits(held.message)
    )


def _form(request: Request, encodings: tuple[str, ...]) -> tuple[str, int]:
    return choice(request, "enc", encodings), whole(request, "size", 1024, *SIZES)


def _facts(held: Held[Any], number: int, shown: Preview, axes: Any) -> dict[str, Any]:
    return {
        "seq": held.seq,
        "source": held.message.source,
        "run": held.message.run,
        "frame": number,
        "scale": shown.scale,
        "offset": shown.offset,
        "low": shown.low,
        "high": shown.high,
        "step": shown.step,
        "axes": axes,
    }
