"""Guarded unpacking: every length is walked before C code sees a byte.

A truncated bitshuffle-LZ4 payload crashes the process that decodes it, and is unreadable in an
archive. `check` refuses it; what `check` let pass is safe to decode and to store. LZ4 has no
checksum: a flipped bit within a block can still give wrong pixels without an error.

Reasons of the `WireError`s: bad_shape, bad_dtype, bad_encoding, too_large, truncated, bad_size,
bad_blocks (from `check`); bad_blob (from `decode`, the content is corrupt).
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import replace

import lz4.block
import numpy as np

from . import bshuf
from .errors import WireError
from .messages import DTYPES, ENCODINGS, Buffer, Pixels
from .quote import short

GIB = 1 << 30
MAX_SIDE = 65536
MAX_PACKED = (1 << 31) - 1
"""LZ4 counts in C ints."""
MAX_BLOCKS = 1 << 20
"""8 GiB in blocks of 8 KiB; keeps the walk of a hostile payload short."""
BLOCK_BYTES = 8192
"""What DECTRIS detectors and bitshuffle itself choose."""
COPY_LIMIT = 4 << 20
"""Up to here dectris-compression and a copy are faster than bitshuffle into place (measured)."""

_HEAD = struct.Struct(">QI")
_LENGTH = struct.Struct(">I").unpack_from


def check(pixels: Pixels, max_bytes: int = GIB) -> Pixels:
    """Give `pixels` back if they can be decoded safely, a zeroed bslz4 head repaired.

    `max_bytes` limits the decoded size. WireError if anything does not fit; nothing is allocated
    before that is known.
    """
    nbytes = _decoded_bytes(pixels, max_bytes)
    if pixels.encoding == "bslz4":
        return _check_bslz4(pixels, nbytes)
    if pixels.encoding == "raw":
        _check_raw(pixels, nbytes)
    elif pixels.encoding == "lz4":
        _check_packed(len(pixels.data), nbytes, 1)
    else:
        _check_lz4_hdf5(pixels, nbytes)
    return pixels


def decode(
    pixels: Pixels, out: np.ndarray | None = None, *, checked: bool = False, max_bytes: int = GIB
) -> np.ndarray:
    """Unpack to `image[ny, nx]`, into `out` if given (its shape and dtype, C-contiguous).

    `checked=True` says that `check` has seen these very pixels, and saves its walk. Without `out`
    the image may be read-only (raw pixels are a view of the payload). WireError as `check`, or
    `bad_blob` if the content is corrupt: `out` is then undefined.
    """
    if not checked:
        pixels = check(pixels, max_bytes)
    if out is not None:
        _must_fit(out, pixels)
    return _DECODERS[pixels.encoding](pixels, out)


def encode(array: np.ndarray, encoding: str = "bslz4") -> Pixels:
    """Pack `array[ny, nx]`; ValueError if its dtype or the encoding may not travel."""
    dtype = array.dtype.newbyteorder("<")
    if array.ndim != 2 or dtype.str not in DTYPES:
        raise ValueError(
            f"can't pack {array.dtype} {array.shape}: allowed are 2 dimensions of "
            f"{', '.join(DTYPES)}"
        )
    if encoding not in ENCODINGS:
        raise ValueError(f"unknown encoding {encoding!r}: allowed are {', '.join(ENCODINGS)}")
    array = np.ascontiguousarray(array, dtype)
    shape = (int(array.shape[0]), int(array.shape[1]))
    return Pixels(shape, dtype.str, encoding, _ENCODERS[encoding](array))


def decoder_name() -> str:
    """What unpacks bitshuffle-LZ4 in this process, for logs and benches."""
    name = bshuf.library().name
    return f"dectris-compression, {name}" if _dectris else name


def _decoded_bytes(pixels: Pixels, max_bytes: int) -> int:
    shape = pixels.shape
    ny, nx = shape if type(shape) is tuple and len(shape) == 2 else (0, 0)
    # bool is an int, and what comes from strangers is not always a number
    if not (type(ny) is int and type(nx) is int and 1 <= ny <= MAX_SIDE and 1 <= nx <= MAX_SIDE):
        raise WireError("bad_shape", f"(ny, nx) {short(shape)}: allowed is 1 to {MAX_SIDE}")
    if pixels.dtype not in DTYPES:
        raise WireError("bad_dtype", f"{short(pixels.dtype)}: allowed are {', '.join(DTYPES)}")
    if pixels.encoding not in ENCODINGS:
        raise WireError(
            "bad_encoding", f"{short(pixels.encoding)}: allowed are {', '.join(ENCODINGS)}"
        )
    nbytes = ny * nx * int(pixels.dtype[2])
    if nbytes > max_bytes:
        raise WireError("too_large", f"{shape} {pixels.dtype} is above {max_bytes} bytes")
    return nbytes


def _check_raw(pixels: Pixels, nbytes: int) -> None:
    length = pixels.nbytes
    if length != nbytes:
        reason = "truncated" if length < nbytes else "bad_size"
        raise WireError(reason, f"{length} bytes, the shape says {nbytes}")


def _check_packed(length: int, nbytes: int, blocks: int) -> None:
    if length == 0:
        raise WireError("truncated", "no bytes")
    if blocks > MAX_BLOCKS:
        raise WireError("bad_blocks", f"{blocks} blocks: at most {MAX_BLOCKS} are walked")
    if length > MAX_PACKED or nbytes > MAX_PACKED:
        raise WireError("too_large", f"{max(length, nbytes)} bytes are more than LZ4 can count")
    # LZ4's own bound on incompressible content, and the length in front of each block
    if length > _HEAD.size + nbytes + nbytes // 255 + 20 * (blocks + 1):
        raise WireError("bad_size", f"{length} packed bytes for {nbytes} bytes of pixels")


def _check_bslz4(pixels: Pixels, nbytes: int) -> Pixels:
    data, itemsize = pixels.data, int(pixels.dtype[2])
    total, block = _head(data)
    if total == 0 and block == 0:
        # A stream of some detectors leaves the head empty; HDF5 readers need it.
        data, block = _HEAD.pack(nbytes, BLOCK_BYTES) + bytes(data[_HEAD.size :]), BLOCK_BYTES
        pixels = replace(pixels, data=data)
    elif total != nbytes:
        raise WireError("bad_size", f"the head says {total} bytes, the shape {nbytes}")
    if block == 0 or block % (8 * itemsize) or block > MAX_PACKED:
        raise WireError("bad_blocks", f"blocks of {block} bytes: a multiple of {8 * itemsize}")
    elements = nbytes // itemsize
    full, rest = divmod(elements, block // itemsize)
    blocks = full + (rest >= 8)
    _check_packed(len(data), nbytes, blocks)
    _walk(data, blocks, len(data) - elements % 8 * itemsize)
    return pixels


def _check_lz4_hdf5(pixels: Pixels, nbytes: int) -> None:
    total, block = _head(pixels.data)
    if total != nbytes:
        raise WireError("bad_size", f"the head says {total} bytes, the shape {nbytes}")
    if block == 0:
        raise WireError("bad_blocks", "blocks of 0 bytes")
    blocks = -(-nbytes // block)
    _check_packed(len(pixels.data), nbytes, blocks)
    _walk(pixels.data, blocks, len(pixels.data))


def _head(data: Buffer) -> tuple[int, int]:
    if len(data) < _HEAD.size:
        raise WireError("truncated", f"{len(data)} bytes, the head alone has {_HEAD.size}")
    total, block = _HEAD.unpack_from(data)
    return total, block


def _walk(data: Buffer, blocks: int, end: int) -> None:
    position, length = _HEAD.size, _LENGTH
    try:
        for _ in range(blocks):
            position += 4 + length(data, position)[0]
    except struct.error:
        position = len(data) + 1
    if position > end:
        raise WireError("truncated", f"the {blocks} blocks do not fit in {len(data)} bytes")
    if position < end:
        raise WireError("bad_blocks", f"{end - position} bytes are left over after the blocks")


def _must_fit(out: np.ndarray, pixels: Pixels) -> None:
    if out.shape != pixels.shape or out.dtype.str != pixels.dtype:
        raise ValueError(
            f"out is {out.shape} {out.dtype.str}, the image {pixels.shape} {pixels.dtype}"
        )
    if not (out.flags.c_contiguous and out.flags.writeable):
        raise ValueError("out must be C-contiguous and writeable")


def _decode_raw(pixels: Pixels, out: np.ndarray | None) -> np.ndarray:
    image = np.frombuffer(pixels.data, pixels.dtype).reshape(pixels.shape)
    if out is None:
        return image
    out[...] = image
    return out


def _decode_bslz4(pixels: Pixels, out: np.ndarray | None) -> np.ndarray:
    total, block = _HEAD.unpack_from(pixels.data)
    if _dectris is not None and (out is None or total <= COPY_LIMIT):
        image = _by_dectris(_dectris, pixels)
        if out is None:
            return image
        out[...] = image
        return out
    if out is None:
        out = np.empty(pixels.shape, pixels.dtype)
    read = bshuf.unpack(pixels.data, _HEAD.size, out, block // out.itemsize)
    if read != len(pixels.data) - _HEAD.size:
        raise _corrupt(pixels)
    return out


def _by_dectris(unpack: Callable[..., bytes], pixels: Pixels) -> np.ndarray:
    try:
        image = unpack(pixels.data, "bslz4", elem_size=int(pixels.dtype[2]))
        return np.frombuffer(image, pixels.dtype).reshape(pixels.shape)
    except (RuntimeError, ValueError) as error:
        raise _corrupt(pixels) from error


def _decode_lz4(pixels: Pixels, out: np.ndarray | None) -> np.ndarray:
    if out is None:
        out = np.empty(pixels.shape, pixels.dtype)
    if bshuf.unpack_lz4(pixels.data, 0, len(pixels.data), out) != out.nbytes:
        raise _corrupt(pixels)
    return out


def _decode_lz4_hdf5(pixels: Pixels, out: np.ndarray | None) -> np.ndarray:
    if out is None:
        out = np.empty(pixels.shape, pixels.dtype)
    flat = out.reshape(-1).view(np.uint8)
    total, block = _HEAD.unpack_from(pixels.data)
    position = _HEAD.size
    for start in range(0, total, block):
        piece = flat[start : start + block]
        length = _LENGTH(pixels.data, position)[0]
        position += 4
        if length == piece.size:  # as long as what it holds: stored as it is
            piece[:] = np.frombuffer(pixels.data, np.uint8, length, position)
        elif bshuf.unpack_lz4(pixels.data, position, length, piece) != piece.size:
            raise _corrupt(pixels)
        position += length
    return out


def _corrupt(pixels: Pixels) -> WireError:
    return WireError("bad_blob", f"corrupt {pixels.encoding} content of {pixels.shape} pixels")


def _find_dectris() -> Callable[..., bytes] | None:
    try:
        from dectris.compression import decompress
    except ModuleNotFoundError:  # the extra `fast` is not installed; a broken one does raise
        return None
    found: Callable[..., bytes] = decompress
    return found


def _pack_bslz4(array: np.ndarray) -> bytes:
    return _HEAD.pack(array.nbytes, BLOCK_BYTES) + bshuf.pack(array, BLOCK_BYTES // array.itemsize)


def _pack_lz4(array: np.ndarray) -> bytes:
    packed: bytes = lz4.block.compress(array.data.cast("B"), store_size=False)
    return packed


def _pack_lz4_hdf5(array: np.ndarray) -> bytes:
    packed = _pack_lz4(array)
    if len(packed) >= array.nbytes:
        packed = array.tobytes()
    head = _HEAD.pack(array.nbytes, array.nbytes)
    return head + len(packed).to_bytes(4, "big") + packed


_dectris = _find_dectris()
_DECODERS: dict[str, Callable[[Pixels, np.ndarray | None], np.ndarray]] = {
    "raw": _decode_raw,
    "lz4": _decode_lz4,
    "lz4-hdf5": _decode_lz4_hdf5,
    "bslz4": _decode_bslz4,
}
_ENCODERS: dict[str, Callable[[np.ndarray], bytes]] = {
    "raw": lambda array: array.tobytes(),
    "lz4": _pack_lz4,
    "lz4-hdf5": _pack_lz4_hdf5,
    "bslz4": _pack_bslz4,
}
