"""Mutants: good conversations, spoilt; each is made of (wire, seed, number) and nothing else.

`mutant("dectris", seed=1, number=77)` is the same bytes on every machine, whatever came before it:
a case that fails is named by these three.
"""

from __future__ import annotations

import hashlib
import json
import random
import struct
from collections.abc import Callable, Sequence
from functools import cache, lru_cache
from typing import Any

import cbor2

from ..stream import hostile as corpus
from . import spools
from .octets import noise, spoil_bytes, spoil_payload
from .seeds import PIXELS_HEAD, conversations
from .trees import as_cbor, as_json, nasty, spoil, thaw

Multipart = list[bytes]
_END = 0xFFFFFFFF
"""In place of a part's length: the multipart is at its end."""


def mutant(wire: str, seed: int, number: int) -> list[Multipart]:
    """Give one spoilt conversation of a wire: multiparts, one after the other."""
    rng = random.Random(f"{seed}/{wire}/{number}")  # noqa: S311  reproducible, not secret
    if wire == "spool":
        return [[spools.mutant(rng)]]
    talk = [list(parts) for parts in rng.choice(conversations(wire))]
    if rng.random() < 0.03:
        return [_stranger(rng)]
    at = rng.randrange(len(talk))
    first = max(0, at - 1) if rng.random() < 0.3 else at  # some messages need the one before
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        talk[at] = _spoilt(wire, talk[at], rng)
    talk = talk[first : at + 1]
    if rng.random() < 0.05:
        talk = rng.choice((talk + talk, talk[::-1], [*talk, []], [_stranger(rng), *talk]))
    return talk


def join(talk: Sequence[Sequence[bytes]]) -> bytes:
    """Lay a conversation flat, as fuzzers want it: lengths (u32 little endian) and parts."""
    flat = bytearray()
    for n, parts in enumerate(talk):
        flat += struct.pack("<I", _END) if n else b""
        for part in parts:
            flat += struct.pack("<I", len(part)) + part
    return bytes(flat)


def split(data: bytes) -> list[Multipart]:
    """The opposite of `join`; any bytes are a conversation, lengths too long end with the data."""
    talk: list[Multipart] = [[]]
    at = 0
    while at + 4 <= len(data):
        (length,) = struct.unpack_from("<I", data, at)
        at += 4
        if length == _END:
            talk.append([])
            continue
        talk[-1].append(data[at : at + length])
        at += length
    return talk


def spoil_file(good: bytes, seed: int, suffix: str, number: int) -> bytes:
    """Give the bytes of a spoilt file, from the bytes of a good one."""
    rng = random.Random(f"{seed}/{suffix}/{number}")  # noqa: S311
    spoilt = good
    for _ in range(rng.choice((1, 1, 2, 4))):
        spoilt = spoil_bytes(spoilt, rng)
    return spoilt


def _stranger(rng: random.Random) -> Multipart:
    """Of no wire at all, or of the corpus, perhaps with a little more damage."""
    kind = rng.randrange(4)
    if kind == 0:
        return [noise(rng) for _ in range(rng.choice((1, 1, 2, 5, 70)))]
    if kind == 1:
        return [as_json(nasty(rng))] * rng.choice((1, 2, 4))
    parts = list(rng.choice(_corpus()))
    if kind == 3 and parts:
        at = rng.randrange(len(parts))
        parts[at] = spoil_bytes(parts[at], rng)
    return parts


@cache
def _corpus() -> list[list[bytes]]:
    # without the megabytes: they cost more time than they find
    return [parts for parts in corpus.corpus().values() if sum(map(len, parts)) < 200_000]


def _spoilt(wire: str, parts: Multipart, rng: random.Random) -> Multipart:
    if wire == "pixels":
        return _spoilt_pixels(parts, rng)
    kind = rng.random()
    if kind < 0.15 or not parts:
        return _shuffled(parts, rng)
    at = rng.randrange(len(parts))
    if kind < 0.25:
        return [*parts[:at], spoil_bytes(parts[at], rng), *parts[at + 1 :]]
    written = _understood(parts[at], rng)
    if written is not None:
        return [*parts[:at], written, *parts[at + 1 :]]
    changed = [*parts[:at], spoil_payload(parts[at], rng), *parts[at + 1 :]]
    return _fitting(changed, at) if wire == "dectris" and rng.random() < 0.8 else changed


def _understood(part: bytes, rng: random.Random) -> bytes | None:
    """A JSON object or a CBOR map with some fields changed; None for what is neither."""
    tree, write = _tree(part)
    if write is None:
        return None
    try:
        return write(spoil(thaw(tree), rng, rng.choice((1, 1, 1, 2, 4))))
    except (RecursionError, ValueError, OverflowError, cbor2.CBORError):
        return None  # spoilt beyond what can be written in this way


@lru_cache(maxsize=256)
def _tree(part: bytes) -> tuple[Any, Callable[[Any], bytes] | None]:
    if part[:1] == b"{":
        try:
            return json.loads(part), as_json
        except (ValueError, RecursionError):
            return None, None
    # CBOR: a map, or tag 55799 before it
    if part[:1] and (part[0] >> 5 == 5 or part[:3] == b"\xd9\xd9\xf7"):
        try:
            return thaw(cbor2.loads(part)), as_cbor
        except (cbor2.CBORError, ValueError, RecursionError):
            return None, None
    return None, None


def _fitting(parts: Multipart, at: int) -> Multipart:
    """Make the JSON around a V1 blob say its new size and MD5, so that the blob itself is seen."""
    fitted = list(parts)
    for before, key, value in (
        (at - 1, "size", len(parts[at])),
        (at - 2, "hash", hashlib.md5(parts[at], usedforsecurity=False).hexdigest()),
    ):
        if before < 0 or parts[before][:1] != b"{":
            continue
        try:
            said = json.loads(parts[before])
            if isinstance(said, dict) and key in said:
                fitted[before] = as_json({**said, key: value})
        except (ValueError, RecursionError):
            continue
    return fitted


def _shuffled(parts: Multipart, rng: random.Random) -> Multipart:
    """Parts dropped, doubled, swapped, put in."""
    changed = list(parts)
    at, to = rng.randrange(len(parts) + 1), rng.randrange(len(parts) + 1)
    kind = rng.randrange(8)
    if kind == 0:
        del changed[at : at + 1]
    elif kind == 1:
        changed[at:at] = changed[to : to + 1]
    elif kind == 2:
        changed[at:at] = [noise(rng)] * rng.choice((1, 1, 3, 70))
    elif kind == 3 and at < len(parts) and to < len(parts):
        changed[at], changed[to] = changed[to], changed[at]
    elif kind == 4:
        changed = changed[:at]
    elif kind == 5:
        changed = changed[at:]
    elif kind == 6:
        changed[at : at + 1] = [b""]
    else:
        changed = changed[::-1] if rng.random() < 0.5 else changed + changed
    return changed


def _spoilt_pixels(parts: Multipart, rng: random.Random) -> Multipart:
    part = parts[0] if parts else b""
    if len(part) < PIXELS_HEAD.size or rng.random() < 0.1:
        return [spoil_bytes(part, rng)]
    ny, nx, dtype, encoding = PIXELS_HEAD.unpack_from(part)
    payload = part[PIXELS_HEAD.size :]
    if rng.random() < 0.25:
        ny, nx = rng.choice(
            ((nx, ny), (ny + 1, nx), (ny, nx - 1), (1, ny * nx), (ny, 0), (2**16, 9))
        )
        dtype = rng.choice((dtype, rng.randrange(12)))
        encoding = rng.choice((encoding, rng.randrange(5)))
    else:
        payload = spoil_payload(payload, rng)
    return [PIXELS_HEAD.pack(ny % 2**32, nx % 2**32, dtype, encoding) + payload]
