"""What stands in the JSON parts of a SIMPLON stream V1 message."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import orjson

from . import dectris_fields as fields
from .errors import WireError
from .messages import Buffer, Pixels, RunStart
from .quote import short

MAX_JSON = 16 << 20
MAX_APPENDIX = 1 << 20
"""Longer appendices are left out of the metadata, and a note says so."""
MAX_DEPTH = 64
"""Deeper JSON could not be written out again."""

TYPES = {
    "uint8": "|u1",
    "uint16": "<u2",
    "uint32": "<u4",
    "uint64": "<u8",
    "int8": "|i1",
    "int16": "<i2",
    "int32": "<i4",
    "int64": "<i8",
    "float32": "<f4",
    "float64": "<f8",
}
"""The wire's names of pixel types (detectors use the unsigned ones)."""

ARRAYS = {"flatfield": "flatfield", "pixelmask": "pixel_mask", "countrate_table": "countrate_table"}
"""Arrays of `header_detail: all`, by the wire's name and by ours."""

_PACKING = re.compile(r"(?:bs(?P<bits>8|16|32|64))?(?P<lz4>-?lz4)?(?P<order>[<>]?)")
_DEPTHS = {8: "|u1", 16: "<u2", 32: "<u4"}
_OURS = ("series", "header_detail", "header_appendix", "unique_id", "notes")


def parse(part: Buffer) -> dict[str, Any]:
    """The JSON object in one part; WireError if it is none, or deeper than MAX_DEPTH."""
    if len(part) > MAX_JSON:
        raise WireError("bad_json", f"{len(part)} bytes of JSON: at most {MAX_JSON} are read")
    said = _json(bytes(part))
    if not isinstance(said, dict):
        raise WireError("bad_json", f"an object is expected, not {short(said)}")
    return said


def appendix(part: Buffer, notes: list[str]) -> Any:
    """What users append: JSON, or else its text; never a reason to refuse a frame."""
    if len(part) > MAX_APPENDIX:
        notes.append(f"appendix of {len(part)} bytes left out: at most {MAX_APPENDIX} are kept")
        return None
    try:
        return _json(bytes(part))
    except WireError:
        return bytes(part).decode(errors="replace")


def packed(head: Mapping[str, Any], blob: Buffer) -> Pixels:
    """The pixels that a `dimage_d` part announces, their bytes not yet looked at."""
    shape, kind, encoding = head.get("shape"), head.get("type"), head.get("encoding")
    if not isinstance(shape, list) or len(shape) != 2:
        raise WireError("bad_shape", f"shape {short(shape)}: [nx, ny] is expected")
    if not isinstance(kind, str) or kind not in TYPES:
        raise WireError("bad_dtype", f"type {short(kind)}: allowed are {', '.join(TYPES)}")
    if not isinstance(encoding, str) or len(encoding) > 16:
        raise WireError("bad_encoding", f"encoding {short(encoding)} is no name")
    if "size" in head and head["size"] != len(blob):
        size = fields.whole(head, "size")
        reason = "truncated" if size and size > len(blob) and size < 1 << 31 else "bad_size"
        raise WireError(reason, f"{len(blob)} bytes, size is {short(head['size'])}")
    return Pixels((shape[1], shape[0]), TYPES[kind], packing(encoding, kind), blob)


@lru_cache(maxsize=256)
def packing(encoding: str, kind: str) -> str:
    """Our name of `encoding`, whose grammar is `[bs<BIT>][[-]lz4][<|>]`, for pixels of `kind`."""
    found = _PACKING.fullmatch(encoding)
    if found is None:
        raise WireError("bad_encoding", f"encoding {encoding!r}: [bs<BIT>][[-]lz4][<|>] is known")
    if found["order"] == ">" or (found["bits"] and not found["lz4"]):
        raise WireError("unsupported_encoding", f"encoding {encoding!r}: little endian, lz4 only")
    if not found["bits"]:
        return "lz4" if found["lz4"] else "raw"
    if int(found["bits"]) != 8 * int(TYPES[kind][2]):
        raise WireError("bad_dtype", f"encoding {encoding!r} can't hold {kind}")
    return "bslz4"


def expected_frames(config: Mapping[str, Any]) -> int | None:
    """How many images the detector will take; None if it does not say.

    One trigger gives `nimages` in the modes ints and exts, one image in inte and exte.
    """
    images, triggers = fields.whole(config, "nimages"), fields.whole(config, "ntrigger")
    if config.get("trigger_mode") in ("inte", "exte"):
        return triggers or None
    total = (images or 0) * (1 if "ntrigger" not in config else triggers or 0)
    return total if 0 < total <= fields.MAX_NUMBER else None


def run_start(
    source: str, run: str, head: Mapping[str, Any], rest: Sequence[Buffer], time_ns: int
) -> RunStart:
    """The start of a run, from its `dheader` and the parts after it."""
    notes: list[str] = []
    config: dict[str, Any] = {}
    if rest and head.get("header_detail") != "none":
        config, rest = parse(rest[0]), rest[1:]
    arrays, rest = _arrays(rest, notes)
    said = appendix(rest[0], notes) if rest else None
    if len(rest) > 1:
        notes.append(f"{len(rest) - 1} parts after the header's appendix left out")
    calibration = fields.calibration(said, notes)
    metadata = {**config, **_added(head, said, notes)}
    return RunStart(
        source,
        run,
        expected=expected_frames(config),
        shape=fields.size(config, "y_pixels_in_detector", "x_pixels_in_detector"),
        dtype=_DEPTHS.get(fields.whole(config, "bit_depth_image") or 0),
        calibration=calibration,
        metadata=metadata,
        arrays=arrays,
        time_ns=time_ns,
    )


def _added(head: Mapping[str, Any], said: Any, notes: list[str]) -> dict[str, Any]:
    added = {"series": head["series"], "header_detail": head.get("header_detail")}
    if said is not None:
        added["header_appendix"] = said
    if (unique := fields.beamside_run(said)) is not None:
        added["unique_id"] = unique
    if notes:
        added["notes"] = notes
    return added


def without_ours(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """The detector's own configuration, without what `run_start` added to it."""
    return {key: value for key, value in metadata.items() if key not in _OURS}


def _json(text: bytes) -> Any:
    try:
        said = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise WireError("bad_json", f"{error.msg} at character {error.pos}") from None
    if text.count(b"[") + text.count(b"{") > MAX_DEPTH and deeper(said, MAX_DEPTH):
        raise WireError("bad_json", f"nested deeper than {MAX_DEPTH}")
    return said


def deeper(value: Any, depth: int) -> bool:
    """Whether lists and maps are nested deeper than `depth` in a JSON value."""
    if isinstance(value, dict):
        value = value.values()
    elif not isinstance(value, list):
        return False
    return depth == 0 or any(deeper(item, depth - 1) for item in value)


def _arrays(
    parts: Sequence[Buffer], notes: list[str]
) -> tuple[dict[str, np.ndarray], Sequence[Buffer]]:
    arrays: dict[str, np.ndarray] = {}
    while len(parts) >= 2:
        try:
            head = parse(parts[0])
        except WireError:
            break
        htype = head.get("htype")
        name = htype.rpartition("-")[0].removeprefix("d") if isinstance(htype, str) else ""
        if name not in ARRAYS:
            break
        try:
            arrays[ARRAYS[name]] = _array(head, parts[1])
        except WireError as error:
            notes.append(f"{ARRAYS[name]} left out: {error.detail}")
        parts = parts[2:]
    return arrays, parts


def _array(head: Mapping[str, Any], blob: Buffer) -> np.ndarray:
    shape, kind = head.get("shape"), head.get("type")
    if not isinstance(kind, str) or kind not in TYPES:
        raise WireError("bad_dtype", f"type {short(kind)}")
    if not isinstance(shape, list) or len(shape) != 2:
        raise WireError("bad_shape", f"shape {short(shape)}")
    nx, ny = shape
    if not all(type(side) is int and 1 <= side <= 65536 for side in shape):
        raise WireError("bad_shape", f"shape {short(shape)}")
    dtype = np.dtype(TYPES[kind])
    if len(blob) != nx * ny * dtype.itemsize:
        raise WireError("bad_size", f"{len(blob)} bytes for {shape} {kind}")
    # The first axis of the wire is the fastest, as for images.
    return np.frombuffer(blob, dtype).reshape(ny, nx)
