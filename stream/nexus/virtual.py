"""Virtual datasets: one dataset in the master, its rows in the segments.

A segment that is gone reads as the fill value, without a word; `frame_valid`, which has 0 there,
says so.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import h5py
import numpy as np
from h5py import h5d, h5p, h5s, h5t


@dataclass(frozen=True, slots=True)
class Piece:
    """Rows `at` to `at + count` are those from `row` on in a dataset of another file."""

    file: str
    """Relative to the folder of the master."""
    dataset: str
    at: int
    row: int
    count: int
    rows: int
    """Of the whole dataset there."""


def put_virtual(
    group: h5py.Group,
    name: str,
    shape: Sequence[int],
    dtype: Any,
    fill: Any,
    pieces: Iterable[Piece],
) -> h5py.Dataset:
    """Make a dataset [n, ...] of pieces; what none of them has reads as `fill`.

    By HDF5's own calls: h5py's VirtualLayout takes several times as long.
    """
    kind, rest = np.dtype(dtype), tuple(shape[1:])
    zeros = (0,) * len(rest)
    plist = h5p.create(h5p.DATASET_CREATE)
    plist.set_fill_value(np.array(fill, kind))
    here = h5s.create_simple(tuple(shape))
    wholes: dict[int, h5s.SpaceID] = {}
    for piece in pieces:
        there = wholes.get(piece.rows)
        if there is None:
            there = wholes[piece.rows] = h5s.create_simple((piece.rows, *rest))
        there.select_hyperslab((piece.row, *zeros), (piece.count, *rest))
        here.select_hyperslab((piece.at, *zeros), (piece.count, *rest))
        plist.set_virtual(here, piece.file.encode(), piece.dataset.encode(), there)
    space = h5s.create_simple(tuple(shape))
    return h5py.Dataset(
        h5d.create(group.id, name.encode(), h5t.py_create(kind, logical=True), space, plist)
    )
