from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import replace

import cbor2
import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from beamside.stream import dectris, stream2, wire
from beamside.stream.decompress import decode, encode
from beamside.stream.errors import WireError
from beamside.stream.messages import Buffer, Frame, Pixels, Refusal, Result, RunStart, RunStop
from beamside.stream.reception import Reception
from beamside.stream.spool import entries
from beamside.stream.spool.record import Place, Record, pack, unpack

IMAGE = np.random.default_rng(5).poisson(2, (40, 56)).astype("<u2")
OTHER = IMAGE.T.copy()


def kept(entry: entries.Entry) -> Record:
    """The record that would be read of an entry."""
    data = b"".join(bytes(buffer) for buffer in pack(*entry))
    record = unpack(memoryview(data), 0, 0)
    record.check()
    return record


def came(kind: str, parts: Sequence[bytes]) -> Frame:
    (frame,) = Reception(kind, "det", verify=True).decode([memoryview(part) for part in parts])
    assert isinstance(frame, Frame)
    return frame


def plain(multis: Sequence[Sequence[Buffer]]) -> list[list[bytes]]:
    return [[bytes(part) for part in parts] for parts in multis]


def sent(kind: str, frame: Frame) -> list[bytes]:
    if kind == "beamside":
        return [bytes(part) for part in wire.encode(frame)]
    encoder = dectris.Encoder() if kind == "dectris" else stream2.Encoder()
    return [bytes(part) for part in encoder.encode(frame)[0]]


@pytest.mark.parametrize("encoding", ["bslz4", "lz4", "raw"])
@pytest.mark.parametrize("kind", ["dectris", "stream2", "beamside"])
def test_a_frame_comes_back_with_its_pixels_and_its_parts(kind: str, encoding: str) -> None:
    if (kind, encoding) == ("stream2", "lz4"):
        encoding = "lz4-hdf5"
    parts = sent(kind, Frame("det", "1", 7, {"data": encode(IMAGE, encoding)}, {"note": "x"}))
    frame = came(kind, parts)
    record = kept(entries.of_frame(frame))
    again = entries.frame_of(record)
    assert again == frame
    assert again.wire == kind
    np.testing.assert_array_equal(decode(again.channels["data"]), IMAGE)
    assert plain(entries.raw_of(record)) == [parts]
    body = sum(piece.nbytes for piece in record.pieces)
    assert body == sum(map(len, parts))  # nothing is stored twice
    crcs = {name: zlib.crc32(pixels.data) for name, pixels in frame.channels.items()}
    assert entries.crcs_of(record) == crcs


def test_nothing_of_a_received_frame_is_copied() -> None:
    parts = [
        memoryview(part) for part in sent("dectris", Frame("det", "1", 0, {"data": encode(IMAGE)}))
    ]
    (frame,) = Reception("dectris", "det", verify=True).decode(parts)
    assert isinstance(frame, Frame)
    _, pieces = entries.of_frame(frame)
    assert all(piece is part for piece, part in zip(pieces, parts, strict=True))


def test_several_images_within_one_part_are_found_and_the_part_is_whole_again() -> None:
    images = {"low": encode(IMAGE), "high": encode(OTHER), "same": encode(IMAGE)}
    parts = sent("stream2", Frame("det", "1", 0, images))
    frame = came("stream2", parts)
    record = kept(entries.of_frame(frame))
    assert plain(entries.raw_of(record)) == [parts]
    again = entries.frame_of(record)
    assert list(again.channels) == ["low", "high", "same"]
    for name, image in (("low", IMAGE), ("high", OTHER), ("same", IMAGE)):
        np.testing.assert_array_equal(decode(again.channels[name]), image)


def test_a_repaired_image_is_kept_beside_the_parts_as_they_came() -> None:
    whole = encode(IMAGE)
    empty = Pixels(whole.shape, whole.dtype, "bslz4", bytes(12) + bytes(whole.data[12:]))
    parts = sent("dectris", Frame("det", "1", 0, {"data": empty}))
    record = kept(entries.of_frame(came("dectris", parts)))
    assert plain(entries.raw_of(record)) == [parts]
    assert parts[2][:12] == bytes(12)
    np.testing.assert_array_equal(decode(entries.frame_of(record).channels["data"]), IMAGE)


def test_column_major_pixels_are_kept_in_our_order_beside_the_part() -> None:
    typed = cbor2.CBORTag(69, IMAGE.T.tobytes())
    data = {"data": cbor2.CBORTag(1040, [list(IMAGE.shape), typed])}
    parts = [cbor2.dumps({"type": "image", "series_id": 3, "image_id": 0, "data": data})]
    record = kept(entries.of_frame(came("stream2", parts)))
    assert plain(entries.raw_of(record)) == [parts]
    np.testing.assert_array_equal(decode(entries.frame_of(record).channels["data"]), IMAGE)


def test_a_frame_of_a_file_has_no_parts() -> None:
    frame = Frame("files", "a", 3, {"data": encode(IMAGE), "haadf": encode(OTHER, "raw")},
                  {"exposure": np.float32(0.5)}, None, 9)  # fmt: skip
    record = kept(entries.of_frame(frame))
    assert entries.raw_of(record) == []
    again = entries.frame_of(record)
    assert (again.metadata, again.received_ns, again.detector_ns) == ({"exposure": 0.5}, 9, None)
    np.testing.assert_array_equal(decode(again.channels["haadf"]), OTHER)


@given(st.lists(st.binary(max_size=80), min_size=1, max_size=3), st.data())
def test_parts_are_the_same_bytes_wherever_images_lie(
    parts: list[bytes], data: st.DataObject
) -> None:
    images = {}
    for name in ("a", "b", "c"):
        part = data.draw(st.sampled_from(parts))
        begin = data.draw(st.integers(0, len(part)))
        image: Buffer = memoryview(part)[begin : data.draw(st.integers(begin, len(part)))]
        if data.draw(st.booleans()):
            image = bytes(image)
        images[name] = Pixels((1, 1), "|u1", "raw", image)
    frame = Frame("det", "1", 0, images, raw=(tuple(parts),), wire="stream2")
    record = kept(entries.of_frame(frame))
    assert plain(entries.raw_of(record)) == [parts]
    again = entries.frame_of(record)
    assert {n: bytes(p.data) for n, p in again.channels.items()} == {
        n: bytes(p.data) for n, p in images.items()
    }


def test_an_image_of_zeros_in_a_part_of_zeros_does_not_cost_a_long_search() -> None:
    part, image = bytes(1 << 20), bytes(1 << 19) + b"x"
    pixels = Pixels((1, len(image)), "|u1", "raw", image)
    frame = Frame("det", "1", 0, {"data": pixels}, raw=((part,),), wire="stream2")
    record = kept(entries.of_frame(frame))
    assert plain(entries.raw_of(record)) == [[part]]
    assert bytes(entries.frame_of(record).channels["data"].data) == image


RESULT = Result(
    "det", "1", (4, 5), "sum",
    xr.Dataset({"total": ("frame", np.array([1.0, 2.0]))}, {"frame": [4, 5]}),
    {"version": "1"}, None, 1, 2, 3, 0.5,
)  # fmt: skip


@pytest.mark.parametrize(
    "message",
    [
        RunStart("det", "1", 5, (40, 56), "<u2", metadata={"a": [1]}, time_ns=3,
                 raw=((b"one", b""), (b"two",)), wire="dectris"),
        RunStop("det", "1", "aborted", "by hand", {"received": 3}, 7, raw=((b"end",),),
                wire="dectris"),
        RunStop("det", "1"),
        RESULT,
    ],
)  # fmt: skip
def test_starts_results_and_stops_come_back(message: RunStart | Result | RunStop) -> None:
    record = kept(entries.of_message(message))
    again = entries.message_of(record)
    raw = () if isinstance(message, Result) else message.raw
    assert plain(entries.raw_of(record)) == [list(parts) for parts in raw]
    if isinstance(message, Result):
        assert isinstance(again, Result)
        xr.testing.assert_identical(again.data, message.data)
        assert record.head["frames"] == [4, 5]
        again, message = replace(again, data=message.data), message
    assert again == message


def test_arrays_of_a_start_come_back() -> None:
    start = RunStart("det", "1", arrays={"pixel_mask": IMAGE}, raw=((b"raw",),), wire="dectris")
    again = entries.message_of(kept(entries.of_message(start)))
    assert isinstance(again, RunStart)
    np.testing.assert_array_equal(again.arrays["pixel_mask"], IMAGE)


def test_a_result_logged_as_its_parts_is_read() -> None:
    parts = wire.encode(RESULT)
    again = entries.message_of(kept(({"kind": "result", "frames": [4, 5]}, parts)))
    assert isinstance(again, Result)


def test_a_note_is_only_a_head() -> None:
    record = kept(entries.note("skipped", ranges=[(1, 3)], reason="slow"))
    assert record.head == {"kind": "skipped", "ranges": [[1, 3]], "reason": "slow"}
    assert record.pieces == []


FRAME = entries.of_frame(
    came("dectris", sent("dectris", Frame("d", "1", 0, {"data": encode(IMAGE)})))
)


@pytest.mark.parametrize(
    "change",
    [
        {"number": "x"}, {"number": None}, {"received_ns": []}, {"channels": 7}, {"metadata": 5},
        {"channels": {"data": []}}, {"channels": {"data": [[1], "<u2", "raw", 0]}},
        {"channels": {"data": [[1, 1], "object", "raw", 0]}},
        {"channels": {"data": [[1, 1], "<u2", "raw", 99]}},
        {"channels": {"data": [[1, 1], "<u2", "raw", -1]}},
        {"channels": {"data": [[1, 1], "<u2", "raw", "0"]}},
    ],
)  # fmt: skip
def test_a_head_that_is_no_frame_is_a_wire_error(change: dict[str, object]) -> None:
    record = kept(({**FRAME[0], **change}, FRAME[1]))
    with pytest.raises(WireError, match="bad_head"):
        entries.frame_of(record)


@pytest.mark.parametrize(
    "raw", [7, [7], [[0]], [[-1]], [["1"]], [[99]], [[1, 1, 1, 1, 1]], {"a": 1}, [[None]]]
)
def test_parts_that_are_not_there_are_a_wire_error(raw: object) -> None:
    record = kept(({**FRAME[0], "raw": raw}, FRAME[1]))
    with pytest.raises(WireError, match="bad_head"):
        entries.raw_of(record)


def test_a_record_of_another_kind_is_no_message() -> None:
    with pytest.raises(WireError):
        entries.message_of(kept(entries.note("start")))
    head, pieces = entries.of_message(RunStop("det", "1"))
    with pytest.raises(WireError, match="holds another message"):
        entries.message_of(kept(({**head, "kind": "start"}, pieces)))
    with pytest.raises(WireError):
        entries.crcs_of(Record({}, memoryview(b""), [], [], Place(0, 0, 0)))


def test_a_refusal_is_no_entry() -> None:
    (refusal,) = Reception("dectris", "det", verify=True).decode([b"garbage"])
    assert isinstance(refusal, Refusal)
