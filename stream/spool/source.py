"""The spool of a run as a source: what came in comes in again, through the same decoder."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from ..errors import FileError, SpoolError, WireError
from ..messages import Buffer, Frame, Message, Refusal, RunStart, RunStop
from ..reception import Incoming, Reception, checked
from .entries import frame_of, message_of, raw_of
from .folder import FRAMES, LOG, is_spool
from .reader import LogReader
from .record import Record

WIRES = ("dectris", "stream2", "beamside")


def open_spool(path: Path, name: str, *, verify: bool = True) -> Iterator[Incoming]:
    """Give the messages of the run in the spool folder `path`, from the source `name`.

    What came by a wire is decoded again from its parts, bit for bit; what came from a file is
    given as it was. What is damaged or gone is a Refusal in its place. FileError if `path` is no
    spool; nothing in it is changed.
    """
    if not is_spool(path):
        raise FileError(f"{path} is no spool of a run: it has no log-000000.bslog")
    return _Replay(path, name, verify).messages()


class _Replay:
    """One run, once."""

    def __init__(self, path: Path, name: str, verify: bool) -> None:
        self._path = path
        self._name = name
        self._verify = verify
        self._receptions: dict[str, Reception] = {}
        self._run = path.name

    def messages(self) -> Iterator[Incoming]:
        """The start, the frames in the order of their arrival, the stop."""
        stop: Record | None = None
        for record in self._records(LOG):
            if isinstance(record, Refusal):
                yield record
            elif record.kind == "start":
                yield from self._again(record)
            elif record.kind == "stop":
                stop = record
        for record in self._records(FRAMES):
            if isinstance(record, Refusal):
                yield record
            elif record.kind == "frame":
                yield from self._again(record)
        if stop is None:  # the service died before the run ended
            yield RunStop(self._name, self._run, reason="end of the spool", time_ns=time.time_ns())
        else:
            yield from self._again(stop)

    def _records(self, log: str) -> Iterator[Record | Refusal]:
        """The valid records of one log, then what is lost of it."""
        reader = LogReader(self._path, log)
        oldest = None
        try:
            for _, record in reader.scan():
                if oldest is None and (oldest := record.place.segment):
                    why = f"{log}: {oldest} older segments were deleted when they were archived"
                    yield Refusal(self._name, "spool_dropped", why)
                yield record
        except SpoolError as error:
            yield Refusal(self._name, "spool_unreadable", str(error))
        for damage in reader.damage.values():
            where = f"{log}, segment {damage.place.segment}, at {damage.place.offset}"
            number = damage.head.get("number") if damage.head else None
            run = str(damage.head.get("run")) if damage.head else None
            number = number if type(number) is int else None
            yield Refusal(self._name, "spool_damaged", f"{where}: {damage.why}", run, number)

    def _again(self, record: Record) -> Iterator[Incoming]:
        try:
            raw, wire = raw_of(record), record.head.get("wire")
            if not raw or wire not in WIRES:
                yield self._as_kept(record)
                return
            came = self._decoded(str(wire), raw)
            if not any(isinstance(message, RunStart | Frame | RunStop) for message in came):
                came.append(self._as_kept(record))  # its first half was not kept
        except WireError as error:
            number = record.head.get("number")
            number = number if type(number) is int else None
            run = str(record.head.get("run"))
            came = [Refusal(self._name, error.reason, error.detail, run, number)]
        for message in came:
            if isinstance(message, RunStart):
                self._run = message.run
            yield message

    def _decoded(self, wire: str, raw: Sequence[Sequence[Buffer]]) -> list[Incoming]:
        if wire not in self._receptions:
            self._receptions[wire] = Reception(wire, self._name, verify=self._verify)
        decode = self._receptions[wire].decode
        return [message for parts in raw for message in decode(parts)]

    def _as_kept(self, record: Record) -> Message:
        """The message itself, as our own bus would bring it."""
        if record.kind == "frame":
            frame = replace(frame_of(record), source=self._name, received_ns=time.time_ns())
            return checked(frame)
        message = message_of(record)
        if isinstance(message, RunStart):
            self._run = message.run
            return replace(message, source=self._name, time_ns=time.time_ns())
        return RunStop(self._name, self._run, reason="end of the spool", time_ns=time.time_ns())
