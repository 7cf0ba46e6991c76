"""Multiparts as they were received -> messages, each with its time of arrival and its own parts.

What made a message stays with it (`raw`), so that it can be kept and decoded again, bit for bit.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import chain
from typing import TypeAlias

from . import wire
from .decompress import check
from .errors import WireError
from .messages import Buffer, Frame, Message, Refusal, RunStart, RunStop

Incoming: TypeAlias = Message | Refusal
Decode: TypeAlias = Callable[[Sequence[Buffer]], Sequence[Incoming]]
Raw: TypeAlias = tuple[tuple[Buffer, ...], ...]

KEPT, KEPT_BYTES = 16, 64 << 20
"""So many multiparts without a message of their own (half a header, a calibration) are kept for
the next message; of more, the oldest go."""
MAX_PARTS = 4096
"""Of one message of our own bus."""


def decoder(kind: str, name: str, *, verify: bool) -> Decode:
    """The decoder of a wire: parts of one multipart -> messages; it raises only WireError."""
    if kind == "dectris":
        from .dectris import Decoder

        return Decoder(name, verify=verify).decode
    if kind == "stream2":
        from .stream2 import Decoder as Stream2Decoder

        return Stream2Decoder(name).decode
    return _of_our_bus


def _of_our_bus(parts: Sequence[Buffer]) -> list[Incoming]:
    if len(parts) > MAX_PARTS:
        raise WireError("bad_parts", f"{len(parts)} parts: at most {MAX_PARTS} are read")
    return [checked(wire.decode(parts))]


def checked(message: Message) -> Message:
    """Give a frame back with its payloads checked; WireError names the frame that is refused."""
    if not isinstance(message, Frame):
        return message
    try:
        channels = {name: check(pixels) for name, pixels in message.channels.items()}
    except WireError as error:
        raise WireError(
            error.reason, error.detail, run=message.run, number=message.number
        ) from error
    return replace(message, channels=channels)


class Reception:
    """Decodes the multiparts of one wire: dectris, stream2, beamside, beamside+sub."""

    def __init__(self, kind: str, name: str, *, verify: bool) -> None:
        self.name = name
        self.wire = kind.partition("+")[0]
        self._decode = decoder(kind, name, verify=verify)
        self._kept: deque[tuple[Buffer, ...]] = deque()

    def decode(self, parts: Sequence[Buffer]) -> list[Incoming]:
        """Give the messages of one multipart; a Refusal in the place of what is not understood."""
        now = time.time_ns()
        try:
            messages = self._decode(parts)
        except WireError as error:
            if self._kept:  # the message that is begun is decoded again from the same sequence
                self._keep(parts)
            return [Refusal(self.name, error.reason, error.detail, error.run, error.number)]
        if len(messages) == 1:
            return [self._with_raw(messages[0], now, self._taken(parts))]
        if not messages:
            self._keep(parts)
            return []
        if self.wire != "stream2":  # a start that waited, and what came after it
            raws = [self._taken(), *[()] * (len(messages) - 2), (tuple(parts),)]
        elif len(messages) == len(parts):  # its parts stand each for itself
            raws = [self._taken([parts[0]]), *[((part,),) for part in parts[1:]]]
        else:
            return [message for part in parts for message in self.decode([part])]
        return [self._with_raw(m, now, raw) for m, raw in zip(messages, raws, strict=True)]

    def _keep(self, parts: Sequence[Buffer]) -> None:
        self._kept.append(tuple(parts))
        while len(self._kept) > KEPT or sum(map(len, chain(*self._kept))) > KEPT_BYTES:
            self._kept.popleft()

    def _taken(self, parts: Sequence[Buffer] = ()) -> Raw:
        """What was kept, and these parts behind it."""
        if not self._kept:
            return (tuple(parts),) if parts else ()
        raw = (*self._kept, tuple(parts)) if parts else tuple(self._kept)
        self._kept.clear()
        return raw

    def _with_raw(self, message: Incoming, now: int, raw: Raw) -> Incoming:
        # the constructor takes half the time of `replace`, and this is done for every frame
        if isinstance(message, Frame):
            return Frame(
                message.source, message.run, message.number, message.channels, message.metadata,
                message.detector_ns, message.received_ns or now, raw, self.wire,
            )  # fmt: skip
        if isinstance(message, RunStart):
            return replace(message, time_ns=message.time_ns or now, raw=raw, wire=self.wire)
        if isinstance(message, RunStop):
            return replace(message, raw=raw, wire=self.wire)
        return message
