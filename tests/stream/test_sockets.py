from __future__ import annotations

import contextlib
import socket as tcp
import threading

import pytest
import zmq

from beamside.stream.lifeline import Lifeline
from beamside.stream.sockets import LONGEST, LONGEST_SUBSCRIPTION, open_async_socket, open_socket

ENOUGH = 700
"""Attempts to connect, five events each: more than a queue of ZeroMQ's default would hold."""


@pytest.mark.parametrize("kind", [zmq.PUB, zmq.PUSH, zmq.SUB, zmq.PULL, zmq.ROUTER, zmq.DEALER])
def test_no_socket_is_without_bounds(kind: int) -> None:
    for opened in (open_socket, open_async_socket):
        socket = opened(kind)
        sends_only = kind in (zmq.PUB, zmq.PUSH)
        longest = LONGEST_SUBSCRIPTION if sends_only else LONGEST
        assert socket.getsockopt(zmq.MAXMSGSIZE) == longest
        assert socket.getsockopt(zmq.SNDHWM) == socket.getsockopt(zmq.RCVHWM) == 1000
        assert socket.getsockopt(zmq.LINGER) == 0
        socket.close(0)


def test_who_says_too_much_is_cut_off_and_the_others_are_heard() -> None:
    bound = open_socket(zmq.PULL, longest=1000)
    bound.bind("tcp://127.0.0.1:*")
    bad, good = open_socket(zmq.PUSH), open_socket(zmq.PUSH)
    for socket in (bad, good):
        socket.connect(bound.getsockopt_string(zmq.LAST_ENDPOINT))
    bad.send(bytes(1001))
    good.send(b"good")
    assert bound.poll(5000)
    assert bound.recv() == b"good"
    for socket in (bound, bad, good):
        socket.close(0)


def test_a_peer_that_comes_and_goes_freezes_no_other_socket() -> None:
    """The monitor is written by the I/O thread, which must never have to wait for a reader."""
    door = tcp.create_server(("127.0.0.1", 0))
    came = threading.Semaphore(0)

    def slam() -> None:
        with contextlib.suppress(OSError):
            while True:
                door.accept()[0].close()
                came.release()

    slamming = threading.Thread(target=slam, daemon=True)
    slamming.start()
    source = open_socket(zmq.PULL)
    source.setsockopt(zmq.RECONNECT_IVL, 1)
    address = f"tcp://127.0.0.1:{door.getsockname()[1]}"
    lifeline = Lifeline(source, address)
    source.connect(address)
    try:
        # nobody reads the monitor: ingest does not, as long as its readers are full
        assert all(came.acquire(timeout=10) for _ in range(ENOUGH)), "the I/O thread stands still"
    finally:
        door.shutdown(tcp.SHUT_RDWR)
        door.close()
        lifeline.mend()  # lets the I/O thread go on, if it stood still
        lifeline.close()
        source.close(0)
        slamming.join(5)
