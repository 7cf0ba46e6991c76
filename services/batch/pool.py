"""Workers: as many frames in flight as there are of them, and one that dies costs one frame."""

from __future__ import annotations

import contextlib
import os
import selectors
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from ..service import ENVIRONMENT

Job = Mapping[str, Any]
Answer = dict[str, Any]
MOST_DEATHS = 5
"""Workers that die one after the other before it is no frame's fault."""


class WorkersError(RuntimeError):
    """The workers die whatever they are given; the text says how."""


@dataclass(slots=True)
class _Hand:
    """One worker and the job that it has."""

    process: subprocess.Popen[bytes]
    job: Job | None = None


class Pool:
    """Processes that do jobs; use it in a `with`."""

    def __init__(self, technique: str, workers: int) -> None:
        self._technique = technique
        self._hands: list[_Hand] = []
        self._selector = selectors.DefaultSelector()
        self._deaths = 0
        self._many = workers

    def __enter__(self) -> Pool:
        return self

    def __exit__(self, *trouble: object) -> None:
        for hand in self._hands:
            self._end(hand)
        self._selector.close()

    def run(
        self, jobs: Iterable[Job], stop: Callable[[], bool] = lambda: False
    ) -> Iterator[Answer]:
        """Do all jobs, each by a worker that is free, and give the answers as they come.

        Once `stop` says so no further job is begun. Each job has an `id`, as has its answer; what a
        worker died of is an `error` with `died`. WorkersError if they die whatever they are given.
        """
        waiting = iter(jobs)
        more = True
        while True:
            while more and not stop() and self._room():
                job = next(waiting, None)
                more = job is not None
                if job is not None:
                    self._give(self._free(), job)
            if all(hand.job is None for hand in self._hands):
                return
            yield from self._answers()
            more = more and not stop()

    def _room(self) -> bool:
        return sum(hand.job is not None for hand in self._hands) < self._many

    def _free(self) -> _Hand:
        """A worker without a job; a new one only where there is a job for it: starting is dear."""
        for hand in self._hands:
            if hand.job is None:
                return hand
        process = subprocess.Popen(  # noqa: S603  our own interpreter and module
            [sys.executable, "-m", "beamside.services.batch.worker", self._technique],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, **ENVIRONMENT, "MPLBACKEND": "agg"},
            start_new_session=True,  # Ctrl-C is for the batch alone: it lets frames in hand end
        )
        hand = _Hand(process)
        self._hands.append(hand)
        self._selector.register(_out(process), selectors.EVENT_READ, hand)
        return hand

    def _give(self, hand: _Hand, job: Job) -> None:
        hand.job = job
        with contextlib.suppress(BrokenPipeError):  # it is dead: read as its answer
            stdin = hand.process.stdin
            if stdin is not None:
                stdin.write(orjson.dumps(dict(job)) + b"\n")
                stdin.flush()

    def _answers(self) -> Iterator[Answer]:
        for key, _ in self._selector.select(1.0):
            hand: _Hand = key.data
            line = _out(hand.process).readline()
            if line.endswith(b"\n"):
                self._deaths, hand.job = 0, None
                yield orjson.loads(line)
            else:
                yield from self._buried(hand)

    def _buried(self, hand: _Hand) -> Iterator[Answer]:
        """Take a dead worker out; its job has its death for an answer."""
        self._selector.unregister(_out(hand.process))
        self._hands.remove(hand)
        code = self._end(hand)
        self._deaths += 1
        how = f"signal {-code}" if code < 0 else f"exit code {code}"
        if self._deaths >= MOST_DEATHS:
            raise WorkersError(
                f"{MOST_DEATHS} workers died one after the other, the last with {how}; is there "
                "enough memory? Give fewer --workers; finished frames are kept"
            )
        if hand.job is not None:
            words = f"the process that worked on it died ({how}): out of memory, or a damaged file"
            yield {"id": hand.job["id"], "error": words, "broken": True, "died": True}

    @staticmethod
    def _end(hand: _Hand) -> int:
        process = hand.process
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()
        try:
            return process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            return process.wait()


def _out(process: subprocess.Popen[bytes]) -> Any:
    if process.stdout is None:  # it was asked for
        raise RuntimeError("a worker without stdout")
    return process.stdout
