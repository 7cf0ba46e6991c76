"""SIMPLON stream2: one CBOR map in each message (or several messages in one multipart).

Runs are named by `series_id`; `series_unique_id` stays in the metadata. Jungfraujoch's dialect is
understood: its extra keys are kept where they are plain, its `calibration` and `metadata` messages
passed over. Reasons of the `WireError`s: empty, bad_parts, bad_cbor, bad_header, unknown_type,
unsupported_dialect, bad_shape, bad_dtype, bad_encoding, unsupported_encoding, too_large,
truncated, bad_size, bad_blocks.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import orjson

from . import decompress
from . import dectris_fields as fields
from .dectris_header import TYPES
from .errors import WireError
from .messages import Buffer, Frame, Refusal, RunStart, RunStop
from .quote import short
from .stream2_arrays import MAX_NAME, channels, image, table
from .stream2_cbor import Plain, load
from .stream2_encoder import Encoder

__all__ = ["Decoder", "Encoder"]

MAX_PARTS = 64
PASSED_OVER = ("calibration", "metadata")
"""Messages of Jungfraujoch that carry no frame of their own."""

_TABLES = ("flatfield", "pixel_mask", "countrate_correction_lookup_table")


class Decoder:
    """Turns the multiparts of one socket into messages; it keeps no state.

    `max_bytes` limits a decoded image, and all arrays of a start together.
    """

    def __init__(self, source: str, *, max_bytes: int = decompress.GIB) -> None:
        self.source = source
        self.max_bytes = max_bytes

    def decode(
        self, parts: Sequence[Buffer], received_ns: int = 0
    ) -> list[RunStart | Frame | RunStop | Refusal]:
        """Give the messages in `parts`, stamped `received_ns` (0 = now).

        WireError if nothing in them can be understood; where some parts can, a Refusal stands in
        the place of each that can't.
        """
        now = received_ns or time.time_ns()
        if not parts:
            raise WireError("empty", "a message without parts")
        if len(parts) > MAX_PARTS:
            raise WireError("bad_parts", f"{len(parts)} parts: at most {MAX_PARTS} are read")
        if len(parts) == 1:
            return self._message(parts[0], now)
        came: list[RunStart | Frame | RunStop | Refusal] = []
        errors = []
        for part in parts:
            try:
                came += self._message(part, now)
            except WireError as error:
                errors.append(error)
                came.append(
                    Refusal(self.source, error.reason, error.detail, error.run, error.number)
                )
        if len(errors) == len(parts):
            raise errors[0]
        return came

    def _message(self, part: Buffer, now: int) -> list[RunStart | Frame | RunStop | Refusal]:
        said = load(part)
        kind = said.get("type")
        if kind == "image":
            return [self._image(said, now)]
        if kind == "start":
            return [self._start(said, now)]
        if kind == "end":
            return [RunStop(self.source, _run(said), time_ns=now)]
        if isinstance(kind, str) and kind in PASSED_OVER:
            return []
        raise WireError("unknown_type", f"type {short(kind)}: start, image, end are known")

    def _image(self, said: Mapping[Any, Any], now: int) -> Frame:
        run, number = _run(said), None
        try:
            number = fields.number(said, "image_id")
            pixels = {
                name: image(item, self.max_bytes)
                for name, item in channels(said.get("data")).items()
            }
        except WireError as error:
            error.run, error.number = run, number
            raise
        plain = Plain()
        metadata = plain.mapping(said, without=("type", "series_id", "image_id", "data"))
        if plain.notes:
            metadata["notes"] = plain.notes
        return Frame(self.source, run, number, pixels, metadata, _ended(said), now)

    def _start(self, said: Mapping[Any, Any], now: int) -> RunStart:
        run = _run(said)
        plain = Plain()
        metadata = plain.mapping(said, without=("type", *_TABLES))
        names = _channels(said.get("channels"))
        arrays = _arrays(said, names, self.max_bytes, plain.notes)
        appendix = _user_data(metadata.get("user_data"))
        if (unique := fields.beamside_run(appendix)) is not None:
            metadata["unique_id"] = unique
        calibration = fields.calibration(appendix, plain.notes)
        if plain.notes:
            metadata["notes"] = plain.notes
        kind = said.get("image_dtype")
        return RunStart(
            self.source,
            run,
            expected=fields.whole(said, "number_of_images") or None,
            shape=fields.size(said, "image_size_y", "image_size_x"),
            dtype=TYPES.get(kind) if isinstance(kind, str) else None,
            channels=names or ("data",),
            calibration=calibration,
            metadata=metadata,
            arrays=arrays,
            time_ns=now,
        )


def _run(said: Mapping[Any, Any]) -> str:
    if "series_id" not in said:
        raise WireError(
            "unsupported_dialect",
            "no series_id: this looks like Jungfraujoch of 2022 or before, which does not say "
            "what its images are; update the sender",
        )
    return fields.series(said, "series_id")


def _channels(said: Any) -> tuple[str, ...]:
    if not isinstance(said, list | tuple) or not 1 <= len(said) <= 64:
        return ()
    named = all(isinstance(name, str) and 0 < len(name) <= MAX_NAME for name in said)
    return tuple(said) if named else ()


def _ended(said: Mapping[Any, Any]) -> int | None:
    began, stop = fields.date_ns(said.get("series_date")), said.get("stop_time")
    if began is None or not isinstance(stop, list | tuple) or len(stop) != 2:
        return None
    ticks, frequency = stop
    if type(ticks) is not int or type(frequency) is not int or ticks < 0 or frequency < 1:
        return None
    ended = began + ticks * 1_000_000_000 // frequency
    return ended if fields.is_unix_ns(ended) else None


def _user_data(said: Any) -> Any:
    if not isinstance(said, str) or "beamside" not in said:
        return said
    try:
        return orjson.loads(said)
    except orjson.JSONDecodeError:
        return None


def _arrays(
    said: Mapping[Any, Any], names: tuple[str, ...], max_bytes: int, notes: list[str]
) -> dict[str, np.ndarray]:
    """Flat field, mask and table; of several channels each under `<array>_<channel>`."""
    items = {"countrate_table": said.get("countrate_correction_lookup_table")}
    for key in ("flatfield", "pixel_mask"):
        if key not in said:
            continue
        try:
            of_channels = channels(said[key])
        except WireError as error:
            notes.append(f"{key} left out: {error.detail}")
            continue
        one = len(of_channels) == 1 and len(names) <= 1
        items |= {key if one else f"{key}_{name}": item for name, item in of_channels.items()}
    arrays: dict[str, np.ndarray] = {}
    for key, item in items.items():
        if item is None or isinstance(item, bytes):  # cut out of a recording
            continue
        try:
            arrays[key] = table(item, max_bytes)
        except WireError as error:
            notes.append(f"{key} left out: {error.detail}")
            continue
        max_bytes -= arrays[key].nbytes
    return arrays
