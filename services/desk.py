"""The desk: hands what came in to its readers, each at its own pace.

A reader (archive, analysis, preview) is a queue with a policy, taken from by one or more workers on
one ROUTER socket. A worker says `hello`, then gives `credit` for so many frames; what it has in
hand is known, so that it can be given to another when the worker dies.

    worker -> desk   hello {reader, worker, credit} | credit {n} | result PARTS | receipt {..}
                     | opened | closed | ping
    desk -> worker   a message of ours (stream/wire), `bye`, or `who` (say hello again)

Decided 2026-11: results travel through the desk too, not by a socket of their own. Then one queue
orders frames, results and the stop for the archive, and nothing has to be waited for twice; their
bytes are passed on without a copy. Rejected: PUSH from each worker to the archive, where the stop
of a run can overtake its last results.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson
import zmq

from ..stream import wire
from ..stream.backlog import Backlog
from ..stream.errors import WireError
from ..stream.messages import Buffer, Frame, Message, Result, RunStart, RunStop
from ..stream.sockets import UNBOUNDED, open_socket
from .logs import logger

log = logger("desk")
HAND_BYTES = 256 << 20
"""Bytes one worker may have in hand, beside its credit; one frame is always allowed."""
WHO = b"who"
MOST_HANDS = 3
"""How many workers may die with a frame in hand before it is skipped: it may be what kills them."""


@dataclass(slots=True)
class Parcel:
    """One message on its way to one reader."""

    parts: Sequence[Buffer]
    nbytes: int
    key: tuple[str, int] | None = None
    """(run, number) of a frame; None for what must never be skipped."""
    hands: int = 0
    """How many workers have had it."""


@dataclass(slots=True)
class Worker:
    """One process that reads."""

    identity: bytes
    name: str
    credit: int = 0
    in_hand: dict[tuple[str, int], Parcel] = field(default_factory=dict)
    nbytes: int = 0
    """Of the frames in hand."""
    unsaid: deque[Parcel] = field(default_factory=deque)
    """Results and stops it was told and has not called safe yet, in order (the archive)."""

    @property
    def free(self) -> bool:
        """Whether it can take one more frame."""
        return self.credit > 0 and (self.nbytes < HAND_BYTES or not self.in_hand)

    def hand(self, key: tuple[str, int], parcel: Parcel) -> None:
        """Put a frame in its hand."""
        self.credit -= 1
        parcel.hands += 1
        self.in_hand[key] = parcel
        self.nbytes += parcel.nbytes

    def done(self, key: tuple[str, int]) -> None:
        """Take a frame out of its hand: it has answered."""
        parcel = self.in_hand.pop(key, None)
        if parcel is not None:
            self.nbytes -= parcel.nbytes


@dataclass(slots=True)
class Reader:
    """One way out of the desk, with its policy."""

    name: str
    backlog: Backlog[Parcel]
    ordered: bool = False
    """Whether starts, results and stops stand in the queue too (the archive), or are told to
    every worker at once (the rest)."""
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
    """What a worker said of frames it was given."""

    reader: str
    worker: str
    kind: str
    """result | receipt | closed | hello"""
    said: dict[str, Any]
    parts: Sequence[Buffer] = ()


class Desk:
    """The readers of one ingest process."""

    def __init__(self, endpoint: str, readers: Sequence[Reader]) -> None:
        self.readers = {reader.name: reader for reader in readers}
        self._starts: dict[str, Sequence[Buffer]] = {}
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

    def give(self, message: Message) -> list[Skipped]:
        """Pass `message` on to every reader; say which frames gave way."""
        parts = wire.encode(message)
        if isinstance(message, Frame):
            return self._give_frame(message, parts)
        if isinstance(message, RunStart):
            self._starts[message.run] = parts
        elif isinstance(message, RunStop):
            self._starts.pop(message.run, None)
        self.give_parts(parts, everyone=not isinstance(message, Result))
        return []

    def give_parts(self, parts: Sequence[Buffer], *, everyone: bool) -> None:
        """Pass on what is no frame: in order to the archive, at once to the others."""
        for reader in self.readers.values():
            if reader.ordered:
                # no bytes are charged: a result must not make the detector wait
                reader.backlog.give_last(Parcel(parts, 0))
                self._hand_out(reader)
            elif everyone:
                for worker in reader.workers.values():
                    self._send(worker, parts)

    def _give_frame(self, frame: Frame, parts: Sequence[Buffer]) -> list[Skipped]:
        skipped = []
        nbytes = frame.nbytes
        for reader in self.readers.values():
            parcel = Parcel(parts, nbytes, (frame.run, frame.number))
            for lost in reader.backlog.offer(parcel, nbytes):
                if lost.key is not None:
                    reason = "decimated" if lost is parcel else "backlog_full"
                    skipped.append(Skipped(reader.name, *lost.key, reason))
            self._hand_out(reader)
        return skipped

    def _hand_out(self, reader: Reader) -> None:
        backlog = reader.backlog
        while (parcel := backlog.peek()) is not None and reader.workers:
            worker = max(reader.workers.values(), key=lambda w: (w.free, w.credit))
            if parcel.key is not None and not worker.free:
                return
            backlog.take()
            if parcel.key is not None:
                worker.hand(parcel.key, parcel)
            else:
                worker.unsaid.append(parcel)
            self._send(worker, parcel.parts)

    def _send(self, worker: Worker, parts: Sequence[Buffer]) -> None:
        self.socket.send_multipart([worker.identity, *parts], copy=False)

    def serve(self) -> Iterator[Receipt | Skipped]:
        """Take what the workers say, and hand out what they have credit for."""
        while True:
            try:
                identity, kind, *parts = self.socket.recv_multipart(zmq.DONTWAIT, copy=False)
            except zmq.Again:
                return
            except ValueError:
                continue
            try:
                buffers = [part.buffer for part in parts]
                yield from list(self._heard(identity.bytes, kind.bytes, buffers))
            except (WireError, ValueError, KeyError, TypeError, IndexError) as error:
                log.warning("nonsense at the desk", said=kind.bytes[:20], error=repr(error)[:200])

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
            self._hand_out(reader)
            return
        said = wire.read_head(parts) if kind == b"result" else orjson.loads(parts[0])
        for _ in range(min(int(said.get("told", 0)), len(worker.unsaid))):
            worker.unsaid.popleft()
        for number in said.get("frames", ()):
            worker.done((said["run"], number))
        self._hand_out(reader)
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
        for parts in self._starts.values():
            if not reader.ordered or before is not None:
                self._send(worker, parts)
                if reader.ordered:
                    worker.unsaid.append(Parcel(parts, 0))
        yield Receipt(reader.name, name, "hello" if before is None else "again", said)
        self._hand_out(reader)

    def _bereave(self, reader: Reader, worker: Worker) -> Iterator[Skipped]:
        """Take back what a dead worker had in hand, first come first."""
        self._by_identity.pop(worker.identity, None)
        for key, parcel in reversed(worker.in_hand.items()):
            if parcel.hands >= MOST_HANDS and not reader.ordered:
                yield Skipped(reader.name, *key, "crashed_the_analysis")
            else:
                reader.backlog.give_back(parcel, parcel.nbytes)
        for parcel in worker.unsaid:  # after the frames they speak of
            if parcel.parts not in self._starts.values():
                reader.backlog.give_last(parcel)
        log.warning("a worker died", worker=worker.name, in_hand=len(worker.in_hand))

    def withdraw(self, reader: str, run: str, reason: str) -> Iterator[Skipped]:
        """Take the frames of `run` out of a reader's queue and hands: nobody waits for them."""
        way = self.readers[reader]
        for parcel in way.backlog.withdraw(lambda p: p.key is not None and p.key[0] == run):
            if parcel.key is not None:
                yield Skipped(reader, *parcel.key, reason)
        for worker in way.workers.values():
            for key in [key for key in worker.in_hand if key[0] == run]:
                worker.done(key)
                yield Skipped(reader, *key, reason)

    def close(self) -> None:
        """Say goodbye to every worker."""
        for reader in self.readers.values():
            for worker in reader.workers.values():
                self._send(worker, [b"bye"])
        self.socket.close(1000)
