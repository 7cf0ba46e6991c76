"""The desk: hands what came in to its readers, each at its own pace.

A reader (analysis, preview) is a queue with a policy, taken from by one or more workers on one
ROUTER socket. A worker says `hello`, then gives `credit` for so many frames; what it has in hand
is known, so that it can be given to another when the worker dies.

    worker -> desk   hello {reader, worker, credit} | credit {n} | result PARTS | ping
                     receipt {..} | closed {..}                      (the archiver)
                     gathered {..}                                   (a gatherer)
                     calibration {id, action, ..}                    (the page, for a person)
                     steering {id, action, ..}            (the page, for a person or a steerer)
                     choice {id, kind, ..}                           (the page, for a person)
    desk -> worker   frames {..} | tail {..} | a message of ours (stream/wire) | bye
                     | who (say hello again) | accepted {..} | answer {id, ..} | placed {run, rows}
                     | chosen {..}

Pixels never pass here. Decided 2026-11: the spool is the shared memory. A frame is handed out as
its place in the spool, which the worker maps; so one copy serves the disk and every reader, and a
worker that is killed holds nothing that had to be won back. Rejected: slots in shared memory beside
the spool, a second copy of each frame and a second thing to recover.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson
import zmq

from ..stream import wire
from ..stream.backlog import Backlog
from ..stream.errors import WireError
from ..stream.messages import Buffer, RunStart, RunStop
from ..stream.sockets import UNBOUNDED, open_socket
from ..stream.spool import Place
from .logs import logger

log = logger("desk")
HAND_BYTES = 256 << 20
"""Bytes one worker may have in hand, beside its credit; one frame is always allowed."""
WHO = b"who"
BYE = b"bye"
FRAMES = b"frames"
TAIL = b"tail"
ACCEPTED = b"accepted"
CHOSEN = b"chosen"
ANSWER = b"answer"
PLACED = b"placed"
ARCHIVE, GATHER = "archive", "gather"
FOLLOWERS = (ARCHIVE, GATHER)
"""The readers that take no frames here: they follow the spools themselves."""
MOST_HANDS = 3
"""How many workers may die with a frame in hand before it is skipped: it may be what kills them."""


@dataclass(slots=True)
class Parcel:
    """One frame on its way to one reader: where it lies in the spool."""

    run: str
    number: int
    place: Place
    nbytes: int
    hands: int = 0
    """How many workers have had it."""

    @property
    def key(self) -> tuple[str, int]:
        """What it is known by."""
        return self.run, self.number


@dataclass(slots=True)
class Worker:
    """One process that reads."""

    identity: bytes
    name: str
    credit: int = 0
    in_hand: dict[tuple[str, int], Parcel] = field(default_factory=dict)
    nbytes: int = 0
    """Of the frames in hand."""

    @property
    def free(self) -> bool:
        """Whether it can take one more frame."""
        return self.credit > 0 and (self.nbytes < HAND_BYTES or not self.in_hand)

    def hand(self, parcel: Parcel) -> None:
        """Put a frame in its hand, until it has answered."""
        parcel.hands += 1
        self.in_hand[parcel.key] = parcel
        self.nbytes += parcel.nbytes

    def done(self, key: tuple[str, int]) -> Parcel | None:
        """Take a frame out of its hand: it has answered."""
        parcel = self.in_hand.pop(key, None)
        if parcel is not None:
            self.nbytes -= parcel.nbytes
        return parcel


@dataclass(slots=True)
class Reader:
    """One way out of the desk, with its policy."""

    name: str
    backlog: Backlog[Parcel]
    pins: bool = True
    """Whether a frame is kept until this reader has answered it: all but the preview, which never
    answers, so that nothing is counted as in its hand."""
    workers: dict[str, Worker] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Skipped:
    """A frame that gave way."""

    reader: str
    run: str
    number: int
    reason: str


@dataclass(frozen=True, slots=True)
class Receipt:
    """What a worker said."""

    reader: str
    worker: str
    kind: str
    """hello | again | result | receipt | closed | gathered | calibration | steering | choice"""
    said: dict[str, Any]
    parts: Sequence[Buffer] = ()


class Desk:
    """The readers of one ingest process."""

    def __init__(self, endpoint: str, readers: Sequence[Reader]) -> None:
        self.readers = {reader.name: reader for reader in readers}
        self.spools: Callable[[str], str] = str
        """Where the spool of a run is."""
        self.pinned: dict[str, Counter[int]] = defaultdict(Counter)
        """By run: how many frames of each spool segment are still wanted."""
        self._starts: dict[str, Sequence[Buffer]] = {}
        self._posted: dict[bytes, dict[str, Any]] = {}
        # credit is the bound
        self.socket = open_socket(
            zmq.ROUTER, linger_ms=1000, send_hwm=UNBOUNDED, receive_hwm=UNBOUNDED
        )
        self.socket.bind(endpoint)
        self._by_identity: dict[bytes, tuple[Reader, Worker]] = {}

    @property
    def full(self) -> bool:
        """Whether a reader that must lose nothing can take no more."""
        return any(r.backlog.policy == "wait" and r.backlog.full for r in self.readers.values())

    def announce(self, message: RunStart | RunStop) -> None:
        """Tell every worker that a run begins or ends."""
        parts = wire.encode(message)
        if isinstance(message, RunStart):
            self._starts[message.run] = parts
        else:
            self._starts.pop(message.run, None)
        for reader in self.readers.values():
            for worker in reader.workers.values():
                if reader.name != ARCHIVE:
                    self._send(worker, parts)

    def tell(self, reader: str, what: dict[str, Any], kind: bytes = TAIL) -> None:
        """Tell every worker of a reader, if there is one: how far the spool of a run goes, say."""
        way = self.readers.get(reader)
        for worker in way.workers.values() if way is not None else ():
            self._send(worker, [kind, orjson.dumps(what)])

    def post(self, kind: bytes, what: dict[str, Any]) -> None:
        """Tell every worker something that holds until it is posted anew, also those to come."""
        self._posted[kind] = what
        for reader in self.readers.values():
            for worker in reader.workers.values():
                self._send(worker, [kind, orjson.dumps(what)])

    def reply(self, to: Receipt, what: dict[str, Any]) -> None:
        """Answer what a worker said, if it is still there."""
        reader = self.readers.get(to.reader)
        worker = reader.workers.get(to.worker) if reader is not None else None
        if worker is not None:
            self._send(worker, [ANSWER, orjson.dumps(what)])

    def give(self, run: str, number: int, place: Place, nbytes: int) -> list[Skipped]:
        """Queue a frame for every reader; say which gave way. `hand_out` sends what is queued."""
        skipped = []
        for reader in self.readers.values():
            if reader.name in FOLLOWERS:
                continue
            parcel = Parcel(run, number, place, nbytes)
            if reader.pins:
                self.pinned[run][place.segment] += 1
            for lost in reader.backlog.offer(parcel, nbytes):
                reason = "decimated" if lost is parcel else "backlog_full"
                skipped.append(self._skip(reader, lost, reason))
        return skipped

    def _skip(self, reader: Reader, parcel: Parcel, reason: str) -> Skipped:
        self._unpin(reader, parcel)
        return Skipped(reader.name, parcel.run, parcel.number, reason)

    def _unpin(self, reader: Reader, parcel: Parcel) -> None:
        if reader.pins:
            pins = self.pinned[parcel.run]
            pins[parcel.place.segment] -= 1
            if pins[parcel.place.segment] <= 0:
                del pins[parcel.place.segment]

    def hand_out(self) -> None:
        """Send what is queued to the workers that have asked for it."""
        for reader in self.readers.values():
            while (worker := self._freest(reader)) is not None:
                self._hand(reader, worker)

    def _freest(self, reader: Reader) -> Worker | None:
        free = [w for w in reader.workers.values() if w.free] if len(reader.backlog) else []
        return max(free, key=lambda w: (w.credit, -len(w.in_hand)), default=None)

    def _hand(self, reader: Reader, worker: Worker) -> None:
        """One message with as many frames of one run as the worker can take, and its fair share."""
        first = reader.backlog.peek()
        if first is None:
            return
        share = -(-len(reader.backlog) // len(reader.workers))
        refs: list[tuple[int, ...]] = []
        while worker.free and len(refs) < share:
            parcel = reader.backlog.peek()
            if parcel is None or parcel.run != first.run:
                break
            reader.backlog.take()
            worker.credit -= 1
            if reader.pins:
                worker.hand(parcel)
            at = parcel.place
            refs.append((parcel.number, at.segment, at.offset, at.nbytes))
        head = {"run": first.run, "spool": self.spools(first.run), "refs": refs}
        self._send(worker, [FRAMES, orjson.dumps(head)])

    def _send(self, worker: Worker, parts: Sequence[Buffer]) -> None:
        self.socket.send_multipart([worker.identity, *parts], copy=False)

    # what the workers say

    def serve(self) -> Iterator[Receipt | Skipped]:
        """Hear what the workers said, without waiting."""
        while True:
            try:
                identity, kind, *parts = self.socket.recv_multipart(zmq.DONTWAIT, copy=False)
            except zmq.Again:
                return
            except ValueError:
                continue  # a stranger's message of one part
            buffers = [part.buffer for part in parts]
            try:
                yield from self._heard(bytes(identity.buffer), bytes(kind.buffer), buffers)
            except (WireError, orjson.JSONDecodeError, LookupError, TypeError, ValueError) as error:
                log.warning("a worker said nonsense", error=repr(error)[:200])

    def _heard(
        self, identity: bytes, kind: bytes, parts: Sequence[Buffer]
    ) -> Iterator[Receipt | Skipped]:
        if kind == b"hello":
            yield from self._hello(identity, orjson.loads(parts[0]))
            return
        known = self._by_identity.get(identity)
        if known is None:
            # a reader of an ingest that died says hello again; what strangers say changes nothing
            self.socket.send_multipart([identity, WHO])
            return
        if kind == b"ping":
            return
        reader, worker = known
        if kind == b"credit":
            worker.credit += int(orjson.loads(parts[0])["n"])
            return
        said = wire.read_head(parts) if kind == b"result" else orjson.loads(parts[0])
        if kind == b"result":
            for number in said["frames"]:
                parcel = worker.done((said["run"], number))
                if parcel is not None:
                    self._unpin(reader, parcel)
        yield Receipt(reader.name, worker.name, kind.decode(), said, parts)

    def _hello(self, identity: bytes, said: dict[str, Any]) -> Iterator[Receipt | Skipped]:
        reader = self.readers.get(str(said.get("reader")))
        if reader is None:
            return
        name = str(said["worker"])
        known = reader.workers.get(name)
        if known is not None and known.identity == identity:
            return  # it was asked twice: the same process, with the same frames in hand
        before = reader.workers.pop(name, None)
        if before is not None:
            yield from self._bereave(reader, before)
        worker = Worker(identity, name, int(said["credit"]))
        reader.workers[name] = worker
        self._by_identity[identity] = (reader, worker)
        if reader.name != ARCHIVE:
            for parts in self._starts.values():
                self._send(worker, parts)
        for posted, what in self._posted.items():
            self._send(worker, [posted, orjson.dumps(what)])
        yield Receipt(reader.name, name, "hello" if before is None else "again", said)

    def _bereave(self, reader: Reader, worker: Worker) -> Iterator[Skipped]:
        """Take back what a dead worker had in hand, first come first."""
        self._by_identity.pop(worker.identity, None)
        for parcel in reversed(worker.in_hand.values()):
            if parcel.hands >= MOST_HANDS:
                yield self._skip(reader, parcel, "crashed_the_analysis")
            else:
                reader.backlog.give_back(parcel, parcel.nbytes)
        log.warning("a worker died", worker=worker.name, in_hand=len(worker.in_hand))

    def withdraw(self, reader: str, run: str | None, reason: str) -> Iterator[Skipped]:
        """Take the frames of `run` (None: of all) out of a reader's queue and hands."""
        way = self.readers[reader]
        for parcel in way.backlog.withdraw(lambda p: run is None or p.run == run):
            yield self._skip(way, parcel, reason)
        for worker in way.workers.values():
            for key in [key for key in worker.in_hand if run is None or key[0] == run]:
                held = worker.done(key)
                if held is not None:
                    yield self._skip(way, held, reason)

    def close(self) -> None:
        """Say goodbye to every worker."""
        for reader in self.readers.values():
            for worker in reader.workers.values():
                self._send(worker, [BYE])
        self.socket.close(1000)
