"""Single fields and arrays of a message on our own bus, read with suspicion."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from .decompress import MAX_SIDE
from .dectris_fields import MAX_NUMBER
from .errors import WireError
from .messages import DTYPES, Buffer
from .quote import short

ARRAY_KINDS = "biufS"
MAX_BYTES = 1 << 32
"""Of one array."""
MAX_TEXT_BYTES = 64 << 20
"""Of an array of text: numpy pads every word to the longest, which a stranger could choose."""
MAX_CHANNELS = 64
MAX_NAME = 1024
"""Characters; a recording's run is named after its file."""
_DTYPE = re.compile(r"[<>|]?(?:b1|[iu][1248]|f[248]|S[1-9][0-9]{0,4})")


def whole(value: object, limit: int = MAX_NUMBER) -> int:
    """Give a whole number 0..limit; WireError if it is none."""
    if type(value) is not int or not 0 <= value <= limit:
        raise WireError("bad_shape", f"{short(value)} is not a whole number 0..{limit}")
    return value


def shape_or_none(value: Any) -> tuple[int, int] | None:
    """Give the (ny, nx) of an image, or None if it is null; WireError if it is no size."""
    if value is None:
        return None
    ny, nx = (whole(n, MAX_SIDE) for n in value)
    return ny, nx


def dtype_or_none(value: object) -> str | None:
    """Give the type of pixels, or None if it is null; WireError unless it is one of DTYPES."""
    if value is not None and value not in DTYPES:
        raise WireError("bad_dtype", f"{short(value)}: allowed are {', '.join(DTYPES)}")
    return None if value is None else str(value)


def ns(value: object) -> int:
    """Give a time in ns; WireError if it is none."""
    if type(value) is not int or not 0 <= value < 1 << 63:
        raise WireError("bad_head", f"{short(value)} is no time in ns")
    return value


def ns_or_none(value: object) -> int | None:
    """Give a time in ns, or None if it is null."""
    return None if value is None else ns(value)


def seconds(value: object) -> float:
    """Give a duration in s; WireError if it is none."""
    if type(value) not in (int, float):
        raise WireError("bad_head", f"{short(value)} is no duration")
    return float(value)  # type: ignore[arg-type]


def name(value: object) -> str:
    """Give a name; WireError if it is none, or as long as a book."""
    if not isinstance(value, str) or len(value) > MAX_NAME:
        raise WireError("bad_head", f"{short(value)} is no name of at most {MAX_NAME} characters")
    return value


def channel_names(value: object) -> tuple[str, ...]:
    """Give the names in a list, or of a map, of channels; WireError if there are none, or many."""
    if not isinstance(value, list | dict) or not 1 <= len(value) <= MAX_CHANNELS:
        raise WireError("bad_head", f"channels {short(value)}: 1 to {MAX_CHANNELS} are expected")
    return tuple(name(item) for item in value)


def mapping(value: object) -> dict[str, Any]:
    """Give a map; WireError if it is none."""
    if not isinstance(value, dict):
        raise WireError("bad_head", f"an object is expected, not {short(value)}")
    return value


# arrays


def pack_array(array: np.ndarray[Any, Any], buffers: list[Buffer]) -> dict[str, Any]:
    """Append an array to `buffers` and say what it is; WireError if its type does not travel."""
    array = np.asarray(array)
    if array.dtype.kind in "OU":
        return {"strings": [str(item) for item in array.ravel()], "shape": list(array.shape)}
    if array.dtype.kind not in ARRAY_KINDS:
        raise WireError("bad_dtype", f"arrays of {array.dtype} don't travel")
    flat = np.ascontiguousarray(array).reshape(-1).astype(array.dtype.newbyteorder("<"), copy=False)
    buffers.append(flat.view(np.uint8).data if flat.size else b"")
    return {"dtype": flat.dtype.str, "shape": list(array.shape), "part": len(buffers) - 1}


def unpack_array(head: Mapping[str, Any], buffers: Sequence[Buffer]) -> np.ndarray[Any, Any]:
    """Give the array that `head` speaks of, a view of its buffer; WireError if it does not fit."""
    shape = tuple(whole(n) for n in head["shape"])
    if "strings" in head:
        return _unpack_words(head["strings"]).reshape(shape)
    if not isinstance(head["dtype"], str) or not _DTYPE.fullmatch(head["dtype"]):
        raise WireError("bad_dtype", f"arrays of {short(head['dtype'])} don't travel")
    dtype = np.dtype(head["dtype"])
    size = math.prod(shape) * dtype.itemsize
    data = memoryview(buffers[whole(head["part"])])
    if size != data.nbytes or size > MAX_BYTES:
        raise WireError("bad_size", f"{shape} of {dtype} is {size} bytes, got {data.nbytes}")
    return np.frombuffer(data, dtype).reshape(shape)


def _unpack_words(words: Any) -> np.ndarray[Any, Any]:
    if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
        raise WireError("bad_head", "an array of text is a list of words")
    if 4 * len(words) * max(map(len, words), default=0) > MAX_TEXT_BYTES:
        raise WireError("too_large", f"{len(words)} words are above {MAX_TEXT_BYTES} bytes")
    return np.array(words, dtype=np.str_)
