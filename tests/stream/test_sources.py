from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import zmq

from beamside.stream.decompress import decode, encode
from beamside.stream.messages import Frame, Message, Pixels, Refusal, RunStart, RunStop
from beamside.stream.sinks import open_sink
from beamside.stream.sources import Incoming, Source, ZmqSource, open_source

IMAGE = np.random.default_rng(1).poisson(3, (34, 50)).astype("<u2")
RUN: list[Message] = [
    RunStart("x", "5", expected=2, shape=IMAGE.shape, dtype="<u2"),
    Frame("x", "5", 0, {"data": encode(IMAGE)}),
    Frame("x", "5", 1, {"data": encode(IMAGE, "raw")}),
    RunStop("x", "5"),
]


def received(source: Source, n: int, seconds: float = 5) -> list[Incoming]:
    came: list[Incoming] = []
    until = time.monotonic() + seconds
    while len(came) < n and time.monotonic() < until and not source.exhausted:
        came += source.receive()
        time.sleep(0.002)
    return came


@pytest.mark.parametrize("wire", ["dectris", "stream2", "beamside"])
def test_what_a_sink_sends_a_source_receives(wire: str) -> None:
    sink = open_sink(f"{wire}+tcp://127.0.0.1:*")
    source = open_source(f"{wire}+{sink.endpoint}", "det")
    try:
        assert all(sink.send(message) for message in RUN)
        start, first, second, stop = received(source, 4)
    finally:
        source.close()
        sink.close(0)
    assert isinstance(start, RunStart)
    assert isinstance(stop, RunStop)
    assert start.expected == 2
    for n, frame in enumerate((first, second)):
        assert isinstance(frame, Frame)
        assert (frame.run, frame.number) == ("5", n)
        assert frame.received_ns > 0
        np.testing.assert_array_equal(decode(frame.channels["data"], checked=True), IMAGE)


@pytest.fixture
def pushed() -> Iterator[tuple[zmq.Socket[bytes], Source]]:
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context.instance()
    socket = context.socket(zmq.PUSH)
    port = socket.bind_to_random_port("tcp://127.0.0.1")
    source = open_source(f"beamside+tcp://127.0.0.1:{port}", "det", max_message_bytes=100_000)
    yield socket, source
    source.close()
    socket.close(0)


def test_garbage_is_a_refusal_in_its_place(pushed: tuple[zmq.Socket[bytes], Source]) -> None:
    socket, source = pushed
    socket.send(b"garbage")
    socket.send_multipart([b"", b"", b""])
    refusals = received(source, 2)
    assert [type(r) for r in refusals] == [Refusal, Refusal]
    assert [r.reason for r in refusals if isinstance(r, Refusal)] == ["bad_json", "bad_json"]


def test_a_truncated_payload_from_our_own_bus_is_refused_by_number(
    pushed: tuple[zmq.Socket[bytes], Source],
) -> None:
    from beamside.stream import wire

    whole = encode(IMAGE)
    cut = Frame("x", "5", 7, {"data": Pixels(IMAGE.shape, "<u2", "bslz4", whole.data[:-9])})
    pushed[0].send_multipart(wire.encode(cut))
    (refusal,) = received(pushed[1], 1)
    assert isinstance(refusal, Refusal)
    assert (refusal.reason, refusal.run, refusal.number) == ("truncated", "5", 7)


def test_a_message_beyond_the_limit_is_dropped_and_the_next_arrives(
    pushed: tuple[zmq.Socket[bytes], Source],
) -> None:
    socket, source = pushed
    socket.send(bytes(200_000))
    (cut,) = received(source, 1)
    assert isinstance(cut, Refusal)
    assert cut.reason == "connection_cut"
    assert socket.poll(5000, zmq.POLLOUT)
    socket.send(b"small")
    (small,) = received(source, 1)
    assert isinstance(small, Refusal)
    assert small.reason == "bad_json"


def test_a_taken_port_is_one_plain_sentence() -> None:
    sink = open_sink("dectris+tcp://127.0.0.1:*")
    try:
        with pytest.raises(ValueError, match="can't open tcp://127"):
            open_sink(f"dectris+{sink.endpoint}")
    finally:
        sink.close(0)


def test_files_are_runs_one_after_the_other_and_a_bad_one_is_named(tmp_path: Path) -> None:
    for name in ("a", "b"):
        np.savez(tmp_path / f"{name}.npz", image=IMAGE)
    (tmp_path / "bad.npz").write_bytes(b"PK nothing")
    paths = "%1F".join(str(tmp_path / n) for n in ("a.npz", "bad.npz", "b.npz"))
    source = open_source(f"file:{paths}", "det")
    came = received(source, 99)
    kinds = [RunStart, Frame, RunStop, Refusal, RunStart, Frame, RunStop]
    assert [type(m) for m in came] == kinds
    assert source.exhausted
    assert isinstance(came[3], Refusal)
    assert came[3].reason == "unreadable_file"


def test_files_come_at_the_rate_that_was_asked_for(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", images=np.stack([IMAGE] * 6))
    source = open_source(f"file:{tmp_path}/a.npz?rate=50", "det")
    began = time.monotonic()
    assert len(received(source, 8)) == 8
    assert time.monotonic() - began > 0.1


def test_a_watched_folder_gives_each_file_once_also_after_a_restart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    folder = tmp_path / "microscope"
    folder.mkdir()
    np.savez(folder / "a.npz", image=IMAGE)
    source = open_source(f"watch:{folder}?settle=0.1", "det")
    assert [type(m) for m in received(source, 3)] == [RunStart, Frame, RunStop]
    source.receive()
    source.close()
    again = open_source(f"watch:{folder}?settle=0.1", "det")
    np.savez(folder / "b.npz", image=IMAGE)
    start, *_ = received(again, 3)
    assert isinstance(start, RunStart)
    assert start.run.startswith("b")
    assert received(again, 1, 0.6) == []
    again.close()


def test_a_folder_of_archives_is_a_sink_and_each_archive_a_source(tmp_path: Path) -> None:
    sink = open_sink(f"file:{tmp_path}/archive")
    assert all(sink.send(message) for message in RUN)
    cut = Pixels(IMAGE.shape, "<u2", "bslz4", encode(IMAGE).data[:-9])
    assert not sink.send(Frame("x", "5", 3, {"data": cut}))
    sink.close()
    (archive,) = (tmp_path / "archive").glob("*.nxs")
    came = received(open_source(f"file:{archive}", "det"), 9)
    assert [type(m) for m in came] == [RunStart, Frame, Frame, RunStop]
    assert isinstance(came[1], Frame)
    np.testing.assert_array_equal(decode(came[1].channels["data"]), IMAGE)


def test_zmq_sources_are_never_exhausted() -> None:
    source = open_source("dectris+tcp://127.0.0.1:9", "det")
    assert isinstance(source, ZmqSource)
    assert not source.exhausted
    assert source.receive() == []
    source.close()
