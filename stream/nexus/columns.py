"""Datasets that grow by rows, texts and attributes: how the archive puts things into HDF5.

Decided 2026-11: texts have a fixed length of UTF-8 bytes, and what has no bounded length (JSON of
each frame, errors) is a log of bytes with start and length of each piece. Both can be appended to
while others read (SWMR). Rejected: variable-length strings, which can't.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import h5py
import hdf5plugin
import numpy as np
import orjson

from ..plain import plain

BSLZ4 = dict(hdf5plugin.Bitshuffle(cname="lz4"))
CHUNK_BYTES = 1 << 16
PACKED_FROM = 4096
"""Rows of so many bytes are a compressed chunk each; smaller ones share an uncompressed chunk."""
LONGEST_ATTRIBUTE = 16384
RESERVED = (
    *("NX_class", "signal", "axes", "axis", "target", "default", "interpretation"),
    *("name", "dims", "row_axes", "axis_of", "coordinate", "channel"),
)
"""Attributes that have a meaning in the archive; another's go by `<name>_`."""


def fill_value(dtype: np.dtype[Any]) -> Any:
    """Give the value that stands for nothing: the highest integer, NaN, false, an empty text."""
    if dtype.kind in "iu":
        return np.iinfo(dtype).max
    return np.nan if dtype.kind == "f" else None


def growing(
    group: h5py.Group, name: str, row: tuple[int, ...], dtype: Any, *, summed: bool = False
) -> h5py.Dataset:
    """Make a dataset without rows, each of shape `row`; chunks and filter by its size.

    `summed` lets HDF5 add checksums.
    """
    kind = np.dtype(dtype)
    nbytes = max(1, int(np.prod(row)) * kind.itemsize)
    packed = nbytes >= PACKED_FROM and kind.kind in "iuf"
    rows = 1 if packed else max(1, min(1024, CHUNK_BYTES // nbytes))
    return group.create_dataset(
        name,
        (0, *row),
        dtype,
        maxshape=(None, *(side or None for side in row)),
        chunks=(rows, *(side or 1 for side in row)),
        fillvalue=fill_value(kind),
        fletcher32=summed,
        **(BSLZ4 if packed else {}),
    )


def put_text(group: h5py.Group, name: str, text: str) -> h5py.Dataset:
    """Write a text as fixed-length UTF-8."""
    data = plain_text(text, len(text)).encode()
    kind = h5py.string_dtype("utf-8", max(1, len(data)))
    return group.create_dataset(name, data=np.array(data, kind), dtype=kind)


def put_attributes(target: h5py.HLObject, attributes: Mapping[Any, Any]) -> bool:
    """Write what strangers say of `target`; false if something was too long to be kept there."""
    whole = True
    for key, value in attributes.items():
        name = plain_text(str(key), 255) or "unnamed"
        kept = _attribute(value)
        if np.asarray(kept).nbytes > LONGEST_ATTRIBUTE:
            whole = False
            continue
        target.attrs[f"{name}_" if name in RESERVED or name.startswith("_") else name] = kept
    return whole


def _attribute(value: Any) -> Any:
    if isinstance(value, list | tuple) and value and all(isinstance(item, str) for item in value):
        return [plain_text(item) for item in value]
    if isinstance(value, np.generic | np.ndarray | list | tuple | int | float):
        array = np.asarray(value)
        if array.dtype.kind in "biuf" and array.size:
            return value
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    text = value if isinstance(value, str) else to_json(value).decode()
    return plain_text(text, len(text))


def plain_text(text: str, longest: int = 1000) -> str:
    """Give `text` as HDF5 can keep it: no NUL, proper UTF-8, not too long."""
    return text[:longest].replace("\0", "").encode("utf-8", "replace").decode()


def to_json(value: Any) -> bytes:
    """Write `value` as JSON, whatever is in it: what JSON can't say becomes text."""
    try:
        return orjson.dumps(value, plain, orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_NON_STR_KEYS)
    except (TypeError, ValueError):  # 65-bit numbers, lone surrogates, 255 levels and more
        pass
    try:
        return json.dumps(value, default=plain, skipkeys=True).encode()
    except (TypeError, ValueError, RecursionError):
        return b'{"note":"too deeply nested to be kept"}'


def from_json(text: bytes) -> Any:
    """Read what `to_json` wrote."""
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:  # lone surrogates are JSON for Python only
        return json.loads(text)


class TextLog:
    """Pieces of text one after the other in one dataset of bytes, a line each."""

    def __init__(self, group: h5py.Group, name: str, words: str, *, summed: bool = False) -> None:
        self._dataset = growing(group, name, (), np.uint8, summed=summed)
        self._dataset.attrs["long_name"] = words
        self._pieces: list[bytes] = []
        self._end = 0
        self._saved = 0

    def add(self, text: bytes) -> tuple[int, int]:
        """Take one line of UTF-8; give its start and its length in bytes. `save` writes it."""
        start = self._end
        self._pieces += (text, b"\n")
        self._end += len(text) + 1
        return start, len(text)

    def moved(self, dataset: h5py.Dataset) -> None:
        """Go on in the same dataset of a file that was opened again."""
        self._dataset = dataset

    def save(self) -> None:
        """Write what was taken since; where that failed, it can be tried again."""
        if self._pieces:
            self._dataset.resize(self._end, 0)
            self._dataset[self._saved :] = np.frombuffer(b"".join(self._pieces), np.uint8)
            self._saved = self._end
            self._pieces.clear()
