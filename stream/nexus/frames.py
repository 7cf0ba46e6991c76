"""What is known of each frame, as columns beside its pixels.

All columns of a segment have all their rows from the beginning; `frame_valid` is written last, and
0 there says that nothing else in the row counts. So a reader beside a writer meets no torn row.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import h5py
import numpy as np

from ..messages import Frame
from .columns import BSLZ4, fill_value, plain_text
from .names import valid_name

VALID = {"missing": 0, "whole": 1, "partial": 2}
"""`partial`: it came without some channel that other frames of the run have."""
NONE = np.iinfo(np.int64).max
"""No time, no CRC."""
VALID_COLUMN = "frame_valid"
COLUMNS = {
    "frame_number": (np.int64, "", "number of the frame, counted from 0 by the detector"),
    "received_time": (np.int64, "ns", "Unix time of the arrival"),
    "detector_time": (np.int64, "ns", "Unix time of the exposure's end by the detector's clock"),
    "metadata_start": (np.int64, "", "where in `metadata` the frame's JSON begins, in bytes"),
    "metadata_length": (np.int64, "", "bytes of the frame's JSON in `metadata`; 0 = none"),
}
"""Beside `frame_valid`, and a CRC for each channel."""
SHOWN = ("received_time", "detector_time")
"""Columns that the closed master shows too; the places of the metadata hold within a segment."""
MOST_CHUNK = 4096


def crc_column(channel: str) -> str:
    """Name the column of a channel's checksums."""
    return "crc32" if channel == "data" else f"crc32_{valid_name(channel)[:50]}"


def put_columns(group: h5py.Group, rows: int) -> None:
    """Make the columns of a segment, but for the checksums."""
    for name, (dtype, units, _) in COLUMNS.items():
        put_column(group, name, rows, dtype, units)
    put_column(group, VALID_COLUMN, rows, np.uint8)


def put_column(
    group: h5py.Group, name: str, rows: int, dtype: Any, units: str = ""
) -> h5py.Dataset:
    """Make one column of `rows` rows, checksummed by HDF5; nothing is in it yet."""
    column = group.create_dataset(
        name,
        (rows,),
        dtype,
        maxshape=(rows,),
        chunks=(min(rows, MOST_CHUNK),),
        fillvalue=0 if name == VALID_COLUMN else fill_value(np.dtype(dtype)),
        fletcher32=True,
    )
    if units:
        column.attrs["units"] = units
    return column


def put_valid(column: h5py.Dataset) -> None:
    """Say what the numbers in `frame_valid` mean."""
    column.attrs["flag_values"] = np.array(list(VALID.values()), np.uint8)
    column.attrs["flag_meanings"] = " ".join(VALID)


def frame_dataset(
    group: h5py.Group, name: str, channel: str, rows: int, kind: tuple[tuple[int, int], str]
) -> h5py.Dataset:
    """Make the dataset [rows, ny, nx] of a channel, a chunk a frame, for bitshuffle-LZ4 or raw."""
    shape, dtype = kind
    dataset = group.create_dataset(
        name,
        (rows, *shape),
        dtype,
        maxshape=(rows, *shape),
        chunks=(1, *shape),
        fillvalue=fill_value(np.dtype(dtype)),
        **BSLZ4,
    )
    describe_frames(dataset, channel)
    return dataset


def describe_frames(dataset: h5py.Dataset, channel: str) -> None:
    """Say what the images of a channel are."""
    dataset.attrs["channel"] = plain_text(channel)
    dataset.attrs["units"] = "counts" if dataset.dtype.kind in "iu" else "arbitrary"
    dataset.attrs["interpretation"] = "image"


def facts(frame: Frame, start: int, length: int) -> tuple[int, ...]:
    """Give what COLUMNS hold of a frame whose JSON lies at `start`."""
    return (
        frame.number,
        _time(frame.received_ns),
        _time(frame.detector_ns),
        start,
        length,
    )


def frame_times(row: Mapping[str, int]) -> tuple[int | None, int]:
    """Give `detector_ns` and `received_ns` of a row."""
    detector, received = row["detector_time"], row["received_time"]
    return None if detector == NONE else detector, 0 if received == NONE else received


def runs(rows: np.ndarray) -> list[tuple[int, int]]:
    """Where whole numbers in order go on without a gap, as [first, stop) of their indices."""
    if not len(rows):
        return []
    cuts = (np.flatnonzero(np.diff(rows) != 1) + 1).tolist()
    return list(zip([0, *cuts], [*cuts, len(rows)], strict=True))


def _time(value: object) -> int:
    return value if isinstance(value, int) and 0 < value < NONE else NONE
