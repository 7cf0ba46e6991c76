"""bluesky's events joined to frames, by run and frame number: never by order or by clock.

Which frame an event is about is said by the event itself (a column with the frame's number, and
beside it one with the detector's run: `beamside_frame` and `beamside_run` of our own `Reading`, or
columns that are named here), or by a `stream_datum`, whose indices are the frames of its events.
Which run that is, where no column says so: what the start document has under `beamside_run`, else
its uid. A stream that starts late lacks its start and its descriptors: its events are counted and
left out until a run begins; which run they belong to is never guessed by when they came.
"""

from __future__ import annotations

import re
from collections import Counter, OrderedDict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from .facts import LARGEST, Facts, in_nm_where_a_length

MOST = 1000
"""Runs and descriptors that are remembered."""
MOST_COLUMNS = 64
"""Numbers of one event that are taken."""
MOST_UNIT = 16
MOST_FRAMES = 1 << 40
MOST_WAITING = 10_000
"""Events that wait for their frame's number."""
OURS = "beamside:"
"""Begins the `source` of what we said ourselves: no need to be told."""
MALFORMED = (KeyError, TypeError, ValueError, AttributeError, OverflowError)
_FOREIGN = re.compile(r"[^A-Za-z0-9_]+")


@dataclass(frozen=True, slots=True)
class Placed:
    """What bluesky says of one frame."""

    runs: tuple[str, ...]
    """What the run may be called."""
    frame: int
    facts: Facts


@dataclass(slots=True)
class _Stream:
    start: str
    units: dict[str, str]
    """Of the columns that are numbers and not ours."""
    frames: dict[int, int] = field(default_factory=dict)
    """Frame numbers by sequence number, as stream_datum says."""
    waiting: dict[int, Facts] = field(default_factory=dict)


class Joiner:
    """Takes documents in any number of interleaved runs; gives what they say of frames."""

    def __init__(self, frame: str | None = None, run: str | None = None) -> None:
        """`frame` and `run` name columns of events; without them any `*_frame` and `*_run`."""
        self.frame, self.run = frame, run
        self.left_out: Counter[str] = Counter()
        """Documents that could not be used, by reason: late, malformed, no_frame."""
        self._runs: OrderedDict[str, tuple[str, ...]] = OrderedDict()
        self._streams: OrderedDict[str, _Stream] = OrderedDict()

    def take(self, name: str, said: Mapping[str, Any]) -> list[Placed]:
        """Take in a document; what it, and those before it, say of frames."""
        placed: list[Placed] = []
        try:
            placed.extend(self._take(name, said))
        except MALFORMED:
            self.left_out["malformed"] += 1
        return placed

    def _take(self, name: str, said: Mapping[str, Any]) -> Iterator[Placed]:
        match name:
            case "start":
                known = said.get("beamside_run")
                uid = str(said["uid"])
                self._runs[uid] = (str(known),) if known is not None else (uid,)
                _shorten(self._runs)
            case "descriptor":
                keys = said["data_keys"]
                numbers = islice(((k, v) for k, v in keys.items() if _number(v)), MOST_COLUMNS)
                units = {str(k): str(v.get("units") or "")[:MOST_UNIT] for k, v in numbers}
                self._streams[str(said["uid"])] = _Stream(str(said["run_start"]), units)
                _shorten(self._streams)
            case "event":
                yield from self._event(said, said["data"], said["seq_num"], said["time"])
            case "event_page":
                for n in range(len(said["seq_num"])):
                    yield from self._row(said, n)
            case "stream_datum":
                yield from self._frames(said)

    def _row(self, page: Mapping[str, Any], n: int) -> list[Placed]:
        """One event of a page: a malformed one costs none of the others."""
        try:
            row = {key: values[n] for key, values in page["data"].items()}
            return list(self._event(page, row, page["seq_num"][n], page["time"][n]))
        except (*MALFORMED, IndexError):
            self.left_out["malformed"] += 1
            return []

    def _event(
        self, said: Mapping[str, Any], row: Mapping[str, Any], number: int, time: float
    ) -> Iterator[Placed]:
        stream = self._streams.get(str(said["descriptor"]))
        if stream is None:
            self.left_out["late"] += 1
            return
        counter = self._frame_column(row)
        facts = _facts(stream, row, counter, time)
        if counter is not None:
            yield from self._placed(self._run_of(stream, row, counter), row[counter], facts)
        elif number in stream.frames:
            yield from self._placed(self._runs.get(stream.start), stream.frames[number], facts)
        elif len(stream.waiting) < MOST_WAITING:
            stream.waiting[int(number)] = facts  # its stream_datum may come behind it
        else:
            self.left_out["no_frame"] += 1

    def _frames(self, said: Mapping[str, Any]) -> Iterator[Placed]:
        stream = self._streams.get(str(said["descriptor"]))
        if stream is None:
            self.left_out["late"] += 1
            return
        indices, numbers = said["indices"], said["seq_nums"]
        first, last = int(numbers["start"]), int(numbers["stop"])
        if not 0 <= last - first <= MOST_WAITING:
            raise ValueError(f"{last - first} events in one document")
        for number in range(first, last):
            frame = stream.frames[number] = _whole(indices["start"]) + number - first
            if number in stream.waiting:
                runs = self._runs.get(stream.start)
                yield from self._placed(runs, frame, stream.waiting.pop(number))
        while len(stream.frames) > 2 * MOST_WAITING:
            del stream.frames[next(iter(stream.frames))]

    def _placed(self, runs: tuple[str, ...] | None, frame: Any, facts: Facts) -> Iterator[Placed]:
        if runs is None:
            self.left_out["late"] += 1  # which run it is was said before we listened
        else:
            yield Placed(runs, _whole(frame), facts)

    def _frame_column(self, row: Mapping[str, Any]) -> str | None:
        """The column with the frame's number: as named, else one with its run beside it, else any.

        A detector's own counter may stand before that of our `Reading`, which knows the run.
        """
        if self.frame is not None:
            return self.frame if self.frame in row else None
        counters = [name for name in row if name.endswith("_frame")]
        with_run = (name for name in counters if self._run_column(name) in row)
        return next(with_run, counters[0] if counters else None)

    def _run_column(self, frame: str) -> str:
        return self.run or f"{frame.removesuffix('_frame')}_run"

    def _run_of(
        self, stream: _Stream, row: Mapping[str, Any], frame: str
    ) -> tuple[str, ...] | None:
        column = self._run_column(frame)
        return (str(row[column]),) if column in row else self._runs.get(stream.start)


def _facts(stream: _Stream, row: Mapping[str, Any], counter: str | None, time: float) -> Facts:
    facts: Facts = {"bluesky_time": (_finite(time), "s")}
    for column, unit in stream.units.items():
        if column in row and column != counter:
            name, fact = in_nm_where_a_length(_valid(column), _finite(row[column]), unit)
            facts[name] = fact
    return facts


def _whole(value: Any) -> int:
    """A frame's number as the wire takes it; ValueError for any other value."""
    known = isinstance(value, int | float) and not isinstance(value, bool)
    if not known or value != value // 1 or not 0 <= value < MOST_FRAMES:
        raise ValueError(f"{value!r} is no frame's number")
    return int(value)


def _finite(value: Any) -> float:
    number = float(value)
    if not -LARGEST < number < LARGEST:
        raise ValueError(f"{value!r} is no finite number")
    return number


def _number(key: Mapping[str, Any]) -> bool:
    """Whether a data key is one number that the instrument said, not we."""
    ours = str(key.get("source", "")).startswith(OURS)
    return key.get("dtype") in ("number", "integer") and not key.get("shape") and not ours


def _valid(column: str) -> str:
    return _FOREIGN.sub("_", column)[:60].strip("_") or "unnamed"


def _shorten(known: OrderedDict[str, Any]) -> None:
    while len(known) > MOST:
        known.popitem(last=False)
