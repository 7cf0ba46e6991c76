"""Pictures of what is held: made when somebody asks, once for all who ask, in a thread."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable, Mapping
from typing import Any

import numpy as np

from ...analysis.preview import Preview, preview
from ...stream.decompress import decode
from ...stream.messages import Frame
from .state import Held

KEPT = 6
"""How many different pictures of one message are kept."""


async def picture(held: Held[Any], key: Hashable, make: Callable[[], Preview]) -> Preview:
    """The picture `key` of `held`; who asks while it is made waits for the same one."""
    making = held.pictures.get(key)
    if making is None:
        making = asyncio.ensure_future(asyncio.to_thread(make))
        making.add_done_callback(_look_at)
        held.pictures[key] = making
        while len(held.pictures) > KEPT:
            held.pictures.popitem(last=False)
    try:
        return await asyncio.shield(making)
    except Exception:
        held.pictures.pop(key, None)
        raise


def _look_at(making: asyncio.Future[Preview]) -> None:
    """Take note of an error that nobody waits for any more."""
    if not making.cancelled():
        making.exception()


def of_frame(frame: Frame, channel: str, size: int, enc: str) -> Preview:
    """Decode one channel of `frame` and shrink it; WireError if its pixels can't be read."""
    return preview(decode(frame.channels[channel]), size, quantised=enc == "u8")


def of_array(values: np.ndarray, size: int, enc: str) -> Preview:
    """Shrink `values[y, x]`; `raw` keeps their type and takes every step-th instead of means."""
    if enc != "raw":
        return preview(values, size, quantised=enc == "u8")
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
