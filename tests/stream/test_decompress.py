from __future__ import annotations

import random
import struct
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from beamside.stream import bshuf, decompress
from beamside.stream.errors import WireError
from beamside.stream.messages import DTYPES, ENCODINGS, Pixels

SHAPES = [(1, 1), (1, 7), (3, 5), (8, 1), (33, 31), (64, 64), (1, 4097), (257, 129)]


@pytest.fixture(params=["installed", "bitshuffle only"])
def _backend(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "bitshuffle only":
        monkeypatch.setattr(decompress, "_dectris", None)
    elif decompress._dectris is None:
        pytest.skip("dectris-compression is not installed")


def image(shape: tuple[int, int], dtype: str, seed: int = 3) -> np.ndarray:
    return np.random.default_rng(seed).poisson(20.0, shape).astype(dtype)


@pytest.mark.usefixtures("_backend")
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("encoding", ENCODINGS)
def test_every_type_comes_back_in_every_encoding_and_shape(encoding: str, dtype: str) -> None:
    for shape in SHAPES:
        array = image(shape, dtype)
        pixels = decompress.encode(array, encoding)
        assert (pixels.shape, pixels.dtype, pixels.encoding) == (shape, dtype, encoding)
        back = decompress.decode(pixels)
        assert back.dtype == np.dtype(dtype)
        np.testing.assert_array_equal(back, array)


@pytest.mark.usefixtures("_backend")
@pytest.mark.parametrize("encoding", ENCODINGS)
def test_an_image_is_decoded_into_its_place_in_a_batch(encoding: str) -> None:
    array = image((37, 41), "<u2")
    batch = np.zeros((3, 37, 41), "<u2")
    pixels = decompress.encode(array, encoding)
    assert decompress.decode(pixels, batch[1]) is not batch
    np.testing.assert_array_equal(batch[1], array)
    assert not batch[0].any()
    assert not batch[2].any()


@pytest.mark.usefixtures("_backend")
def test_pixels_that_are_a_view_of_a_larger_buffer_are_decoded() -> None:
    array = image((37, 41), "<u4")
    pixels = decompress.encode(array)
    around = memoryview(b"abc" + bytes(pixels.data) + b"xyz")[3:-3]
    np.testing.assert_array_equal(
        decompress.decode(Pixels(pixels.shape, "<u4", "bslz4", around)), array
    )


@pytest.mark.parametrize(
    "out",
    [
        np.zeros((4, 6), "<u2"),
        np.zeros((4, 5), "<u4"),
        np.zeros((4, 10), "<u2")[:, ::2],
        np.zeros((5, 4), "<u2").T,
    ],
)
def test_a_place_that_does_not_fit_is_refused(out: np.ndarray) -> None:
    pixels = decompress.encode(image((4, 5), "<u2"))
    with pytest.raises(ValueError, match="out"):
        decompress.decode(pixels, out)


def test_a_read_only_place_is_refused() -> None:
    out = np.zeros((4, 5), "<u2")
    out.flags.writeable = False
    with pytest.raises(ValueError, match="writeable"):
        decompress.decode(decompress.encode(image((4, 5), "<u2")), out)


@pytest.mark.parametrize("size", [1, 2, 4, 8])
def test_a_zeroed_head_is_written_again_from_shape_and_type(size: int) -> None:
    array = image((61, 67), f"<u{size}" if size > 1 else "|u1")
    good = decompress.encode(array)
    zeroed = Pixels(good.shape, good.dtype, "bslz4", bytes(12) + bytes(good.data)[12:])
    repaired = decompress.check(zeroed)
    assert bytes(repaired.data) == good.data
    np.testing.assert_array_equal(decompress.decode(zeroed), array)


def test_pixels_that_need_no_repair_are_given_back_untouched() -> None:
    pixels = decompress.encode(image((61, 67), "<u2"))
    assert decompress.check(pixels) is pixels


@pytest.mark.parametrize("block", [16, 48, 4096, 12_000 * 16, 1 << 30])
def test_blocks_of_any_legal_size_are_decoded(block: int) -> None:
    array = image((61, 67), "<u2")
    elements = min(block // 2, array.size - array.size % 8)
    data = struct.pack(">QI", array.nbytes, block) + bshuf.pack(array, elements)
    pixels = Pixels(array.shape, "<u2", "bslz4", data)
    np.testing.assert_array_equal(decompress.decode(pixels), array)


def test_lz4_in_several_hdf5_blocks_is_decoded_some_of_them_stored() -> None:
    array = image((64, 64), "<u2")
    noise = np.random.default_rng(1).integers(0, 65536, (32, 64), "<u2")
    array[:32] = noise  # does not compress: a sender stores such blocks as they are
    block, data = 2048, struct.pack(">QI", array.nbytes, 2048)
    flat = array.tobytes()
    for start in range(0, len(flat), block):
        piece = flat[start : start + block]
        packed = bytes(decompress.encode(np.frombuffer(piece, "u1").reshape(1, -1), "lz4").data)
        packed = piece if len(packed) >= block else packed
        data += struct.pack(">I", len(packed)) + packed
    pixels = Pixels(array.shape, "<u2", "lz4-hdf5", data)
    np.testing.assert_array_equal(decompress.decode(pixels), array)


REFUSED: dict[str, tuple[Pixels, str]] = {
    "zero rows": (Pixels((0, 5), "<u2", "raw", b""), "bad_shape"),
    "negative": (Pixels((-1, 5), "<u2", "raw", b""), "bad_shape"),
    "1e9": (Pixels((10**9, 10**9), "<u2", "raw", b""), "bad_shape"),
    "true": (Pixels((True, True), "|u1", "raw", b"a"), "bad_shape"),
    "floats": (Pixels((1.0, 1.0), "|u1", "raw", b"a"), "bad_shape"),  # type: ignore[arg-type]
    "text": (Pixels("ab", "|u1", "raw", b"a"), "bad_shape"),  # type: ignore[arg-type]
    "one side": (Pixels((1,), "|u1", "raw", b"a"), "bad_shape"),  # type: ignore[arg-type]
    "big endian": (Pixels((1, 1), ">u2", "raw", b"ab"), "bad_dtype"),
    "objects": (Pixels((1, 1), "|O", "raw", b"a"), "bad_dtype"),
    "a list": (Pixels((1, 1), ["<u2"], "raw", b"a"), "bad_dtype"),  # type: ignore[arg-type]
    "zstd": (Pixels((1, 1), "<u2", "bszstd", b"ab"), "bad_encoding"),
    "larger than allowed": (Pixels((65536, 65536), "<u2", "raw", b""), "too_large"),
    "raw short": (Pixels((2, 2), "<u2", "raw", b"1234567"), "truncated"),
    "raw long": (Pixels((2, 2), "<u2", "raw", b"123456789"), "bad_size"),
    "lz4 empty": (Pixels((2, 2), "<u2", "lz4", b""), "truncated"),
    "lz4 absurdly long": (Pixels((2, 2), "<u2", "lz4", bytes(1000)), "bad_size"),
    "lz4-hdf5 head": (Pixels((2, 2), "<u2", "lz4-hdf5", bytes(11)), "truncated"),
    "lz4-hdf5 zero head": (Pixels((2, 2), "<u2", "lz4-hdf5", bytes(20)), "bad_size"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_can_not_be_pixels_is_refused_by_name(name: str) -> None:
    pixels, reason = REFUSED[name]
    with pytest.raises(WireError) as refused:
        decompress.decode(pixels)
    assert refused.value.reason == reason


REASONS = {
    "empty": "truncated",
    "head_only": "truncated",
    "half": "truncated",
    "one_less": "truncated",
    "one_more": "bad_blocks",
    "size_2^60": "bad_size",
    "size_all_ones": "bad_size",
    "size_0": "bad_size",
    "block_0": "bad_blocks",
    "block_7": "bad_blocks",
    "length_largest": "truncated",
    "length_0": "bad_blocks",
}


def test_broken_payloads_are_refused_before_any_c_code_sees_them(hostile: ModuleType) -> None:
    for name, blob in hostile.broken_bslz4().items():
        with pytest.raises(WireError) as refused:
            decompress.check(Pixels(hostile.SHAPE, "<u2", "bslz4", blob))
        assert refused.value.reason == REASONS.get(name, refused.value.reason), name


def test_every_truncation_of_every_encoding_is_refused() -> None:
    array = image((9, 23), "<u2")  # its 207 elements leave a tail of 7
    for encoding in ENCODINGS:
        good = decompress.encode(array, encoding)
        for length in range(good.nbytes):
            with pytest.raises(WireError):
                decompress.decode(Pixels(good.shape, "<u2", encoding, bytes(good.data)[:length]))


@pytest.mark.usefixtures("_backend")
def test_corrupt_content_is_refused_when_it_is_decoded() -> None:
    for encoding in ("lz4", "lz4-hdf5", "bslz4"):
        good = decompress.encode(image((64, 64), "<u2"), encoding)
        start = 0 if encoding == "lz4" else 16
        data = bytearray(good.data)
        data[start:] = b"\xff" * (len(data) - start)
        pixels = Pixels(good.shape, "<u2", encoding, bytes(data))
        for out in (None, np.empty((64, 64), "<u2")):
            with pytest.raises(WireError) as refused:
                decompress.decode(pixels, out)
            assert refused.value.reason == "bad_blob"


@pytest.mark.usefixtures("_backend")
def test_spoiled_bytes_give_wrong_pixels_or_a_wire_error_but_never_a_crash() -> None:
    noise = random.Random(11)  # noqa: S311
    out = np.empty((33, 47), "<u2")
    refused = 0
    for encoding in ("lz4", "lz4-hdf5", "bslz4"):
        good = decompress.encode(image((33, 47), "<u2"), encoding)
        for _ in range(700):
            data = bytearray(good.data)
            for _ in range(noise.choice((1, 1, 2, 8))):
                data[noise.randrange(len(data))] = noise.randrange(256)
            if noise.random() < 0.2:
                del data[noise.randrange(len(data)) :]
            try:
                decompress.decode(Pixels(good.shape, "<u2", encoding, bytes(data)), out)
            except WireError:
                refused += 1
    assert 0 < refused < 2100


def test_a_limit_on_the_decoded_size_is_kept() -> None:
    pixels = decompress.encode(image((64, 64), "<u2"))
    assert decompress.check(pixels, max_bytes=8192) is pixels
    with pytest.raises(WireError) as refused:
        decompress.check(pixels, max_bytes=8191)
    assert refused.value.reason == "too_large"


def test_a_walk_of_endless_tiny_blocks_is_not_begun() -> None:
    head = struct.pack(">QI", 32768 * 32768, 8)
    pixels = Pixels((32768, 32768), "|u1", "bslz4", head + bytes(1000))
    with pytest.raises(WireError) as refused:
        decompress.check(pixels)
    assert refused.value.reason == "bad_blocks"


@pytest.mark.parametrize(
    ("array", "encoding"),
    [
        (np.zeros((2, 2), "complex64"), "raw"),
        (np.zeros((2, 2), bool), "bslz4"),
        (np.zeros(4, "<u2"), "bslz4"),
        (np.zeros((2, 2), "<u2"), "bszstd"),
    ],
)
def test_what_may_not_travel_is_not_encoded(array: np.ndarray, encoding: str) -> None:
    with pytest.raises(ValueError, match="allowed are"):
        decompress.encode(array, encoding)


def test_big_endian_and_strided_arrays_travel_little_and_contiguous() -> None:
    array = image((40, 60), ">u4")[::2, ::3]
    for encoding in ENCODINGS:
        pixels = decompress.encode(array, encoding)
        assert pixels.dtype == "<u4"
        np.testing.assert_array_equal(decompress.decode(pixels), array)


def test_the_missing_library_is_asked_for_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bshuf, "find_spec", lambda name: None)
    bshuf.library.cache_clear()
    try:
        with pytest.raises(ImportError, match="pip install hdf5plugin"):
            bshuf.library()
    finally:
        bshuf.library.cache_clear()


def test_the_decoder_in_use_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decompress, "_dectris", None)
    assert "h5bshuf" in decompress.decoder_name()
    called: Any = lambda *_, **__: b""  # noqa: E731
    monkeypatch.setattr(decompress, "_dectris", called)
    assert "dectris-compression" in decompress.decoder_name()


def test_a_decoder_that_gives_nothing_is_not_believed(monkeypatch: pytest.MonkeyPatch) -> None:
    nothing: Any = lambda *_, **__: b""  # noqa: E731
    monkeypatch.setattr(decompress, "_dectris", nothing)
    with pytest.raises(WireError) as refused:
        decompress.decode(decompress.encode(image((8, 8), "<u2")))
    assert refused.value.reason == "bad_blob"


@pytest.mark.usefixtures("_backend")
def test_a_blob_of_a_real_16m_detector_is_decoded_with_and_without_its_head(
    shared_data: Path,
) -> None:
    blob = (shared_data / "streaming/tickit_eiger2_16M/frame_sample").read_bytes()
    for data in (blob, bytes(12) + blob[12:]):
        image = decompress.decode(Pixels((4362, 4148), "<u2", "bslz4", data))
        assert np.count_nonzero(image == 65535) == 1253074
    with pytest.raises(WireError) as refused:
        decompress.check(Pixels((4362, 4148), "<u2", "bslz4", blob[:-1]))
    assert refused.value.reason == "truncated"
