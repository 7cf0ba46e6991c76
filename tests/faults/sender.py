"""A detector that can be believed: it numbers its frames, and says what it has sent.

Run as `python -m beamside.tests.faults.sender`, and steered by lines:

    stdin    {"frames": 200, "rate": 300, "size": 64, "ring": false}    what to send
             go                series after series, until
             pause             the series under way is sent to its end
             rate 450          from now on
             (end of stdin)    leave at once
    stdout   {"endpoint": "tcp://127.0.0.1:..."}
             {"sent": {"1": [200, begun_s, ended_s], ...}, "behind_s": 0.01}     after each pause

Times are of the monotonic clock, which all processes of a machine share.
"""

from __future__ import annotations

import contextlib
import queue
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from typing import Any

import orjson

from beamside.stream.decompress import encode
from beamside.stream.dectris import Encoder
from beamside.stream.messages import Buffer, Frame, RunStart, RunStop
from beamside.stream.sinks import ZmqSink
from beamside.stream.urls import parse_url

from .images import DISTINCT, image, ring_image

POLL_S = 0.05


class Sender:
    """Sends series after series while it is told to."""

    def __init__(self, want: dict[str, Any]) -> None:
        self.frames: int = want["frames"]
        self.size: int = want["size"]
        self.rate: float = want["rate"]
        self.sink = ZmqSink(parse_url(want.get("url", "dectris+tcp://127.0.0.1:*")))
        self.sent: dict[str, list[float]] = {}
        self.behind_s = 0.0
        """How much too late a frame was sent at the worst: the service made it wait."""
        self.orders: queue.SimpleQueue[str] = queue.SimpleQueue()
        """go and pause, by turns; each go is at least one series."""
        self.gone = threading.Event()
        self._encoder = Encoder()
        self._ring = list(self._packed()) if want.get("ring") else []
        self._due = 0.0

    def _packed(self) -> Iterator[list[Buffer]]:
        for n in range(DISTINCT):
            pixels = encode(ring_image(n, self.size))
            yield list(self._encoder.encode(Frame("x", "1", n, {"data": pixels}))[0])

    def run(self) -> None:
        """Send until told to leave."""
        series = 0
        while not self.gone.is_set():
            if not self._told():
                continue
            while not self.gone.is_set():
                series += 1
                self._series(series)
                if self._told():
                    say({"sent": self.sent, "behind_s": round(self.behind_s, 4)})
                    self.sent, self.behind_s = {}, 0.0
                    break
        self.sink.close(0)

    def _told(self) -> bool:
        """Whether there is a new order: to go after a pause, to pause after a go."""
        with contextlib.suppress(queue.Empty):
            return bool(self.orders.get(timeout=0 if self.sent else POLL_S))
        return False

    def _series(self, series: int) -> None:
        run = str(series)
        begun = self._due = time.monotonic()
        shape = (self.size, self.size)
        start = RunStart("x", run, expected=self.frames, shape=shape, dtype="<u2",
                         time_ns=time.time_ns())  # fmt: skip
        self._push(self._encoder.encode(start))
        sent = 0
        for number in range(self.frames):
            self._pace()
            sent += self._push([self._frame(series, number)])
            self.sent[run] = [sent, begun, time.monotonic()]
        self._push(self._encoder.encode(RunStop("x", run)))

    def _frame(self, series: int, number: int) -> Sequence[Buffer]:
        now = time.time_ns()
        if not self._ring:
            pixels = encode(image(series, number, self.size))
            frame = Frame("x", str(series), number, {"data": pixels}, detector_ns=now)
            return self._encoder.encode(frame)[0]
        packed = self._ring[number % DISTINCT]
        head = {**orjson.loads(packed[0]), "series": series, "frame": number}
        (times,) = self._encoder.encode(Frame("x", str(series), number, EMPTY, detector_ns=now))
        return [orjson.dumps(head), packed[1], packed[2], times[3]]

    def _pace(self) -> None:
        if self.rate <= 0:
            return
        self._due += 1 / self.rate
        while (wait := self._due - time.monotonic()) > 0:
            time.sleep(wait)
        if -wait > 1:  # it was made to wait: what was not sent then is not sent in a burst
            self._due = time.monotonic()
        self.behind_s = max(self.behind_s, -wait)

    def _push(self, multiparts: Sequence[Sequence[Buffer]]) -> bool:
        """Send, however long nobody takes it: a detector waits too."""
        for parts in multiparts:
            while not self.sink.send_parts(parts, POLL_S):
                if self.gone.is_set():
                    return False
        return True


EMPTY = {"data": encode(image(0, 0, 8), "raw")}
"""The smallest image: only its time stamps are wanted."""


def say(what: dict[str, Any]) -> None:
    """Tell who started this."""
    sys.stdout.write(orjson.dumps(what).decode() + "\n")
    sys.stdout.flush()


def main() -> None:
    """Send as told."""
    sender = Sender(orjson.loads(sys.stdin.readline()))
    say({"endpoint": sender.sink.endpoint})
    thread = threading.Thread(target=sender.run)
    thread.start()
    for line in sys.stdin:
        match line.split():
            case ["go" | "pause" as order]:
                sender.orders.put(order)
            case ["rate", rate]:
                sender.rate = float(rate)
    sender.gone.set()
    thread.join()


if __name__ == "__main__":
    main()
