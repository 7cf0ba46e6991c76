"""Messages as records, and back: what a run's two logs hold.

    frames log   frame: all parts as received, and where in them each image lies
    other log    start, result, stop: the message as on our bus, then its parts as received;
                 notes of any other kind: only a head

The head of a frame: source, run, number, detector_ns, received_ns, metadata, wire,
`raw` (for each multipart, of how many pieces each of its parts is made) and
`channels` {name: [shape, dtype, encoding, piece]}.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from .. import wire
from ..errors import WireError
from ..messages import DTYPES, Buffer, Frame, Pixels, Result, RunStart, RunStop
from .inside import position
from .record import Record

Entry = tuple[dict[str, Any], list[Buffer]]
"""A head and its pieces, as `Log.append` takes them."""


def of_frame(frame: Frame) -> Entry:
    """A frame as a record: its parts as received, nothing of them twice, nothing copied.

    A part is split where an image lies within it. An image that lies in none of them (its head
    was repaired, or it came from a file) is a piece of its own behind them.
    """
    images = [pixels.data for pixels in frame.channels.values()]
    pieces: list[Buffer] = [part for parts in frame.raw for part in parts]
    raw = [[1] * len(parts) for parts in frame.raw]
    places = [_same(pieces, image) for image in images]
    if None in places:
        pieces, raw, places = _split(frame.raw, images)
    channels = {
        name: (pixels.shape, pixels.dtype, pixels.encoding, place)
        for (name, pixels), place in zip(frame.channels.items(), places, strict=True)
    }
    head = {
        "kind": "frame",
        "source": frame.source,
        "run": frame.run,
        "number": frame.number,
        "detector_ns": frame.detector_ns,
        "received_ns": frame.received_ns,
        "metadata": frame.metadata if type(frame.metadata) is dict else dict(frame.metadata),
        "wire": frame.wire,
        "raw": raw,
        "channels": channels,
    }
    return head, pieces


def _same(pieces: Sequence[Buffer], data: Buffer) -> int | None:
    """Which piece is this very buffer."""
    for n, piece in enumerate(pieces):
        if piece is data:
            return n
    return None


def _split(
    multis: Sequence[Sequence[Buffer]], images: Sequence[Buffer]
) -> tuple[list[Buffer], list[list[int]], list[int | None]]:
    """All pieces, of how many each part is made, and which piece each image is."""
    pieces: list[Buffer] = []
    raw: list[list[int]] = []
    places: list[int | None] = [None] * len(images)
    for parts in multis:
        raw.append([])
        for part in parts:
            cut = _cut(part, images, places)
            for n, piece in cut:
                if n is not None:
                    places[n] = len(pieces)
                pieces.append(piece)
            raw[-1].append(len(cut))
    for n, image in enumerate(images):
        if places[n] is None:
            places[n] = len(pieces)
            pieces.append(image)
    return pieces, raw, places


def _cut(
    part: Buffer, images: Sequence[Buffer], placed: Sequence[int | None]
) -> list[tuple[int | None, Buffer]]:
    """A part cut at the images that lie within it: (which image, its piece), one after the other.

    It stays whole, in one piece, if none does.
    """
    found: list[tuple[int, int]] = []
    for n, image in enumerate(images):
        begin = position(part, image) if placed[n] is None else None
        if begin is not None:
            found.append((begin, n))
    view = memoryview(part)
    cut: list[tuple[int | None, Buffer]] = []
    at = 0
    for begin, n in sorted(found):
        if begin < at:  # two images in one place: the second is stored apart
            continue
        if begin > at:
            cut.append((None, view[at:begin]))
        at = begin + len(images[n])
        cut.append((n, view[begin:at]))
    if at < len(view) or not cut:
        cut.append((None, view[at:]))
    return cut


def frame_of(record: Record) -> Frame:
    """The frame in a record, its pixels views of what the record lies in; WireError if it is none.

    It has no `raw`: `raw_of` gives the parts.
    """
    head = record.head
    try:
        channels = {
            str(name): _pixels(record, *told) for name, told in dict(head["channels"]).items()
        }
        return Frame(
            str(head["source"]),
            str(head["run"]),
            int(head["number"]),
            channels,
            dict(head["metadata"]),
            None if head["detector_ns"] is None else int(head["detector_ns"]),
            int(head["received_ns"]),
            wire=str(head["wire"]),
        )
    except (KeyError, TypeError, ValueError, IndexError, AttributeError, OverflowError) as error:
        raise WireError("bad_head", f"a record that is no frame: {error!r}"[:200]) from error


def _pixels(record: Record, shape: Sequence[int], dtype: str, encoding: str, piece: int) -> Pixels:
    ny, nx = shape
    if dtype not in DTYPES or piece < 0:
        raise ValueError(f"{dtype!r} in piece {piece}")
    return Pixels((ny, nx), dtype, encoding, record.pieces[piece])


def crcs_of(record: Record) -> dict[str, int]:
    """CRC-32 of each channel's payload, as it was written; WireError if it is no frame."""
    try:
        return {
            str(name): record.crcs[told[3]] for name, told in dict(record.head["channels"]).items()
        }
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise WireError("bad_head", f"a record that is no frame: {error!r}"[:200]) from error


def of_message(message: RunStart | Result | RunStop) -> Entry:
    """A start, result or stop as a record.

    The head says who, and of a result `frames`, `analysis`, `error` and `done_ns`, so that a run's
    state can be known without reading the arrays.
    """
    parts = wire.encode(message)
    head: dict[str, Any] = {
        "kind": _KINDS[type(message)],
        "source": message.source,
        "run": message.run,
        "parts": len(parts),
    }
    if isinstance(message, Result):
        head |= {
            "frames": message.frames,
            "analysis": message.analysis,
            "error": message.error,
            "done_ns": message.done_ns,
        }
        return head, parts
    head |= {"wire": message.wire, "raw": [[1] * len(multi) for multi in message.raw]}
    return head, [*parts, *(part for multi in message.raw for part in multi)]


def message_of(record: Record) -> RunStart | Result | RunStop:
    """The message in a record, its arrays views of what the record lies in; WireError if none."""
    message = wire.decode(_guarded(record, lambda head: record.pieces[: head.get("parts")]))
    if isinstance(message, Frame) or _KINDS[type(message)] != record.kind:
        raise WireError("bad_head", f"a record of kind {record.kind[:40]!r} holds another message")
    return message


def raw_of(record: Record) -> list[list[Buffer]]:
    """The multiparts that a record's message came in, exactly as received; none for files."""

    def parts(head: dict[str, Any]) -> list[list[Buffer]]:
        at = int(head.get("parts", 0))
        multis: list[list[Buffer]] = []
        for counts in head.get("raw", ()):
            multis.append([])
            for count in counts:
                if not 0 < count <= len(record.pieces) - at:
                    raise ValueError(f"a part of {count} pieces")
                multis[-1].append(record.joined(at, count))
                at += count
        return multis

    return _guarded(record, parts)


def note(kind: str, **fields: Any) -> Entry:
    """A record that is only a head, of any kind that is no message."""
    return {"kind": kind, **fields}, []


def _guarded(record: Record, read: Callable[[dict[str, Any]], list[Any]]) -> list[Any]:
    try:
        return read(record.head)
    except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
        raise WireError("bad_head", f"a record without its parts: {error!r}"[:200]) from error


_KINDS: dict[type, str] = {RunStart: "start", Result: "result", RunStop: "stop"}
