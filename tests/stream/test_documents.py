from __future__ import annotations

import pickle
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest
import zmq
from hypothesis import given, settings
from hypothesis import strategies as st

from beamside.stream.curve import Lock
from beamside.stream.documents import Documents, Publisher, decode, encode
from beamside.stream.errors import WireError
from beamside.stream.keyfiles import make_pair, read_public, write_public
from beamside.stream.sockets import open_socket


class Trap:
    """Unpickling this would leave a trace."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> Any:
        return (Path.touch, (self.trace,))


def taken(documents: Documents, count: int) -> list[tuple[str, dict[str, Any]]]:
    found: list[tuple[str, dict[str, Any]]] = []
    until = time.monotonic() + 10
    while len(found) < count and time.monotonic() < until:
        found += documents.receive()
        time.sleep(0.01)
    return found


@pytest.fixture
def proxy() -> Iterator[zmq.Socket[bytes]]:
    """The outgoing side of a proxy."""
    socket = open_socket(zmq.PUB)
    socket.bind("tcp://127.0.0.1:*")
    yield socket
    socket.close(0)


def listened(proxy: zmq.Socket[bytes], documents: Documents) -> None:
    """Wait until what is sent arrives."""
    until = time.monotonic() + 10
    while not list(documents.receive()) and time.monotonic() < until:
        proxy.send(encode("stop", {}))
        time.sleep(0.01)
    time.sleep(0.05)
    list(documents.receive())
    documents.refused.clear()


def test_numbers_of_numpy_travel_and_come_back() -> None:
    said = {"data": {"x": np.float64(1.5), "n": np.int32(3), "a": np.arange(3)}}
    assert decode(encode("event", said, b"x")) == (
        "event",
        {"data": {"x": 1.5, "n": 3, "a": [0, 1, 2]}},
    )


def test_a_prefix_without_a_space_tells_publishers_apart() -> None:
    message = encode("event", {}, b"ours")
    assert decode(message, b"ours") == ("event", {})
    assert decode(message, b"other") is None
    with pytest.raises(ValueError, match="no space"):
        encode("event", {}, b"a b")


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        (b"", "document_form"),
        (b" event", "document_form"),
        (b" evil {}", "document_name"),
        (b" event [1]", "document_json"),
        (b" event {", "document_json"),
        (b" event " + b'{"a":' * 2000, "document_json"),
        (b" event " + pickle.dumps({}), "pickle"),
    ],
)
def test_what_is_no_document_is_refused_by_name(message: bytes, reason: str) -> None:
    with pytest.raises(WireError) as raised:
        decode(message)
    assert raised.value.reason == reason


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200), st.sampled_from([b"", b" event ", b" start {", b"p stop "]))
def test_no_bytes_do_harm(noise: bytes, before: bytes) -> None:
    try:
        said = decode(before + noise)
    except WireError:
        return
    assert said is not None
    assert isinstance(said[1], dict)


def test_a_pickle_is_counted_and_never_opened(proxy: zmq.Socket[bytes], tmp_path: Path) -> None:
    documents = Documents(proxy.getsockopt_string(zmq.LAST_ENDPOINT))
    listened(proxy, documents)
    trace = tmp_path / "executed"
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        proxy.send(b" start " + pickle.dumps(Trap(trace), protocol))
    proxy.send_multipart([b" event {}", b"more"])
    proxy.send(encode("start", {"uid": "1"}))
    assert taken(documents, 1) == [("start", {"uid": "1"})]
    assert documents.refused.total() == pickle.HIGHEST_PROTOCOL + 2
    assert documents.refused["pickle"] >= pickle.HIGHEST_PROTOCOL - 1
    assert not trace.exists()
    documents.close()


def test_with_a_lock_only_who_has_a_key_hears_and_is_heard(tmp_path: Path) -> None:
    for name in ("proxy", "friend", "stranger"):
        make_pair(tmp_path / "keys", name)
    allowed = tmp_path / "keys/allowed"
    allowed.mkdir()
    write_public(allowed, "friend", read_public(tmp_path / "keys/friend.key"))
    incoming = open_socket(zmq.SUB)
    Lock(tmp_path / "keys/proxy.key_secret", allowed).put_on(incoming)
    incoming.subscribe(b"")
    incoming.bind("tcp://127.0.0.1:*")
    address = incoming.getsockopt_string(zmq.LAST_ENDPOINT)
    server = tmp_path / "keys/proxy.key"
    ends = [
        Publisher(address, prefix=name.encode(), own_key=tmp_path / f"keys/{name}.key_secret",
                  server_key=server)
        for name in ("stranger", "friend")
    ]  # fmt: skip
    until = time.monotonic() + 10
    while not incoming.poll(20) and time.monotonic() < until:
        for end in ends:
            end("start", {"uid": "1"})
    prefixes = {orjson.loads(incoming.recv().split(b" ", 2)[2])["uid"]: "heard"}
    assert prefixes == {"1": "heard"}
    while incoming.poll(50):
        assert incoming.recv().startswith(b"friend ")
    for end in ends:
        end.close()
    incoming.close(0)
