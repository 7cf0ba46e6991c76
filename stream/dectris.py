"""SIMPLON stream V1, as DECTRIS detectors push it: JSON parts and a blob in each multipart.

Runs are named by the series number. Reasons of the `WireError`s: empty, bad_parts, bad_json,
bad_header, unknown_htype, stray_part, bad_shape, bad_dtype, bad_encoding, unsupported_encoding,
too_large, truncated, bad_size, bad_blocks, bad_checksum.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from . import decompress
from . import dectris_fields as fields
from .dectris_encoder import Encoder
from .dectris_header import appendix, packed, parse, run_start
from .errors import WireError
from .messages import Buffer, Frame, Refusal, RunStart, RunStop
from .quote import short

__all__ = ["Decoder", "Encoder"]

MAX_PARTS = 64
"""A header with all details has 9."""
KNOWN_SERIES = 8
"""So many series are remembered, for frames that come late."""
AHEAD_NS = 5_000_000_000
"""So far two clocks may be apart."""

KINDS = {
    f"{name}-1.0": kind
    for kind, names in {
        "header": ("dheader", "header"),
        "image": ("dimage", "image"),
        "end": ("dseries_end", "deseries_end", "series_end"),
        "stray": (
            *("dimage_d", "image_d", "dimaged", "dconfig", "config"),
            *("dflatfield", "flatfield", "dpixelmask", "pixelmask"),
            *("dcountrate_table", "countrate_table"),
        ),
    }.items()
    for name in names
}
"""What a first part may be, with the spellings that real senders use."""


@dataclass(slots=True)
class _Series:
    """What later messages of a series need to know."""

    run: str
    date_ns: int | None = None
    frame_ns: int = 0
    proved: bool = False
    """Its `hash` was seen to be the MD5 of the blob."""


class Decoder:
    """Turns the multiparts of one socket into messages; it remembers the series in progress.

    `max_bytes` limits a decoded image. With `verify`, blobs are compared with their MD5; as some
    senders write something else there, a mismatch refuses a frame only in a series where an
    earlier one matched, else it is noted in the frame's metadata.
    """

    def __init__(
        self, source: str, *, max_bytes: int = decompress.GIB, verify: bool = False
    ) -> None:
        self.source = source
        self.max_bytes = max_bytes
        self.verify = verify
        self._known: dict[str, _Series] = {}
        self._waiting: dict[str, Any] | None = None

    def decode(
        self, parts: Sequence[Buffer], received_ns: int = 0
    ) -> list[RunStart | Frame | RunStop | Refusal]:
        """Give the messages in `parts`, stamped `received_ns` (0 = now); blobs are not copied.

        WireError if nothing can be understood; the next good message decodes. A Refusal stands
        beside a start that was still waiting for its second part when a bad message came.
        """
        now = received_ns or time.time_ns()
        if not parts:
            raise WireError("empty", "a message without parts")
        if len(parts) > MAX_PARTS:
            raise WireError("bad_parts", f"{len(parts)} parts: at most {MAX_PARTS} are read")
        head = parse(parts[0])
        htype = head.get("htype")
        if htype is None and self._waiting is not None:
            return self._take_waiting(parts, now)
        kind = KINDS.get(htype) if isinstance(htype, str) else None
        if kind is None:
            raise WireError("unknown_htype", f"htype {short(htype)}")
        if kind == "stray":
            raise WireError("stray_part", f"a message begins with the inner part {htype}")
        if self._waiting is None:
            return self._decode(kind, head, parts, now)
        waited = self._take_waiting((), now)
        try:
            return [*waited, *self._decode(kind, head, parts, now)]
        except WireError as error:
            refusal = Refusal(self.source, error.reason, error.detail, error.run, error.number)
            return [*waited, refusal]

    def _decode(
        self, kind: str, head: dict[str, Any], parts: Sequence[Buffer], now: int
    ) -> list[RunStart | Frame | RunStop | Refusal]:
        run = fields.series(head, "series")
        if kind == "image":
            return [self._image(run, head, parts, now)]
        if kind == "end":
            return [RunStop(self.source, run, time_ns=now)]
        if len(parts) == 1 and head.get("header_detail") in ("basic", "all"):
            self._waiting = head  # some senders send the parts of a header one by one
            return []
        return [self._start(run, head, parts[1:], now)]

    def _take_waiting(
        self, rest: Sequence[Buffer], now: int
    ) -> list[RunStart | Frame | RunStop | Refusal]:
        head, self._waiting = self._waiting or {}, None
        return [self._start(fields.series(head, "series"), head, rest, now)]

    def _start(
        self, run: str, head: Mapping[str, Any], rest: Sequence[Buffer], now: int
    ) -> RunStart:
        try:
            start = run_start(self.source, run, head, rest, now)
        except WireError as error:
            error.run = run
            raise
        frame_time = start.metadata.get("frame_time")
        seconds = frame_time if isinstance(frame_time, int | float) else 0
        self._known.pop(run, None)
        series = self._series(run)
        series.date_ns = fields.date_ns(start.metadata.get("data_collection_date"))
        series.frame_ns = int(min(max(seconds, 0), 86400) * 1e9)
        return start

    def _series(self, run: str) -> _Series:
        known = self._known.get(run)
        if known is None:
            known = self._known[run] = _Series(run)
            if len(self._known) > KNOWN_SERIES:
                del self._known[next(iter(self._known))]
        return known

    def _image(self, run: str, head: Mapping[str, Any], parts: Sequence[Buffer], now: int) -> Frame:
        number = None
        try:
            number = fields.number(head, "frame")
            if not 3 <= len(parts) <= 5:
                raise WireError("bad_parts", f"an image in {len(parts)} parts: 4 or 5 are expected")
            pixels = decompress.check(packed(parse(parts[1]), parts[2]), self.max_bytes)
            metadata = parse(parts[3]) if len(parts) > 3 else {}
            metadata.pop("htype", None)
            notes: list[str] = []
            if len(parts) == 5:
                metadata["appendix"] = appendix(parts[4], notes)
            series = self._series(run)
            if self.verify:
                _verify(series, head.get("hash"), parts[2], notes)
        except WireError as error:
            error.run, error.number = run, number
            raise
        if notes:
            metadata["notes"] = notes
        ended = _unix_ns(series, number, metadata.get("stop_time"), now)
        return Frame(self.source, run, number, {"data": pixels}, metadata, ended, now)


def _verify(series: _Series, said: object, blob: Buffer, notes: list[str]) -> None:
    if not isinstance(said, str) or not said or (len(said) != 32 and not series.proved):
        return
    if hashlib.md5(blob, usedforsecurity=False).hexdigest() == said.lower():
        series.proved = True
    elif series.proved:
        raise WireError("bad_checksum", f"the MD5 of the blob is not {short(said)}")
    else:
        notes.append("hash_mismatch")


def _unix_ns(series: _Series, number: int, stop: object, now: int) -> int | None:
    """When the exposure ended, if that can be known.

    `stop_time` is a Unix time in simulators, counts from `data_collection_date` in some detectors,
    and from the detector's own start-up in others (a recorded EIGER2 CdTe 9M: 29 hours). The last
    would lie in the future, or far outside the series: it is then no time at all.
    """
    if type(stop) is not int or stop < 0:
        return None
    if fields.is_unix_ns(stop):
        return stop
    if series.date_ns is None or stop > (number + 1) * series.frame_ns + fields.SLACK_NS:
        return None
    ended = series.date_ns + stop
    return ended if ended <= now + AHEAD_NS else None
