"""Strangers at every door of a whole service: it goes on, and tells them nothing."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import struct
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zmq

from beamside.services import notices
from beamside.stream.curve import Key
from beamside.stream.decompress import encode
from beamside.stream.keyfiles import make_pair, read_public, write_public
from beamside.stream.messages import Frame, RunStart, RunStop
from beamside.stream.sinks import ZmqSink
from beamside.stream.sockets import open_socket

pytestmark = pytest.mark.timeout(120)
IMAGE = np.random.default_rng(1).poisson(3.0, (36, 52)).astype("<u2")
FRAMES = 5
GREETING = b"\xff" + bytes(8) + b"\x7f\x03\x00" + b"NULL".ljust(20, b"\0") + bytes(32)
TOKEN = "a-token-for-tests"  # noqa: S105


def ready(kind: bytes) -> bytes:
    """The second half of a ZMTP handshake, by hand."""
    body = b"\x05READY\x0bSocket-Type" + struct.pack(">I", len(kind)) + kind
    return b"\x04" + bytes([len(body)]) + body


def garbage(kind: bytes) -> list[bytes]:
    """What a stranger may send to a ZeroMQ port, each on a connection of its own."""
    known = GREETING + ready(kind)
    return [
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"\x16\x03\x01\x02\x00" + bytes(512),  # TLS
        os.urandom(4096),
        GREETING[:20],
        GREETING + b"\x04\xff" + os.urandom(255),
        known + b"\x02" + struct.pack(">Q", 1 << 60) + b"x" * 1000,  # a message of 2^60 bytes
        known + b"\x02" + struct.pack(">Q", (1 << 64) - 1),
        known + b"\x02" + struct.pack(">Q", 2 << 30) + b"x" * 1000,  # beyond the limit, possible
        known + b"\x01\x00" * 5000,  # parts without end
        known + b"\x00\x08nonsense" * 500,
        known + b"\x00\x05\x01\xff\xff\xff\xff" * 500,
    ]


def knock(address: str | Path, said: bytes) -> None:
    """Connect, say it, and go without listening."""
    if isinstance(address, Path):
        stranger = socket.socket(socket.AF_UNIX)
        where: Any = str(address)
    else:
        stranger = socket.socket()
        host, _, port = address.rpartition("//")[2].rpartition(":")
        where = (host, int(port))
    with stranger, contextlib.suppress(OSError):  # it is thrown out at some point
        stranger.settimeout(5)
        stranger.connect(where)
        stranger.sendall(said)
        stranger.shutdown(socket.SHUT_WR)
        with contextlib.suppress(TimeoutError):
            while stranger.recv(4096):
                pass


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as bound:
        return int(bound.getsockname()[1])


@pytest.fixture
def short() -> Iterator[Path]:
    """A folder whose path is short enough for the sockets of a service."""
    folder = Path(tempfile.mkdtemp(prefix="doors-"))
    yield folder
    shutil.rmtree(folder)


def push(detector: ZmqSink, run: str) -> None:
    detector.send(RunStart("x", run, expected=FRAMES, shape=IMAGE.shape, dtype="<u2"))
    for n in range(FRAMES):
        assert detector.send(Frame("x", run, n, {"data": encode(IMAGE)}))
    detector.send(RunStop("x", run))


def test_garbage_on_every_port_costs_no_frame(
    command: Callable[..., Any],
    instrument: Callable[..., Path],
    detector: ZmqSink,
    short: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TMPDIR", str(short))
    results = f"tcp://127.0.0.1:{free_port()}"
    file = instrument(more=f'[bus]\nresults = "{results}"\n')
    service = command("run", str(file), "--runs", "2", "--json")
    service.wait_for("ready")
    (folder,) = short.glob("beamside-*")
    push(detector, "1")
    doors: dict[str | Path, bytes] = {
        tmp_path / "detector": b"PUSH",
        folder / "desk": b"DEALER",
        folder / "bus": b"SUB",
        results: b"SUB",
    }
    for address, kind in doors.items():
        for said in garbage(kind):
            knock(address, said)
    push(detector, "2")
    said = service.end(60)
    assert said["code"] == 0
    runs = {run["run"]: run for run in said["runs"]}
    for run in ("1", "2"):
        assert (runs[run]["archived"], runs[run]["missing"]) == (FRAMES, 0)


@pytest.fixture
def keys(short: Path) -> Path:
    for name in ("server", "client", "stranger"):
        make_pair(short / "keys", name)
    (short / "keys/allowed").mkdir()
    write_public(short / "keys/allowed", "client", read_public(short / "keys/client.key"))
    return short / "keys"


def listener(address: str, own: Key | None) -> zmq.Socket[bytes]:
    heard = open_socket(zmq.SUB)
    if own is not None:
        own.put_on(heard)
    heard.subscribe(b"")
    heard.connect(address)
    return heard


def test_results_are_told_to_an_allowed_key_and_to_nobody_else(
    command: Callable[..., Any],
    instrument: Callable[..., Path],
    detector: ZmqSink,
    keys: Path,
) -> None:
    results = f"tcp://127.0.0.1:{free_port()}"
    more = f'[bus]\nresults = "{results}"\n[security]\nkeys = "{keys}"\n'
    service = command("run", str(instrument(more=more)), "--runs", "1", "--json")
    service.wait_for("ready")
    friend = listener(results, Key(keys / "client.key_secret", keys / "server.key"))
    strangers = [
        listener(results, None),
        listener(results, Key(keys / "stranger.key_secret", keys / "server.key")),
    ]
    try:
        assert friend.poll(10_000), "notices come by themselves"
        for said in garbage(b"SUB"):
            knock(results, said)
        push(detector, "1")
        kinds = set()
        until = time.monotonic() + 30
        while "Result" not in kinds and time.monotonic() < until and friend.poll(5000):
            parts = friend.recv_multipart(copy=False)
            kinds.add(type(notices.read([part.buffer for part in parts])).__name__)
        assert {"dict", "RunStart", "Result"} <= kinds
        assert [socket.poll(0) for socket in strangers] == [0, 0]
    finally:
        for one in (friend, *strangers):
            one.close(0)
    assert service.end(60)["code"] == 0


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ('[bus]\nresults = "tcp://*:5560"\n', "beamside keys make"),
        ('[bus]\nresults = "tcp://*:5560"\n[security]\nkeys = "{keys}"\n', "chmod 600 "),
        ('[bus]\nresults = "tcp://*:5560"\n[security]\nkeys = "{keys}/no"\n', "can't be read"),
    ],
)
def test_a_door_that_can_not_be_locked_is_not_opened(
    command: Callable[..., Any],
    instrument: Callable[..., Path],
    keys: Path,
    more: str,
    words: str,
) -> None:
    (keys / "server.key_secret").chmod(0o644)
    service = command("run", str(instrument(more=more.format(keys=keys))))
    assert words in service.wait_for("beamside: .*(keys|chmod|read)")
    assert service.end()["code"] != 0


def asked(port: int, path: str, method: str = "GET", **headers: str) -> int:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", method=method, headers=named)
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=10) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        with error:
            return int(error.code)


def test_the_page_of_a_service_is_for_who_has_the_token_and_comes_from_it(
    command: Callable[..., Any], instrument: Callable[..., Path]
) -> None:
    file = instrument()
    text = file.read_text().replace("enabled = false", f'token = "{TOKEN}"')
    file.write_text(text)
    port = free_port()
    service = command("run", str(file), "--port", str(port), "--json")
    service.wait_for("ready")
    own, bearer = f"http://127.0.0.1:{port}", f"Bearer {TOKEN}"
    status = "/api/v1/status"
    assert asked(port, status, authorization=bearer) == 200
    assert asked(port, status, authorization=bearer, origin=own) == 200
    assert asked(port, status) == 401
    assert asked(port, status, authorization="Bearer wrong-token") == 401
    assert asked(port, status, authorization=bearer, origin="http://evil.example") == 403
    assert asked(port, status, authorization=bearer, host="evil.example") == 400
    assert asked(port, f"{status}?token={TOKEN}", "POST") == 403
    assert asked(port, status, "POST", authorization=bearer) == 405
    for said in (os.urandom(4096), b"GET / HTTP/1.1\r\n" + b"x: y\r\n" * 9999, GREETING):
        knock(f"//127.0.0.1:{port}", said)
    assert asked(port, status, authorization=bearer) == 200
    service.interrupt()
    assert service.end()["code"] == 0
