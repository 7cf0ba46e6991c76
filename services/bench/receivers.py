"""The two ways to receive that are compared: ours with its account, and a bare loop.

Run as `python -m beamside.services.bench.receivers`: reads one JSON line {endpoint, way, frames,
decode}, prints `ready`, receives one series, prints what it cost.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import orjson
import zmq

from ...stream.decompress import decode
from ...stream.ledger import Ledger
from ...stream.messages import Frame, RunStop
from ...stream.sockets import open_socket
from ...stream.sources import ZmqSource
from ...stream.urls import parse_url


def ours(endpoint: str, frames: int, unpack: bool, verify: bool) -> dict[str, Any]:
    """Receive, keep the account, check every block, decode and sum."""
    source = ZmqSource(parse_url(f"dectris+{endpoint}?verify={int(verify)}"), "bench")
    ledger = Ledger("bench")
    total: np.ndarray | None = None
    poller = zmq.Poller()
    poller.register(source.socket, zmq.POLLIN)
    _ready()
    clock = Clock()
    ended = False
    while not ended:
        arrived = source.receive(1)  # one at a time: it is still in the cache when decoded
        if not arrived:
            poller.poll()
        for came in arrived:
            clock.start()
            ended = ended or isinstance(came, RunStop)
            for message in ledger.enter(came, time.monotonic_ns()):
                if isinstance(message, Frame) and unpack:
                    image = decode(message.channels["data"], checked=True)
                    if total is None:
                        total = np.zeros(image.shape, np.float32)
                    np.add(total, image, out=total)
    run = ledger.last
    received = len(run.account.received) if run else 0
    return clock.stop(received, frames, total)


def bare(endpoint: str, frames: int, unpack: bool, verify: bool) -> dict[str, Any]:
    """Receive and, if wanted, decode and sum: no checks, no account, no run."""
    del verify
    socket = open_socket(zmq.PULL, receive_hwm=256)
    socket.connect(endpoint)
    unpacked = _bare_decoder()
    total: np.ndarray | None = None
    _ready()
    clock = Clock()
    received = 0
    while True:
        parts = socket.recv_multipart(copy=False)
        clock.start()
        head = orjson.loads(parts[0].buffer)
        if head["htype"].startswith("dseries_end"):
            break
        if not head["htype"].startswith("dimage"):
            continue
        received += 1
        if unpack:
            shape = orjson.loads(parts[1].buffer)["shape"][::-1]
            image = unpacked(parts[2].buffer).reshape(shape)
            if total is None:
                total = np.zeros(image.shape, np.float32)
            np.add(total, image, out=total)
    return clock.stop(received, frames, total)


def _bare_decoder() -> Callable[[memoryview], np.ndarray]:
    try:
        from dectris.compression import decompress
    except ImportError:
        import bitshuffle

        def by_bitshuffle(blob: memoryview) -> np.ndarray:
            size = int.from_bytes(blob[:8], "big") // 2
            block = int.from_bytes(blob[8:12], "big") // 2
            data = np.frombuffer(blob, np.uint8, offset=12)
            image: np.ndarray = bitshuffle.decompress_lz4(data, (size,), np.dtype("<u2"), block)
            return image

        return by_bitshuffle
    return lambda blob: np.frombuffer(decompress(blob, "bslz4", elem_size=2), "<u2")


class Clock:
    """CPU and wall time from the first message on."""

    def __init__(self) -> None:
        self._began: tuple[float, float] | None = None

    def start(self) -> None:
        """Begin, if not begun."""
        if self._began is None:
            self._began = (time.process_time(), time.perf_counter())

    def stop(self, received: int, sent: int, total: np.ndarray | None) -> dict[str, Any]:
        """What it cost, and what came."""
        cpu, wall = self._began or (0.0, 0.0)
        return {
            "cpu_s": time.process_time() - cpu,
            "wall_s": time.perf_counter() - wall,
            "received": received,
            "lost": sent - received,
            "sum": None if total is None else float(total.sum(dtype=np.float64)),
        }


def _ready() -> None:
    sys.stdout.write("ready\n")
    sys.stdout.flush()


def main() -> None:
    """Receive one series, as told on stdin."""
    want = orjson.loads(sys.stdin.readline())
    way = ours if want["way"] == "ours" else bare
    cost = way(want["endpoint"], want["frames"], want["decode"], want["verify"])
    sys.stdout.write(orjson.dumps(cost).decode() + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
