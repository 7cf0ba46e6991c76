"""Writing SIMPLON stream2, as the detector does, for simulation and replay."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import cbor2
import numpy as np

from . import decompress
from . import dectris_fields as fields
from .dectris_header import TYPES
from .messages import Buffer, Frame, Pixels, RunStart, RunStop
from .stream2_arrays import tagged
from .stream2_cbor import SELF_DESCRIBED

WIRE_ENCODINGS = ("raw", "lz4-hdf5", "bslz4")
"""Of ours, what this wire can say."""

_NAMES = {dtype: name for name, dtype in TYPES.items()}
_TABLES = {"flatfield": "flatfield", "pixel_mask": "pixel_mask"}
_OURS = ("series_id", "unique_id", "notes", "type")
_GIGAHERTZ = 1_000_000_000


class Encoder:
    """Turns messages into CBOR; it remembers the runs it began.

    `encoding` (one of raw, lz4-hdf5, bslz4) packs every image anew, None sends what comes where
    the wire can say it. Runs whose id is no number get one; the id is then `series_unique_id`.
    """

    def __init__(self, encoding: str | None = None) -> None:
        if encoding is not None and encoding not in WIRE_ENCODINGS:
            raise ValueError(f"encoding {encoding!r}: allowed are {', '.join(WIRE_ENCODINGS)}")
        self.encoding = encoding
        self._numbers = fields.SeriesNumbers()
        self._dates: dict[str, int] = {}
        self._unique: dict[str, str] = {}

    def encode(self, message: RunStart | Frame | RunStop) -> list[list[Buffer]]:
        """Give the one multipart (of one part) that says `message`."""
        if isinstance(message, RunStart):
            return [[cbor2.dumps(self._start(message))]]
        if isinstance(message, Frame):
            return [[cbor2.dumps(cbor2.CBORTag(SELF_DESCRIBED, self._image(message)))]]
        end = {"type": "end", **self._series(message.run)}
        return [[cbor2.dumps(cbor2.CBORTag(SELF_DESCRIBED, end))]]

    def _series(self, run: str) -> dict[str, Any]:
        return {
            "series_id": self._numbers.of(run),
            "series_unique_id": self._unique.get(run, run),
        }

    def _start(self, start: RunStart) -> dict[str, Any]:
        metadata = {k: v for k, v in start.metadata.items() if k not in _OURS}
        if isinstance(unique := metadata.get("series_unique_id"), str):
            self._unique[start.run] = unique
        if start.time_ns:
            metadata.setdefault("arm_date", fields.iso_date(start.time_ns))
            self._dates[start.run] = start.time_ns // 1_000_000 * 1_000_000
        said = {"type": "start", **metadata, **self._series(start.run)}
        said["channels"] = list(start.channels)
        if start.expected is not None:
            said["number_of_images"] = start.expected
        if start.shape is not None:
            said["image_size_y"], said["image_size_x"] = start.shape
        if start.dtype is not None:
            said["image_dtype"] = _NAMES[start.dtype]
        if ours := fields.beamside_appendix(start.calibration, None):
            user = metadata.get("user_data")
            kept = user if isinstance(user, Mapping) else {"user": user} if user else {}
            said["user_data"] = {**kept, **ours}
        return _dated({**said, **_arrays(start)}, "arm_date")

    def _image(self, frame: Frame) -> dict[str, Any]:
        metadata = {k: v for k, v in frame.metadata.items() if k not in _OURS}
        if "series_date" not in metadata and frame.detector_ns is not None:
            metadata |= self._times(frame.run, frame.detector_ns)
        said = {
            "type": "image",
            **metadata,
            **self._series(frame.run),
            "image_id": frame.number,
            "data": {name: tagged(self._pack(p)) for name, p in frame.channels.items()},
        }
        return _dated(said, "series_date")

    def _times(self, run: str, detector_ns: int) -> dict[str, Any]:
        began = self._dates.get(run, detector_ns)
        if began > detector_ns:
            began = detector_ns
        began = began // 1_000_000 * 1_000_000
        stop = [detector_ns - began, _GIGAHERTZ]
        return {
            "series_date": fields.iso_date(began),
            "start_time": stop,
            "stop_time": stop,
            "real_time": [0, _GIGAHERTZ],
        }

    def _pack(self, pixels: Pixels) -> Pixels:
        if pixels.encoding == self.encoding:
            return pixels
        if self.encoding is None and pixels.encoding in WIRE_ENCODINGS:
            return pixels
        return decompress.encode(decompress.decode(pixels), self.encoding or "bslz4")


def _dated(said: dict[str, Any], key: str) -> dict[str, Any]:
    """The same with `key` as a date, as the wire has it, where it is one."""
    if isinstance(text := said.get(key), str) and fields.date_ns(text) is not None:
        said[key] = datetime.fromisoformat(text)
    return said


def _arrays(start: RunStart) -> dict[str, Any]:
    said: dict[str, Any] = {}
    for key, array in start.arrays.items():
        item = tagged(decompress.encode(np.atleast_2d(array), "raw"))
        if key == "countrate_table":
            said["countrate_correction_lookup_table"] = item
            continue
        for name in _TABLES:
            if key == name:
                said[name] = {start.channels[0]: item}
            elif key.startswith(f"{name}_"):
                said.setdefault(name, {})[key.removeprefix(f"{name}_")] = item
    return said
