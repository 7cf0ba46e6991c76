"""The load of a bench: a pretend detector that sends the same few frames again and again.

Run as `python -m beamside.services.bench.load`: reads one JSON line of what to send, prints the
endpoint, sends when told `go` on stdin, one series each time.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator

import numpy as np
import orjson
import zmq

from ...stream.decompress import encode
from ...stream.dectris import Encoder
from ...stream.messages import Buffer, Frame, RunStart, RunStop
from ...stream.sockets import open_socket

DISTINCT = 4
"""Different images, so that no cache knows the next one."""


def series(
    size: int, frames: int, encoding: str, number: int, packed: list[Frame], encoder: Encoder
) -> Iterator[list[Buffer]]:
    """One series as multiparts: start, `frames` frames, end."""
    run = str(number)
    start = RunStart("bench", run, expected=frames, shape=(size, size), dtype="<u2")
    for parts in encoder.encode(start):
        yield list(parts)
    blobs = [list(encoder.encode(frame)[0]) for frame in packed]
    heads = [orjson.loads(blob[0]) for blob in blobs]
    for n in range(frames):
        k = n % len(packed)
        head = orjson.dumps({**heads[k], "series": number, "frame": n})
        yield [head, *blobs[k][1:]]
    for parts in encoder.encode(RunStop("bench", run)):
        yield list(parts)


def images(size: int, encoding: str) -> list[Frame]:
    """Counts of a dark-ish detector: Poisson with a few bright spots, packed."""
    random = np.random.default_rng(7)
    packed = []
    for n in range(DISTINCT):
        image = random.poisson(1.5, (size, size)).astype("<u2")
        image[random.integers(0, size, 50), random.integers(0, size, 50)] += 1000
        packed.append(Frame("bench", "1", n, {"data": encode(image, encoding)}))
    return packed


def main() -> None:
    """Send a series each time that `go` is read; leave at the end of stdin."""
    want = orjson.loads(sys.stdin.readline())
    socket = open_socket(zmq.PUSH, send_hwm=max(4, (64 << 20) // (want["size"] ** 2 * 2)))
    socket.bind("tcp://127.0.0.1:*")
    packed = images(want["size"], want["encoding"])
    encoder = Encoder()
    endpoint = socket.getsockopt_string(zmq.LAST_ENDPOINT)
    sys.stdout.write(orjson.dumps({"endpoint": endpoint}).decode() + "\n")
    sys.stdout.flush()
    for number, line in enumerate(sys.stdin, start=1):
        if line.strip() != "go":
            break
        for parts in series(
            want["size"], want["frames"], want["encoding"], number, packed, encoder
        ):
            socket.send_multipart(parts, copy=False)
    socket.close(2000)


if __name__ == "__main__":
    main()
