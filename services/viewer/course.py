"""What a value is in other frames: in the held ones up to this, or all over a past run."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Hashable, Mapping
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request

from ...stream.errors import FileError
from ...stream.messages import Frame, Result
from .seen import Eyes, Seen, same, variable
from .state import Held

MOST_HELD = 2000
"""Frames in a course that are held."""
MOST_PAST = 100
"""Frames of a past run, evenly over it: each is read from its archive."""
KEPT = 32
"""Courses of past runs that are remembered."""

One = Callable[[Seen], Mapping[str, Any]]


class Course:
    """Follows what is measured through the frames of a run."""

    def __init__(self, eyes: Eyes) -> None:
        self.eyes = eyes
        self._kept: OrderedDict[Hashable, dict[str, Any]] = OrderedDict()

    async def of(self, request: Request, seen: Seen, last: int, one: One) -> dict[str, Any]:
        """What `one` says of up to `last` frames, in order; those of another shape are left out."""
        archive = seen.held.archive
        if not archive:
            return await self._told(request, seen, one, self._held(request, seen, last))
        said = self.eyes.past.known(archive) or {}
        query = sorted(request.query_params.multi_items())
        key = archive, seen.name, tuple(query), seen.values.shape, str(said.get("numbers"))
        if key not in self._kept:
            past = self._past(request, seen, said, last)
            self._kept[key] = await self._told(request, seen, one, past)
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        return self._kept[key]

    async def _told(
        self, request: Request, seen: Seen, one: One, frames: AsyncIterator[tuple[int, Held[Any]]]
    ) -> dict[str, Any]:
        found: dict[str, list[Any]] = {"frames": [], "times_ns": []}
        async for number, held in frames:
            try:
                of = await self._again(request, held, number)
                said = await asyncio.to_thread(one, of) if of is not None else None
            except (IndexError, ValueError):
                said = None  # another shape
            if said is not None and of is not None and of.dims == seen.dims:
                found["frames"].append(number)
                found["times_ns"].append(held.message.received_ns)
                for key, value in said.items():
                    found.setdefault(key, []).append(value)
        return found

    async def _held(
        self, request: Request, seen: Seen, last: int
    ) -> AsyncIterator[tuple[int, Held[Any]]]:
        state, message, wanted = self.eyes.state, seen.held.message, same(request)
        ring: Any = state.frames if isinstance(message, Frame) else state.results
        found = {}
        for held in ring:
            if held.message.run == message.run and wanted(held):
                for number in (
                    (held.message.number,) if isinstance(message, Frame) else held.message.frames
                ):
                    if number <= seen.number:
                        found[number] = held
        for pair in sorted(found.items())[-last:]:
            yield pair

    async def _past(
        self, request: Request, seen: Seen, said: Mapping[str, Any], last: int
    ) -> AsyncIterator[tuple[int, Held[Any]]]:
        archive, message, past = seen.held.archive, seen.held.message, self.eyes.past
        analysis = message.analysis if isinstance(message, Result) else ""
        ranges = said.get("results", {}).get(analysis, []) if analysis else said.get("numbers", [])
        for number in evenly(ranges, min(last, MOST_PAST)):
            try:
                if analysis:
                    yield number, await past.result(archive, number, analysis)
                else:
                    yield number, await past.frame(archive, number)
            except FileError:
                continue  # damaged: the others tell enough

    async def _again(self, request: Request, held: Held[Any], number: int) -> Seen | None:
        try:
            if isinstance(held.message, Frame):
                return await self.eyes.image(request, held)
            return variable(request, held, number, str(request.path_params["variable"]))
        except HTTPException:
            return None


def evenly(ranges: list[list[int]], most: int) -> list[int]:
    """At most `most` of the numbers in inclusive ranges, evenly over all of them."""
    many = sum(last - first + 1 for first, last in ranges)
    step = max(1, -(-many // most))
    found: list[int] = []
    before = 0
    for first, last in ranges:
        found += range(first + (-before) % step, last + 1, step)
        before += last - first + 1
    return found
