"""Answers that many ask for: made when somebody asks, once for all who ask, in a thread."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable, Mapping
from typing import Any, TypeVar

import numpy as np
from starlette.responses import Response

from ...analysis.preview import Preview, preview
from ...stream.decompress import decode
from ...stream.messages import Frame
from .state import Held

R = TypeVar("R", bound=Response)
Window = tuple[str, tuple[float, float]]
"""percentiles or limits, and the two numbers."""


class Pictures:
    """The answers that were asked for last, up to `memory` bytes; belongs to one event loop."""

    def __init__(self, memory: int) -> None:
        self.memory = memory
        self._made: OrderedDict[Hashable, tuple[Held[Any], asyncio.Future[Any]]] = OrderedDict()
        self._bytes = 0

    async def answer(self, held: Held[Any], key: Hashable, make: Callable[[], Awaitable[R]]) -> R:
        """The answer `key` about `held`; who asks while it is made waits for the same one."""
        key = (id(held), key)  # kept beside it, so no other can have this id
        known = self._made.get(key)
        if known is None:
            making: asyncio.Future[Any] = asyncio.ensure_future(make())
            self._made[key] = held, making
            making.add_done_callback(lambda done: self._is_made(key, done))
        else:
            self._made.move_to_end(key)
            making = known[1]
        found: R = await asyncio.shield(making)
        return found

    def _is_made(self, key: Hashable, done: asyncio.Future[Response]) -> None:
        if done.cancelled() or done.exception() is not None:
            self._made.pop(key, None)
            return
        self._bytes += len(done.result().body)
        while self._bytes > self.memory and len(self._made) > 1:
            oldest, (_, making) = next(iter(self._made.items()))
            if not making.done():
                break
            del self._made[oldest]
            self._bytes -= len(making.result().body)


def pixels_of(frame: Frame, channel: str) -> np.ndarray:
    """Decode one channel of `frame`; WireError if its pixels can't be read."""
    return decode(frame.channels[channel])


def of_array(values: np.ndarray, size: int, enc: str, window: Window, beyond: int = 0) -> Preview:
    """Shrink `values[y, x]`; `raw` keeps their type and takes every step-th instead of means."""
    if enc != "raw":
        kind, (low, high) = window
        asked = {"limits": (low, high)} if kind == "limits" else {"percentiles": (low, high)}
        fine = enc == "u16"
        coded = fine or enc == "u8"
        return preview(values, size, quantised=coded, fine=fine, beyond=beyond, **asked)
    step = max(1, -(-max(values.shape, default=1) // size))
    return Preview(values[::step, ::step], 1.0, 0.0, step, 0.0, 0.0)


def axes_of_image(calibration: Mapping[str, Any], step: int) -> dict[str, Any]:
    """Centre of the first preview pixel, step and unit along y and x, from the calibration."""
    size = calibration.get("pixel_size_nm")
    try:
        steps = [float(value) for value in size or ()]
    except (TypeError, ValueError):
        steps = []
    unit = "nm"
    if len(steps) != 2 or not all(np.isfinite(s) and s > 0 for s in steps):
        steps, unit = [1.0, 1.0], "px"
    return {
        name: {"start": (step - 1) / 2 * pixel, "step": step * pixel, "units": unit}
        for name, pixel in zip("yx", steps, strict=True)
    }
