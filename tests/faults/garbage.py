"""Garbage on TCP ports: what scanners, wrong programs and attackers send to a listening socket."""

from __future__ import annotations

import contextlib
import os
import random
import socket
import struct
import threading
from collections.abc import Callable, Iterable
from pathlib import Path

GREETING = b"\xff" + bytes(8) + b"\x7f" + b"\x03\x00" + b"NULL".ljust(20, b"\0") + b"\0" + bytes(31)
"""What a ZeroMQ peer without encryption says first (ZMTP 3.0, 64 bytes)."""
READY = b"\x04\x19\x05READY\x0bSocket-Type\x00\x00\x00\x04PUSH"
HELD = 16
"""Connections that are opened, say half a word, and never more."""


def ports_of(pids: Iterable[int]) -> list[int]:
    """The TCP ports that these processes listen on."""
    inodes = set()
    for pid in pids:
        with contextlib.suppress(OSError):
            for link in Path(f"/proc/{pid}/fd").iterdir():
                with contextlib.suppress(OSError):
                    inodes.add(os.readlink(link))
    found = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        with contextlib.suppress(OSError):
            for line in Path(table).read_text().splitlines()[1:]:
                words = line.split()
                if words[3] == "0A" and f"socket:[{words[9]}]" in inodes:
                    found.add(int(words[1].rpartition(":")[2], 16))
    return sorted(found)


class Shouting(threading.Thread):
    """Sends garbage to all ports in turn until it is told to end."""

    def __init__(self, ports: list[int], seed: int) -> None:
        super().__init__(daemon=True)
        self.ports = ports
        self.shouted = 0
        self._rng = random.Random(f"{seed}/garbage")  # noqa: S311
        self._gone = threading.Event()
        self._held: list[socket.socket] = []

    def run(self) -> None:
        """Shout."""
        while not self._gone.wait(0.005):
            port = self.ports[self.shouted % len(self.ports)]
            with contextlib.suppress(OSError):  # it may hang up on us: that is its right
                self._shout(port)
            self.shouted += 1

    def _shout(self, port: int) -> None:
        peer = socket.create_connection(("127.0.0.1", port), timeout=2)
        keep = len(self._held) < HELD
        try:
            self._rng.choice(_WORDS)(peer, self._rng)
            peer.settimeout(0.02)
            with contextlib.suppress(TimeoutError):
                peer.recv(4096)
        finally:
            if keep:
                self._held.append(peer)
            else:
                peer.close()

    def end(self) -> None:
        """Stop, and hang up everywhere."""
        self._gone.set()
        self.join(10)
        for peer in self._held:
            peer.close()


# words: each says something to a fresh connection


def _noise(peer: socket.socket, rng: random.Random) -> None:
    peer.sendall(rng.randbytes(rng.choice((0, 1, 10, 64, 1000, 100_000))))


def _http(peer: socket.socket, rng: random.Random) -> None:
    lines = (
        b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n",
        b"GET /../../etc/passwd HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\n\r\n",
        b"POST /api/select HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 99999999999\r\n\r\n{",
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFF\r\n",
        b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 5000,
        b"GET /ws HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Key: !\r\nSec-WebSocket-Version: 13\r\n\r\n\xff\xff\xff\xff",
        b"\x00\x00\x00 / HTTP/9.9\n\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(9),
        b"\x16\x03\x01\x00\xf0\x01\x00\x00\xec\x03\x03" + rng.randbytes(200),
    )
    peer.sendall(rng.choice(lines))


def _cut_greeting(peer: socket.socket, rng: random.Random) -> None:
    peer.sendall(GREETING[: rng.randrange(len(GREETING))])


def _wrong_greeting(peer: socket.socket, rng: random.Random) -> None:
    greeting = bytearray(GREETING)
    for _ in range(rng.choice((1, 4))):
        greeting[rng.randrange(len(greeting))] = rng.randrange(256)
    peer.sendall(bytes(greeting) + rng.randbytes(30))


def _half_peer(peer: socket.socket, rng: random.Random) -> None:
    """A ZeroMQ peer up to a point."""
    peer.sendall(GREETING)
    ready = bytearray(READY)
    if rng.random() < 0.7:
        ready[rng.randrange(len(ready))] = rng.randrange(256)
    peer.sendall(bytes(ready)[: rng.choice((3, 20, 99))])


def _huge(peer: socket.socket, rng: random.Random) -> None:
    """A message that claims to be huge, and some of it."""
    claimed = rng.choice((1 << 20, 1 << 29, (1 << 30) + 1, 1 << 40, (1 << 63) - 1, (1 << 64) - 1))
    flags = rng.choice((2, 3, 6, 7, 0xFE))
    peer.sendall(GREETING + READY + struct.pack(">BQ", flags, claimed) + rng.randbytes(5000))


def _endless_parts(peer: socket.socket, rng: random.Random) -> None:
    """A multipart message that never ends, and is cut."""
    peer.sendall(GREETING + READY + b"\x01\x01x" * rng.choice((10, 10_000)))


def _old(peer: socket.socket, rng: random.Random) -> None:
    """ZMTP 1 and 2."""
    peer.sendall(rng.choice((b"\x01\x00", b"\xff" + bytes(8) + b"\x7f\x01\x08\x00")) + bytes(20))


_WORDS: tuple[Callable[[socket.socket, random.Random], None], ...] = (
    *(_noise, _noise, _http, _http, _cut_greeting, _wrong_greeting, _half_peer, _huge),
    *(_endless_parts, _old),
)
