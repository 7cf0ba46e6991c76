"""What strangers, and broken cables, do to bytes: payloads, parts, whole files."""

from __future__ import annotations

import random
import struct
from collections.abc import Callable

_U32 = (0, 1, 7, 8, 0x7F, 0xFF, 0x2000, 0xFFFF, 0x10000, 2**31 - 1, 2**31, 2**32 - 16, 2**32 - 1)
_U64 = (*_U32, 2**32, 2**40, 2**62, 2**63 - 1, 2**63, 2**64 - 1)

Spoil = Callable[[bytes, random.Random], bytes]


def spoil_payload(data: bytes, rng: random.Random) -> bytes:
    """Change a packed image: often its 12-byte head or the length of a block, else anything."""
    return rng.choice((_head, _head, _block, _block, _block, *_ANY))(data, rng)


def spoil_bytes(data: bytes, rng: random.Random) -> bytes:
    """Change any bytes anyhow."""
    return rng.choice(_ANY)(data, rng)


def noise(rng: random.Random) -> bytes:
    """Bytes that mean nothing; sometimes they begin like something."""
    length = rng.choice((0, 1, 2, 12, 16, 100, 1000, 5000))
    start = rng.choice((b"", b"", b"{", b"[", b'{"htype":"', b"\xa1", b"\xd9\xd9\xf7", b"BSR1"))
    return start + rng.randbytes(length)


def _head(data: bytes, rng: random.Random) -> bytes:
    """The head of HDF5's filters: u64 bytes in all, u32 bytes a block, big endian."""
    if len(data) < 12:
        return data + rng.randbytes(12)
    total, block = struct.unpack_from(">QI", data)
    if rng.random() < 0.5:
        total = rng.choice((total + 1, total - 1, total * 2, total // 2, *_U64)) % 2**64
    else:
        block = rng.choice((block + 8, block - 8, block * 2, block // 2, 16, 64, *_U32)) % 2**32
    return struct.pack(">QI", total, block) + data[12:]


def _block(data: bytes, rng: random.Random) -> bytes:
    """The length in front of one of the blocks, which need not fit the rest any more."""
    places = [position for position, _ in _blocks(data)]
    if not places:
        return _number(data, rng)
    at = rng.choice(places)
    (length,) = struct.unpack_from(">I", data, at)
    wrong = rng.choice((length + 1, length - 1, length * 2, length // 2, 0, 1, *_U32)) % 2**32
    changed = data[:at] + struct.pack(">I", wrong) + data[at + 4 :]
    if rng.random() < 0.5 and wrong < 100_000:  # the walk passes: only the content is wrong
        body = changed[at + 4 + length :]
        kept = changed[at + 4 : at + 4 + wrong].ljust(wrong, b"\xff")
        changed = changed[: at + 4] + kept + body
    return changed


def _blocks(data: bytes) -> list[tuple[int, int]]:
    found: list[tuple[int, int]] = []
    at = 12
    while at + 4 <= len(data) and len(found) < 64:
        (length,) = struct.unpack_from(">I", data, at)
        if at + 4 + length > len(data):
            break
        found.append((at, length))
        at += 4 + length
    return found


def _flip(data: bytes, rng: random.Random) -> bytes:
    changed = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 8))):
        if changed:
            changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
    return bytes(changed)


def _number(data: bytes, rng: random.Random) -> bytes:
    form = rng.choice(("<I", ">I", "<Q", ">Q", "<H"))
    size = struct.calcsize(form)
    if len(data) < size:
        return rng.randbytes(size)
    # most of what matters stands in front
    at = rng.randrange(min(len(data), rng.choice((64, 512, len(data))))) // 2 * 2
    at = min(at, len(data) - size)
    return data[:at] + struct.pack(form, rng.choice(_U64) % 256**size) + data[at + size :]


def _cut(data: bytes, rng: random.Random) -> bytes:
    return data[: rng.randrange(len(data) + 1)]


def _behead(data: bytes, rng: random.Random) -> bytes:
    return data[rng.randrange(len(data) + 1) :]


def _longer(data: bytes, rng: random.Random) -> bytes:
    return data + rng.choice((b"\0", b"\0" * 100, data, rng.randbytes(20)))


def _hole(data: bytes, rng: random.Random) -> bytes:
    at, length = rng.randrange(len(data) + 1), rng.choice((1, 8, 100, 1000))
    filling = rng.choice((b"\0", b"\xff", rng.randbytes(1)))
    return data[:at] + filling * len(data[at : at + length]) + data[at + length :]


def _move(data: bytes, rng: random.Random) -> bytes:
    """A piece taken out, doubled, or put elsewhere."""
    at, to = rng.randrange(len(data) + 1), rng.randrange(len(data) + 1)
    length = rng.choice((1, 4, 16, 200))
    piece = data[at : at + length]
    left = data[:at] + data[at + length :] if rng.random() < 0.7 else data
    return left[:to] + piece * rng.choice((0, 1, 1, 2)) + left[to:]


def _numbers(data: bytes, rng: random.Random) -> bytes:
    return _number(_number(data, rng), rng)


_ANY: tuple[Spoil, ...] = (
    *(_flip, _flip, _number, _number, _numbers, _cut, _behead, _longer, _hole, _move),
)
