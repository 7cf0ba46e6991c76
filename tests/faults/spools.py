"""The spool's records: good logs, logs spoilt, and the target that reads what is left of them."""

from __future__ import annotations

import random
import struct
import tempfile
from collections import Counter
from functools import cache
from pathlib import Path
from typing import Any

import orjson

from beamside.stream.decompress import decode
from beamside.stream.errors import FileError, SpoolError, WireError
from beamside.stream.messages import Frame, Refusal, Result, RunStart, RunStop
from beamside.stream.reception import Reception, checked
from beamside.stream.spool import (
    Log,
    LogReader,
    crcs_of,
    frame_of,
    message_of,
    note,
    of_frame,
    of_message,
    raw_of,
)
from beamside.stream.spool.record import FIXED_BYTES, MAGIC, crc32, pack, unpack
from beamside.stream.spool.source import open_spool

from .octets import spoil_bytes, spoil_payload
from .seeds import conversations, frame
from .trees import as_json, spoil

REASONS = frozenset(("bad_magic", "spool_damaged", "spool_dropped", "spool_unreadable"))
"""Beside those of the decoders."""


# logs


@cache
def good_logs() -> tuple[tuple[bytes, ...], ...]:
    """Logs as lists of records: one for each wire, with everything that came by it."""
    logs = []
    for wire in ("dectris", "stream2", "beamside"):
        records = [_packed(*note("counts", received=3, reasons={"bad_json": 1}))]
        for talk in conversations(wire):
            reception = Reception(wire, "x", verify=True)
            for parts in talk:
                records += [_packed(*entry(m)) for m in reception.decode(parts)]
        logs.append(tuple(records))
    return tuple(logs)


def entry(message: Any) -> tuple[dict[str, Any], list[Any]]:
    """The record of a message."""
    return of_frame(message) if isinstance(message, Frame) else of_message(message)


def _packed(head: dict[str, Any], pieces: list[Any]) -> bytes:
    return b"".join(bytes(buffer) for buffer in pack(head, pieces))


def mutant(rng: random.Random) -> bytes:
    """A log with one spoilt record, or several; often one whose CRCs are right none the less."""
    records = list(rng.choice(good_logs()))
    first = rng.randrange(len(records))
    records = records[first : first + rng.choice((1, 2, 5))]
    for _ in range(rng.choice((1, 1, 2))):
        at = rng.randrange(len(records))
        spoilt = rng.choice((_resealed, _resealed, _resealed, spoil_bytes))(records[at], rng)
        records[at] = spoilt
    if rng.random() < 0.1:
        rng.shuffle(records)
    log = b"".join(records)
    return spoil_bytes(log, rng) if rng.random() < 0.15 else log


def _resealed(record: bytes, rng: random.Random) -> bytes:
    """A record with wrong fields or pieces, and the CRC that belongs to them."""
    if record[:4] != MAGIC or len(record) < FIXED_BYTES:
        return spoil_bytes(record, rng)
    head_bytes, body_bytes = struct.unpack_from("<IQ", record, 4)
    text, body = record[FIXED_BYTES : FIXED_BYTES + head_bytes], record[FIXED_BYTES + head_bytes :]
    try:
        head = orjson.loads(text)
    except orjson.JSONDecodeError:
        return spoil_bytes(record, rng)
    if rng.random() < 0.7:
        head = spoil(head, rng, rng.choice((1, 1, 2)))
    elif body:
        body = spoil_payload(body, rng)
        if isinstance(head, dict) and head.get("pieces"):
            head["pieces"] = [[len(body), crc32(body)]]
    try:
        return _sealed(as_json(head), body, len(body) if rng.random() < 0.8 else body_bytes)
    except (ValueError, RecursionError):
        return spoil_bytes(record, rng)


def _sealed(text: bytes, body: bytes, body_bytes: int) -> bytes:
    lengths = struct.pack("<4sIQ", MAGIC, len(text), body_bytes % 2**64)
    return lengths + struct.pack("<I4x", crc32(text, crc32(lengths))) + text + body


# the target


def spool(data: bytes) -> Counter[str]:
    """A log as it is found after a crash, or as a stranger wrote it: read, replayed, gone on with.

    The reader and the replay refuse with a WireError or a Refusal; the writer cuts off what is no
    record, or refuses the log as none of ours, and the next record is read back.
    """
    told: Counter[str] = Counter()
    with tempfile.TemporaryDirectory(prefix="hostile-") as name:
        folder = Path(name)
        for log in ("frames", "log"):
            (folder / f"{log}-000000.bslog").write_bytes(data)
        reader = LogReader(folder, "frames")
        for _, record in reader.scan():
            told[_read(record)] += 1
        told["spool_damaged"] += len(reader.damage)
        reader.close()
        told += _replayed(folder)
        told += _gone_on_with(folder)
    return +told


def _read(record: Any) -> str:
    try:
        raw_of(record)
        if record.kind == "frame":
            crcs_of(record)
            found = checked(frame_of(record))
            assert isinstance(found, Frame)
            for pixels in found.channels.values():
                decode(pixels, checked=True)
        elif record.kind in ("start", "result", "stop"):
            message_of(record)
    except WireError as error:
        return error.reason
    return "accepted"


def _replayed(folder: Path) -> Counter[str]:
    told: Counter[str] = Counter()
    try:
        for message in open_spool(folder, "x"):
            assert isinstance(message, RunStart | Frame | Result | RunStop | Refusal), message
            if isinstance(message, Refusal):
                told[message.reason] += 1
    except FileError:
        told["unreadable_file"] += 1
    return told


def _gone_on_with(folder: Path) -> Counter[str]:
    try:
        log = Log(folder, "frames")
    except SpoolError:
        return Counter(spool_unreadable=1)
    good = frame(77)
    place = log.append(*of_frame(good))
    log.close()
    reader = LogReader(folder, "frames")
    records = [record for _, record in reader.scan()]
    assert records[-1].place == place, "what is appended after a crash is not read"
    assert frame_of(records[-1]).number == 77
    reader.close()
    return Counter()


def stored_and_read(message: Any) -> None:
    """What is let in can be kept: its record gives back the same parts and the same pixels."""
    record = unpack(memoryview(_packed(*entry(message))), 0, 0)
    record.check()
    parts = [[bytes(part) for part in multi] for multi in raw_of(record)]
    assert parts == [[bytes(part) for part in multi] for multi in getattr(message, "raw", ())]
    if not isinstance(message, Frame):
        assert type(message_of(record)) is type(message)
        return
    again = frame_of(record)
    assert (again.run, again.number) == (message.run, message.number)
    for name, pixels in message.channels.items():
        there = again.channels[name]
        assert (there.shape, there.dtype, there.encoding) == (
            pixels.shape,
            pixels.dtype,
            pixels.encoding,
        )
        assert bytes(there.data) == bytes(pixels.data)
