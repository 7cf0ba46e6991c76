"""Writing SIMPLON stream V1, as the detector does, for simulation and replay."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import numpy as np
import orjson

from . import decompress
from . import dectris_fields as fields
from .dectris_header import ARRAYS, TYPES, expected_frames, without_ours
from .messages import Buffer, Frame, Pixels, RunStart, RunStop

DETAILS = ("none", "basic", "all")
WIRE_ENCODINGS = ("raw", "lz4", "bslz4")
"""Of ours, what this wire can say."""

_NAMES = {dtype: name for name, dtype in TYPES.items()}


class Encoder:
    """Turns messages into multiparts; it remembers the runs it began.

    `encoding` (one of raw, lz4, bslz4) packs every image anew, None sends what comes where the
    wire can say it. Runs whose id is no number get one, and carry the id in the appendix.
    `split_header` and `double_end` do what some senders do.
    """

    def __init__(
        self,
        encoding: str | None = None,
        *,
        header_detail: str = "basic",
        checksum: bool = True,
        split_header: bool = False,
        double_end: bool = False,
    ) -> None:
        if encoding is not None and encoding not in WIRE_ENCODINGS:
            raise ValueError(f"encoding {encoding!r}: allowed are {', '.join(WIRE_ENCODINGS)}")
        if header_detail not in DETAILS:
            raise ValueError(f"header_detail {header_detail!r}: allowed are {', '.join(DETAILS)}")
        self.encoding = encoding
        self.header_detail = header_detail
        self.checksum = checksum
        self.split_header = split_header
        self.double_end = double_end
        self._numbers = fields.SeriesNumbers()
        self._dates: dict[str, int] = {}

    def encode(self, message: RunStart | Frame | RunStop) -> list[list[Buffer]]:
        """Give the multiparts that say `message`; ValueError if this wire can't."""
        if isinstance(message, RunStart):
            return self._header(message)
        if isinstance(message, Frame):
            return [self._image(message)]
        end = {"htype": "dseries_end-1.0", "series": self._numbers.of(message.run)}
        return [[orjson.dumps(end)] for _ in range(1 + self.double_end)]

    def _header(self, start: RunStart) -> list[list[Buffer]]:
        series = self._numbers.of(start.run)
        self._dates.pop(start.run, None)
        head = {"htype": "dheader-1.0", "series": series, "header_detail": self.header_detail}
        parts: list[Buffer] = [orjson.dumps(head)]
        if self.header_detail != "none":
            config = self._config(start)
            if (date := fields.date_ns(config.get("data_collection_date"))) is not None:
                self._dates[start.run] = date
            parts.append(orjson.dumps(config))
        if self.header_detail == "all":
            parts += _array_parts(start.arrays)
        if said := _appendix(start, series):
            parts.append(orjson.dumps(said))
        if self.split_header and len(parts) > 1 and self.header_detail != "none":
            return [parts[:1], parts[1:]]
        return [parts]

    def _config(self, start: RunStart) -> dict[str, Any]:
        config = without_ours(start.metadata)
        if start.expected is not None and expected_frames(config) != start.expected:
            config |= {"nimages": start.expected, "ntrigger": 1, "trigger_mode": "ints"}
        if start.shape is not None:
            config["y_pixels_in_detector"], config["x_pixels_in_detector"] = start.shape
        if start.dtype is not None:
            config["bit_depth_image"] = 8 * int(start.dtype[2])
        if self.encoding is not None:
            config["compression"] = "none" if self.encoding == "raw" else self.encoding
        if start.time_ns:
            config.setdefault("data_collection_date", fields.iso_date(start.time_ns))
        return config

    def _image(self, frame: Frame) -> list[Buffer]:
        if len(frame.channels) != 1:
            raise ValueError(
                f"stream V1 carries one image a frame, not {len(frame.channels)}: use stream2"
            )
        pixels = self._pack(next(iter(frame.channels.values())))
        blob = pixels.data
        head: dict[str, Any] = {
            "htype": "dimage-1.0",
            "series": self._numbers.of(frame.run),
            "frame": frame.number,
            "hash": hashlib.md5(blob, usedforsecurity=False).hexdigest() if self.checksum else "",
        }
        about = {
            "htype": "dimage_d-1.0",
            "shape": [pixels.shape[1], pixels.shape[0]],
            "type": _NAMES[pixels.dtype],
            "encoding": _wire_encoding(pixels),
            "size": pixels.nbytes,
        }
        parts: list[Buffer] = [orjson.dumps(head), orjson.dumps(about), blob]
        parts.append(orjson.dumps(self._times(frame)))
        if "appendix" in frame.metadata:
            parts.append(orjson.dumps(frame.metadata["appendix"]))
        return parts

    def _pack(self, pixels: Pixels) -> Pixels:
        if pixels.encoding == self.encoding:
            return pixels
        if self.encoding is None and pixels.encoding in WIRE_ENCODINGS:
            return pixels
        return decompress.encode(decompress.decode(pixels), self.encoding or "bslz4")

    def _times(self, frame: Frame) -> dict[str, Any]:
        keys = ("start_time", "stop_time", "real_time")
        said = {key: ns for key in keys if type(ns := frame.metadata.get(key)) is int}
        real, stop = said.get("real_time", 0), self._stop(frame)
        computed = {"start_time": max(stop - real, 0), "stop_time": stop, "real_time": real}
        return {"htype": "dconfig-1.0", **(said if "stop_time" in said else computed)}

    def _stop(self, frame: Frame) -> int:
        if frame.detector_ns is None:
            return 0
        offset = frame.detector_ns - self._dates.get(frame.run, 0)
        return offset if 0 <= offset < fields.SLACK_NS else frame.detector_ns


def _wire_encoding(pixels: Pixels) -> str:
    if pixels.encoding == "bslz4":
        return f"bs{8 * int(pixels.dtype[2])}-lz4<"
    return "lz4<" if pixels.encoding == "lz4" else "<"


def _array_parts(arrays: Mapping[str, np.ndarray]) -> list[Buffer]:
    parts: list[Buffer] = []
    for wire, ours in ARRAYS.items():
        if ours not in arrays:
            continue
        array = np.ascontiguousarray(arrays[ours], arrays[ours].dtype.newbyteorder("<"))
        if array.ndim != 2 or array.dtype.str not in _NAMES:
            raise ValueError(f"{ours} {array.shape} {array.dtype} can't be sent: 2 dimensions are")
        head = {
            "htype": f"d{wire}-1.0",
            "shape": [array.shape[1], array.shape[0]],
            "type": _NAMES[array.dtype.str],
        }
        parts += [orjson.dumps(head), array.tobytes()]
    return parts


def _appendix(start: RunStart, series: int) -> Any:
    own = start.metadata.get("unique_id")
    unique = own or (start.run if start.run != str(series) else None)
    ours = fields.beamside_appendix(start.calibration, unique)
    said = start.metadata.get("header_appendix")
    if not ours:
        return said
    return {**(said if isinstance(said, Mapping) else {"user": said} if said else {}), **ours}
