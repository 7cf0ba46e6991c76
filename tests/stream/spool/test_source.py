from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote

import numpy as np
import orjson
import pytest

from beamside.stream import dectris, stream2, wire
from beamside.stream.decompress import decode, encode
from beamside.stream.errors import FileError
from beamside.stream.messages import Buffer, Frame, Refusal, RunStart, RunStop
from beamside.stream.reception import Incoming, Reception
from beamside.stream.sources import open_source
from beamside.stream.spool import RunSpool, of_frame, of_message, raw_of
from beamside.stream.spool.reader import LogReader
from beamside.stream.spool.source import open_spool

IMAGES = np.random.default_rng(1).poisson(3, (6, 34, 50)).astype("<u2")
WIRES = ("dectris", "stream2", "beamside")


def run_of(kind: str) -> list[list[bytes]]:
    """A run as multiparts."""
    start = RunStart("x", "5", 6, (34, 50), "<u2", metadata={"sample": "gold"})
    frames = [Frame("x", "5", n, {"data": encode(i)}) for n, i in enumerate(IMAGES)]
    messages: list[RunStart | Frame | RunStop] = [start, *frames, RunStop("x", "5")]
    if kind == "beamside":
        return [[bytes(part) for part in wire.encode(message)] for message in messages]
    encoder = dectris.Encoder() if kind == "dectris" else stream2.Encoder()
    return [[bytes(p) for p in parts] for message in messages for parts in encoder.encode(message)]


def spooled(folder: Path, kind: str, multis: Sequence[Sequence[bytes]], **of: int) -> Path:
    """A run's spool as ingest writes it, of multiparts that came in."""
    spool = RunSpool.create(folder, "run", **of)
    reception = Reception(kind, "det", verify=True)
    for parts in multis:
        for message in reception.decode([memoryview(part) for part in parts]):
            if isinstance(message, Frame):
                spool.frames.append(*of_frame(message))
            elif isinstance(message, RunStart | RunStop):
                spool.log.append(*of_message(message))
    spool.close()
    return spool.path


def parts_in(came: Sequence[Incoming]) -> list[list[list[Buffer]]]:
    return [
        [[bytes(part) for part in parts] for parts in message.raw]
        for message in came
        if isinstance(message, RunStart | Frame | RunStop)
    ]


@pytest.mark.parametrize("kind", WIRES)
def test_a_run_is_replayed_bit_for_bit(kind: str, tmp_path: Path) -> None:
    multis = run_of(kind)
    path = spooled(tmp_path, kind, multis, segment_bytes=4000)
    assert len(list(path.glob("frames-*"))) > 1
    came = list(open_spool(path, "again"))
    assert [type(m) for m in came] == [RunStart, *[Frame] * 6, RunStop]
    assert parts_in(came) == [[parts] for parts in multis]
    for n, frame in enumerate(came[1:-1]):
        assert isinstance(frame, Frame)
        assert (frame.run, frame.number, frame.wire) == ("5", n, kind)
        assert frame.received_ns > 0
        np.testing.assert_array_equal(decode(frame.channels["data"], checked=True), IMAGES[n])


@pytest.mark.parametrize("kind", WIRES)
def test_the_spool_of_a_replay_is_the_spool(kind: str, tmp_path: Path) -> None:
    first = spooled(tmp_path / "a", kind, run_of(kind))
    second = RunSpool.create(tmp_path / "b", "run")
    for message in open_spool(first, "det"):
        if isinstance(message, Frame):
            second.frames.append(*of_frame(message))
        elif isinstance(message, RunStart | RunStop):
            second.log.append(*of_message(message))
    second.close()
    for log in ("frames", "log"):
        one, two = (
            [[bytes(p) for multi in raw_of(r) for p in multi] for _, r in LogReader(x, log).scan()]
            for x in (first, second.path)
        )
        assert one == two


def test_a_spool_is_a_file_url_among_others(tmp_path: Path) -> None:
    path = spooled(tmp_path, "dectris", run_of("dectris"))
    np.savez(tmp_path / "a.npz", image=IMAGES[0])
    urls = "%1F".join(quote(str(p)) for p in (path, tmp_path / "a.npz"))
    source = open_source(f"file:{urls}", "replay")
    came: list[Incoming] = []
    while not source.exhausted:
        came += source.receive()
    source.close()
    kinds = [RunStart, *[Frame] * 6, RunStop, RunStart, Frame, RunStop]
    assert [type(m) for m in came] == kinds
    assert {m.source for m in came} == {"replay"}


def test_messages_that_came_without_parts_are_replayed_as_they_were(tmp_path: Path) -> None:
    spool = RunSpool.create(tmp_path, "run")
    spool.log.append(*of_message(RunStart("files", "a", 1, (34, 50), "<u2")))
    spool.frames.append(*of_frame(Frame("files", "a", 3, {"data": encode(IMAGES[3])})))
    spool.log.append(*of_message(RunStop("files", "a", account={"received": 1})))
    spool.close()
    start, frame, stop = open_spool(spool.path, "again")
    assert isinstance(start, RunStart)
    assert isinstance(frame, Frame)
    assert isinstance(stop, RunStop)
    assert (start.source, frame.source, stop.source) == ("again",) * 3
    assert (start.run, frame.run, frame.number, stop.run) == ("a", "a", 3, "a")
    assert stop.account == {}
    np.testing.assert_array_equal(decode(frame.channels["data"]), IMAGES[3])


def test_a_header_that_came_in_two_halves_is_whole_again(tmp_path: Path) -> None:
    header, *rest = run_of("dectris")
    head = orjson.dumps({**orjson.loads(header[0]), "header_detail": "basic"})
    path = spooled(tmp_path, "dectris", [[head], [b"garbage"], header[1:], *rest])
    came = list(open_spool(path, "again"))
    assert [type(m) for m in came] == [Refusal, RunStart, *[Frame] * 6, RunStop]
    assert isinstance(came[1], RunStart)
    assert came[1].metadata["sample"] == "gold"


def test_a_run_that_was_cut_off_ends_with_the_spool(tmp_path: Path) -> None:
    path = spooled(tmp_path, "dectris", run_of("dectris")[:4])
    with (path / "frames-000000.bslog").open("r+b") as file:
        file.truncate((path / "frames-000000.bslog").stat().st_size - 9)
    came = list(open_spool(path, "again"))
    assert [type(m) for m in came] == [RunStart, Frame, Frame, RunStop]
    assert isinstance(came[-1], RunStop)
    assert (came[-1].run, came[-1].reason) == ("5", "end of the spool")


def test_a_damaged_frame_is_refused_by_its_number_and_the_others_come(tmp_path: Path) -> None:
    path = spooled(tmp_path, "dectris", run_of("dectris"))
    places = [record.place for _, record in LogReader(path, "frames").scan()]
    with (path / "frames-000000.bslog").open("r+b") as file:
        file.seek(places[2].offset + places[2].nbytes - 40)
        file.write(b"~~~~~~~~")
    came = list(open_spool(path, "again"))
    assert [m.number for m in came if isinstance(m, Frame)] == [0, 1, 3, 4, 5]
    (refusal,) = [m for m in came if isinstance(m, Refusal)]
    assert (refusal.reason, refusal.run, refusal.number) == ("spool_damaged", "5", 2)


def test_segments_that_were_dropped_are_said(tmp_path: Path) -> None:
    path = spooled(tmp_path, "dectris", run_of("dectris"), segment_bytes=4000)
    (path / "frames-000000.bslog").unlink()
    came = list(open_spool(path, "again"))
    (refusal,) = [m for m in came if isinstance(m, Refusal)]
    assert refusal.reason == "spool_dropped"
    assert "1 older segments were deleted" in refusal.detail


def test_a_made_record_does_no_harm(tmp_path: Path) -> None:
    spool = RunSpool.create(tmp_path, "run")
    head, pieces = of_frame(Frame("x", "1", 0, {"data": encode(IMAGES[0])}))
    for change in (
        {"wire": "dectris", "raw": [[9]]}, {"wire": "file:/etc/passwd", "raw": [[1]]},
        {"channels": {"data": [[34, 50], "<u2", "raw", 0]}}, {"channels": None},
    ):  # fmt: skip
        spool.frames.append({**head, **change}, pieces)
    spool.log.append({"kind": "start", "parts": -1}, [b"{}"])
    spool.close()
    came = list(open_spool(spool.path, "again"))
    reasons = [m.reason for m in came if isinstance(m, Refusal)]
    assert reasons == ["empty", "bad_head", "truncated", "bad_head"]
    assert [m.number for m in came if isinstance(m, Frame)] == [0]


def test_a_folder_that_is_no_spool_is_said(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="is no spool of a run"):
        open_spool(tmp_path, "again")
