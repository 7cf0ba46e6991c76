"""What is stored of a frame's pixels: the chunk of each channel, and its CRC."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from isal.isal_zlib import crc32

from .. import decompress
from ..errors import WireError
from ..messages import Buffer, Pixels


class Chunk(NamedTuple):
    """The bytes of one image as they go into the file."""

    data: Buffer
    mask: int
    """HDF5's filter mask: 0 = bitshuffle-LZ4, 1 = raw."""
    crc: int
    """CRC-32 of `data`."""
    shape: tuple[int, int]
    dtype: str


def chunk(name: str, pixels: Pixels, crcs: Mapping[str, int] | None, checked: bool) -> Chunk:
    """Make the chunk of channel `name`; WireError if it could not be read back.

    bitshuffle-LZ4 and raw pixels stay untouched; other packings are made bitshuffle-LZ4. `crcs`
    are those of the payloads as they came: another one is a WireError `bad_checksum`. `checked`
    says that `decompress.check` has seen these very pixels.
    """
    came = crcs.get(name) if crcs is not None else None
    crc = crc32(pixels.data)
    if came is not None and crc != came:
        raise WireError("bad_checksum", f"{name[:63]}: CRC-32 {crc:08x}, it came as {came:08x}")
    safe = pixels if checked else decompress.check(pixels)
    data, mask = safe.data, int(safe.encoding == "raw")
    if safe.encoding not in ("raw", "bslz4"):
        data = decompress.encode(decompress.decode(safe, checked=True)).data
    if data is not pixels.data:
        crc = crc32(data)
    return Chunk(data, mask, crc, safe.shape, safe.dtype)
