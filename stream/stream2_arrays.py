"""Arrays in CBOR: RFC 8746 (tags 40, 1040, 64 to 87) around DECTRIS's compression (tag 56500)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import cbor2
import numpy as np

from . import decompress
from .errors import WireError
from .messages import Pixels
from .quote import short

MAX_NAME = 256
"""Characters in the name of a channel."""

ROW_MAJOR, COLUMN_MAJOR, COMPRESSED = 40, 1040, 56500

TYPED = {
    **{64: "|u1", 68: "|u1", 69: "<u2", 70: "<u4", 71: "<u8", 85: "<f4", 86: "<f8"},
    **{72: "|i1", 77: "<i2", 78: "<i4", 79: "<i8"},
    **{65: ">u2", 66: ">u4", 67: ">u8", 81: ">f4", 82: ">f8"},
    **{73: ">i2", 74: ">i4", 75: ">i8"},
}
"""RFC 8746, table 1, without half and quadruple floats, which DTYPES has not."""

ALGORITHMS = {"bslz4": "bslz4", "lz4": "lz4-hdf5"}
"""By DECTRIS's name and by ours."""


@dataclass(frozen=True, slots=True)
class _Typed:
    """A typed array: bytes and what they are."""

    dtype: str
    encoding: str
    data: bytes


def image(item: Any, max_bytes: int) -> Pixels:
    """The pixels of a two-dimensional array, checked; WireError if they can't be had.

    Column-major and big-endian ones are written over in our order; compressed they are refused.
    """
    if not isinstance(item, cbor2.CBORTag) or item.tag not in (ROW_MAJOR, COLUMN_MAJOR):
        raise WireError("bad_shape", f"{_kind(item)}: an array (tag 40 or 1040) is expected")
    shape, content = _pair(item.value)
    if not isinstance(shape, list | tuple) or len(shape) != 2:
        raise WireError("bad_shape", f"dimensions {short(shape)}: [ny, nx] is expected")
    typed = _typed(content)
    little = typed.dtype.replace(">", "<")
    pixels = Pixels((shape[0], shape[1]), little, typed.encoding, typed.data)
    if item.tag == ROW_MAJOR and typed.dtype == little:
        return decompress.check(pixels, max_bytes)
    if typed.encoding != "raw":
        raise WireError("unsupported_encoding", "compressed column-major or big-endian pixels")
    return _ours(decompress.check(pixels, max_bytes), typed.dtype, item.tag == COLUMN_MAJOR)


def table(item: Any, max_bytes: int) -> np.ndarray:
    """The array in `item`, decoded: two-dimensional as `image`, or a bare typed array."""
    if isinstance(item, cbor2.CBORTag) and item.tag in (ROW_MAJOR, COLUMN_MAJOR):
        return decompress.decode(image(item, max_bytes), checked=True)
    typed = _typed(item)
    if typed.encoding != "raw":
        raise WireError("unsupported_encoding", "a compressed array without dimensions")
    dtype = np.dtype(typed.dtype)
    if len(typed.data) % dtype.itemsize:
        raise WireError("bad_size", f"{len(typed.data)} bytes of {dtype}")
    return np.frombuffer(typed.data, dtype)


def tagged(pixels: Pixels) -> cbor2.CBORTag:
    """The opposite of `image`, row-major."""
    content: Any = bytes(pixels.data)
    if pixels.encoding != "raw":
        names = {ours: wire for wire, ours in ALGORITHMS.items()}
        itemsize = int(pixels.dtype[2]) if pixels.encoding == "bslz4" else 0
        content = cbor2.CBORTag(COMPRESSED, [names[pixels.encoding], itemsize, content])
    tags = {dtype: tag for tag, dtype in reversed(TYPED.items())}
    return cbor2.CBORTag(
        ROW_MAJOR, [list(pixels.shape), cbor2.CBORTag(tags[pixels.dtype], content)]
    )


def channels(said: Any, limit: int = 64) -> Mapping[str, Any]:
    """A map from channel names to arrays; WireError if it is none."""
    if not isinstance(said, Mapping) or not 1 <= len(said) <= limit:
        found = f"{len(said)} channels" if isinstance(said, Mapping) else short(said)
        raise WireError("bad_header", f"{found}: a map of 1 to {limit} channels is expected")
    if not all(isinstance(name, str) and 0 < len(name) <= MAX_NAME for name in said):
        raise WireError("bad_header", "the name of a channel is no text, or too long")
    return said


def _pair(value: Any) -> tuple[Any, Any]:
    if not isinstance(value, list | tuple) or len(value) != 2:
        raise WireError("bad_shape", "an array tag holds [dimensions, typed array]")
    return value[0], value[1]


def _typed(item: Any) -> _Typed:
    if not isinstance(item, cbor2.CBORTag) or item.tag not in TYPED:
        raise WireError("bad_dtype", f"{_kind(item)}: a typed array (tags 64 to 86) is expected")
    dtype, content = TYPED[item.tag], item.value
    if isinstance(content, bytes):
        return _Typed(dtype, "raw", content)
    if not isinstance(content, cbor2.CBORTag) or content.tag != COMPRESSED:
        raise WireError("bad_encoding", f"{_kind(content)}: bytes or tag {COMPRESSED} are expected")
    packed = content.value
    if not isinstance(packed, list | tuple) or len(packed) != 3 or type(packed[2]) is not bytes:
        raise WireError("bad_encoding", f"tag {COMPRESSED} holds [algorithm, element size, bytes]")
    algorithm, size, data = packed
    if not isinstance(algorithm, str) or algorithm not in ALGORITHMS:
        known = ", ".join(ALGORITHMS)
        raise WireError("unsupported_encoding", f"{short(algorithm)}: known are {known}")
    if algorithm == "bslz4" and (type(size) is not int or size != int(dtype[2])):
        raise WireError("bad_dtype", f"elements of {short(size)} bytes in an array of {dtype}")
    return _Typed(dtype, ALGORITHMS[algorithm], data)


def _ours(pixels: Pixels, dtype: str, column_major: bool) -> Pixels:
    values = np.frombuffer(pixels.data, dtype)
    ny, nx = pixels.shape
    values = values.reshape(nx, ny).T if column_major else values.reshape(ny, nx)
    return decompress.encode(values, "raw")


def _kind(item: Any) -> str:
    return f"tag {short(item.tag)}" if isinstance(item, cbor2.CBORTag) else short(item)
