from __future__ import annotations

import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from isal.isal_zlib import crc32

from beamside.stream.errors import WireError
from beamside.stream.spool.record import FIXED_BYTES, Place, pack, unpack


def written(head: dict[str, object], pieces: list[bytes]) -> bytes:
    return b"".join(bytes(buffer) for buffer in pack(head, pieces))


@given(st.lists(st.binary(max_size=300), max_size=6), st.text(max_size=20), st.integers(0, 99))
def test_what_is_packed_is_unpacked_from_where_it_lies(
    pieces: list[bytes], word: str, before: int
) -> None:
    data = bytes(before) + written({"kind": "frame", "word": word}, pieces)
    record = unpack(memoryview(data + b"more"), 3, before)
    assert record.head == {"kind": "frame", "word": word}
    assert [bytes(piece) for piece in record.pieces] == pieces
    assert record.crcs == [zlib.crc32(piece) for piece in pieces]
    assert record.place == Place(3, before, len(data) - before)
    record.check()
    assert bytes(record.joined(0, len(pieces))) == b"".join(pieces)


def test_the_fast_crc_is_the_crc_of_zlib() -> None:
    data = bytes(range(256)) * 33
    assert crc32(data) == zlib.crc32(data)
    assert crc32(data[100:], crc32(data[:100])) == zlib.crc32(data)


def test_pieces_are_written_as_they_lie_in_memory() -> None:
    piece = memoryview(bytearray(1000))
    assert pack({"kind": "x"}, [piece])[1] is piece


def test_a_changed_piece_is_found_and_named() -> None:
    data = bytearray(written({"kind": "x"}, [b"first", b"second"]))
    data[-1] ^= 1
    record = unpack(memoryview(data), 0, 0)
    with pytest.raises(WireError, match="bad_checksum: piece 1 of the record at 0"):
        record.check()


@pytest.mark.parametrize("length", [b"\xff" * 8, b"\x00" * 7 + b"\x7f"])
def test_a_huge_length_is_beyond_the_end_and_nothing_is_allocated(length: bytes) -> None:
    data = bytearray(written({"kind": "x"}, [b"piece"]))
    data[8:16] = length
    with pytest.raises(WireError, match="truncated"):
        unpack(memoryview(data), 0, 0)


def made(text: bytes, body: bytes) -> bytes:
    """A record with right CRCs around any head."""
    start = b"BSR1" + len(text).to_bytes(4, "little") + len(body).to_bytes(8, "little")
    crc = zlib.crc32(start + text).to_bytes(4, "little")
    return start + crc + bytes(4) + text + body


@pytest.mark.parametrize(
    "text",
    [
        b"", b"[]", b"7", b"{}", b'{"pieces":7}', b'{"pieces":[[5]]}', b'{"pieces":[[4,0]]}',
        b'{"pieces":[[-1,0],[6,0]]}', b'{"pieces":[["5",0]]}', b'{"pieces":[[5.0,0]]}',
        b'{"pieces":[[5,"0"]]}', b'{"pieces":[[5,null]]}', b'{"pieces":{"5":0}}',
    ],
)  # fmt: skip
def test_a_head_that_nobody_of_us_wrote_is_refused(text: bytes) -> None:
    with pytest.raises(WireError, match="bad_head"):
        unpack(memoryview(made(text, b"12345")), 0, 0)


def test_a_made_head_that_is_right_is_read() -> None:
    record = unpack(memoryview(made(b'{"pieces":[[5,0]]}', b"12345")), 0, 0)
    assert record.kind == "None"


def test_what_json_can_not_say_is_refused_before_anything_is_written() -> None:
    deep: list[object] = []
    for _ in range(1000):
        deep = [deep]
    for value in (deep, 1 << 70, "\ud800"):
        with pytest.raises(WireError, match="unstorable"):
            pack({"kind": "frame", "metadata": {"value": value}}, [])


@given(st.binary(max_size=200), st.integers(0, 220))
def test_any_bytes_are_a_record_or_a_wire_error(data: bytes, offset: int) -> None:
    with pytest.raises(WireError):
        unpack(memoryview(data), 0, offset)
    assert FIXED_BYTES == 24
