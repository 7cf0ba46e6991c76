"""The C code behind `decompress`: bitshuffle and LZ4, as every hdf5plugin wheel carries them.

Nothing here looks at lengths: `decompress` has walked the payload before it calls. ctypes lets go
of the GIL during each call.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from .messages import Buffer

_POINTER, _SIZE, _INT = ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int
_SIGNATURES = {
    "bshuf_decompress_lz4": (ctypes.c_int64, [_POINTER, _POINTER, _SIZE, _SIZE, _SIZE]),
    "bshuf_compress_lz4": (ctypes.c_int64, [_POINTER, _POINTER, _SIZE, _SIZE, _SIZE]),
    "bshuf_compress_lz4_bound": (_SIZE, [_SIZE, _SIZE, _SIZE]),
    "LZ4_decompress_safe": (_INT, [_POINTER, _POINTER, _INT, _INT]),
}


@dataclass(frozen=True, slots=True)
class Library:
    """The shared object in use."""

    name: str
    """Where it comes from, for people."""
    code: ctypes.CDLL


@cache
def library() -> Library:
    """Find and load the shared object, once; ImportError says what to install."""
    tried = []
    for path in _candidates():
        try:
            code = ctypes.CDLL(str(path))
            for name, (result, arguments) in _SIGNATURES.items():
                function = getattr(code, name)
                function.restype, function.argtypes = result, arguments
        except (OSError, AttributeError) as error:
            tried.append(f"{path}: {error}")
            continue
        return Library(f"{path.parent.parent.name}/{path.name}", code)
    raise ImportError(
        "no library unpacks bitshuffle-LZ4 here: pip install hdf5plugin (or bitshuffle); "
        f"tried: {'; '.join(tried) or 'neither is installed'}"
    )


def _candidates() -> Iterator[Path]:
    # Found without importing: hdf5plugin's import would bring h5py with it.
    plugins = find_spec("hdf5plugin")
    for folder in (plugins.submodule_search_locations or ()) if plugins else ():
        yield from sorted(Path(folder, "plugins").glob("*h5bshuf*"))
    if find_spec("bitshuffle") and (extension := find_spec("bitshuffle.ext")) and extension.origin:
        yield Path(extension.origin)


def unpack(source: Buffer, offset: int, out: np.ndarray, block: int) -> int:
    """Unpack bitshuffle-LZ4 from `offset` of `source` into `out`, `block` elements at a time.

    Gives the bytes read; negative if the content is corrupt.
    """
    read: int = library().code.bshuf_decompress_lz4(
        _address(source) + offset, out.ctypes.data, out.size, out.itemsize, block
    )
    return read


def unpack_lz4(source: Buffer, offset: int, length: int, out: np.ndarray) -> int:
    """Unpack one LZ4 block into `out[bytes]`; gives the bytes written, negative if corrupt."""
    written: int = library().code.LZ4_decompress_safe(
        _address(source) + offset, out.ctypes.data, length, out.nbytes
    )
    return written


def pack(array: np.ndarray, block: int) -> bytes:
    """Pack a contiguous array as bitshuffle-LZ4 blocks of `block` elements (0 = the default)."""
    code = library().code
    packed = np.empty(code.bshuf_compress_lz4_bound(array.size, array.itemsize, block), np.uint8)
    length = code.bshuf_compress_lz4(
        array.ctypes.data, packed.ctypes.data, array.size, array.itemsize, block
    )
    if length < 0:
        raise ValueError(f"bitshuffle refused to pack {array.shape} {array.dtype}: error {length}")
    return packed[:length].tobytes()


def _address(source: Buffer) -> int:
    return int(np.frombuffer(source, np.uint8).__array_interface__["data"][0])
