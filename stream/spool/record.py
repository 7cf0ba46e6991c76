"""One record of a log: a fixed head, a JSON head, and pieces of memory one after the other.

    magic "BSR1" | u32 length of the JSON | u64 length of the pieces | u32 CRC | 4 zero bytes
    JSON {"kind": ..., ..., "pieces": [[nbytes, CRC], ...]}
    the pieces

All little endian. CRC is CRC-32 as zlib's; the first is over the 16 bytes before it and the JSON,
so that no length is believed before it is checked. A record is valid if every CRC is right.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from isal.isal_zlib import crc32 as crc32  # zlib's own numbers, about ten times as fast

from ..errors import WireError
from ..messages import Buffer
from ..plain import plain

MAGIC = b"BSR1"
FIXED_BYTES = 24

_LENGTHS = struct.Struct("<4sIQ")
_CRC = struct.Struct("<I4x")
_FIXED = struct.Struct("<4sIQI4x")


@dataclass(frozen=True, slots=True, order=True)
class Mark:
    """A place between two records of one log."""

    segment: int
    offset: int


@dataclass(frozen=True, slots=True)
class Place:
    """Where one whole record lies in its log."""

    segment: int
    offset: int
    nbytes: int


class Record:
    """A record that was read: `head` as it was given, `pieces` as views of what it lies in.

    `place` says where it lies; `crcs` are the CRCs of the pieces as they were written.
    """

    __slots__ = ("_body", "crcs", "head", "pieces", "place")

    def __init__(
        self,
        head: dict[str, Any],
        body: memoryview,
        lengths: Sequence[int],
        crcs: list[int],
        place: Place,
    ) -> None:
        self.head = head
        self.place = place
        self.crcs = crcs
        self.pieces: list[memoryview] = []
        self._body = body
        at = 0
        for length in lengths:
            self.pieces.append(body[at : at + length])
            at += length

    @property
    def kind(self) -> str:
        """What it is: frame, start, result, stop, or a note's own word."""
        return str(self.head.get("kind"))

    def joined(self, first: int, count: int) -> memoryview:
        """`count` pieces from the piece `first` on as one view: they lie side by side."""
        begin = sum(piece.nbytes for piece in self.pieces[:first])
        length = sum(piece.nbytes for piece in self.pieces[first : first + count])
        return self._body[begin : begin + length]

    def check(self) -> None:
        """WireError `bad_checksum` if a piece is not what was written."""
        for n, (piece, crc) in enumerate(zip(self.pieces, self.crcs, strict=True)):
            if crc32(piece) != crc:
                where = f"piece {n} of the record at {self.place.offset}"
                raise WireError("bad_checksum", f"{where} in segment {self.place.segment}")


def pack(head: Mapping[str, Any], pieces: Sequence[Buffer]) -> list[Buffer]:
    """Give the buffers to write for a record, the pieces themselves among them, not copied.

    WireError `unstorable` if the head can't be written as JSON (too deep, beyond 64 bits).
    """
    return [seal(head, [(size(piece), crc32(piece)) for piece in pieces]), *pieces]


def size(buffer: Buffer) -> int:
    """Bytes of a buffer."""
    return buffer.nbytes if type(buffer) is memoryview else len(buffer)


def seal(head: Mapping[str, Any], pieces: Sequence[tuple[int, int]], nbytes: int = 0) -> bytes:
    """Give what stands before the pieces, of which length and CRC are told.

    Spaces fill it up to `nbytes` where that is more. WireError as `pack`.
    """
    try:
        text = orjson.dumps(
            {**head, "pieces": pieces}, default=plain, option=orjson.OPT_SERIALIZE_NUMPY
        )
    except (TypeError, RecursionError) as error:
        raise WireError("unstorable", f"{head.get('kind')}: {error}"[:200]) from error
    if nbytes:
        text = text.ljust(nbytes - FIXED_BYTES)
    lengths = _LENGTHS.pack(MAGIC, len(text), sum([length for length, _ in pieces]))
    return lengths + _CRC.pack(crc32(text, crc32(lengths))) + text


def longest_seal(head: Mapping[str, Any], pieces: Sequence[Buffer]) -> int:
    """How long `seal` gets at most, whatever the CRCs are; WireError as `pack`."""
    return len(seal(head, [(size(piece), 0xFFFFFFFF) for piece in pieces]))


def unpack(data: memoryview, segment: int, offset: int) -> Record:
    """Read the record at `offset` of a segment's bytes, its pieces as views, not yet checked.

    WireError if no whole record is there: `truncated` (it would go on behind the end), `bad_magic`,
    `bad_checksum` or `bad_head`. Nothing is allocated by a length that was not checked.
    """
    left = data.nbytes - offset
    if left < FIXED_BYTES:
        raise WireError("truncated", f"{left} bytes: the fixed head alone has {FIXED_BYTES}")
    magic, head_bytes, body_bytes, crc = _FIXED.unpack_from(data, offset)
    if magic != MAGIC:
        raise WireError("bad_magic", f"no record begins at {offset} of segment {segment}")
    nbytes = FIXED_BYTES + head_bytes + body_bytes
    if nbytes > left:
        raise WireError("truncated", f"a record of {nbytes} bytes where {left} are")
    begin = offset + FIXED_BYTES
    text = data[begin : begin + head_bytes]
    if crc32(text, crc32(data[offset : offset + _LENGTHS.size])) != crc:
        raise WireError("bad_checksum", f"the head at {offset} of segment {segment}")
    head, lengths, crcs = _head(text, body_bytes)
    body = data[begin + head_bytes : offset + nbytes]
    return Record(head, body, lengths, crcs, Place(segment, offset, nbytes))


def _head(text: memoryview, body_bytes: int) -> tuple[dict[str, Any], list[int], list[int]]:
    """The head with its right CRC: ours, or made by somebody who knows the format."""
    try:
        head = orjson.loads(text)
        listed = head.pop("pieces")
        lengths = [nbytes for nbytes, _ in listed]
        crcs = [crc for _, crc in listed]
        fits = sum(lengths) == body_bytes and min(lengths, default=0) >= 0
        known = set(map(type, lengths)) | set(map(type, crcs)) <= {int}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise WireError("bad_head", f"{error!r}"[:200]) from error
    if not (fits and known):
        raise WireError("bad_head", f"the pieces are not the {body_bytes} bytes of the record")
    return head, lengths, crcs
