from __future__ import annotations

import contextlib
import hashlib
import random
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import cbor2
import numpy as np
import orjson
import pytest
import zmq

from beamside.stream import decompress
from beamside.stream.dectris import Decoder, Encoder
from beamside.stream.errors import WireError
from beamside.stream.messages import Buffer, Frame, Pixels, Refusal, RunStart, RunStop

NOW = 1_900_000_000_123_456_789
DATE = NOW // 1_000_000 * 1_000_000


def image(number: int = 0, shape: tuple[int, int] = (64, 64), dtype: str = "<u2") -> np.ndarray:
    return np.random.default_rng(number).poisson(5.0, shape).astype(dtype)


def frame(number: int = 0, *, run: str = "7", encoding: str = "bslz4", **fields: Any) -> Frame:
    pixels = decompress.encode(image(number), encoding)
    return Frame("there", run, number, {"data": pixels}, **fields)


def start(**fields: Any) -> RunStart:
    said: dict[str, Any] = {
        "expected": 10,
        "shape": (64, 64),
        "dtype": "<u2",
        "time_ns": NOW,
    } | fields
    return RunStart("there", "7", **said)


def one(decoder: Decoder, parts: Sequence[Buffer]) -> Any:
    [message] = decoder.decode(parts, NOW)
    return message


def refusal(decoder: Decoder, parts: Sequence[Buffer]) -> WireError:
    with pytest.raises(WireError) as refused:
        decoder.decode(parts)
    return refused.value


def changed(part: Buffer, **fields: Any) -> bytes:
    return orjson.dumps({**orjson.loads(part), **fields})


@pytest.mark.parametrize("detail", ["none", "basic", "all"])
@pytest.mark.parametrize("split", [False, True])
def test_a_run_comes_back_as_it_was_sent(detail: str, split: bool) -> None:
    mask = np.arange(64 * 32, dtype="<u4").reshape(64, 32)
    flat = np.full((64, 32), 0.5, "<f4")
    sent = start(
        shape=(64, 32),
        calibration={"pixel_size_nm": [0.02, 0.021], "voltage_kV": 300.0, "temperature_K": 93.0},
        metadata={"description": "EIGER of the mind", "trigger_mode": "exts", "frame_time": 0.01},
        arrays={"pixel_mask": mask, "flatfield": flat},
    )
    encoder, decoder = Encoder(header_detail=detail, split_header=split), Decoder("here")
    messages = [m for parts in encoder.encode(sent) for m in decoder.decode(parts, NOW)]
    [came] = messages
    assert isinstance(came, RunStart)
    assert (came.source, came.run, came.time_ns) == ("here", "7", NOW)
    origin = {"origin": "detector header"}
    assert came.calibration == {**sent.calibration, **origin}
    if detail == "none":
        assert (came.expected, came.shape, came.dtype) == (None, None, None)
        return
    assert (came.expected, came.shape, came.dtype) == (10, (64, 32), "<u2")
    assert came.metadata["description"] == "EIGER of the mind"
    if detail == "all":
        np.testing.assert_array_equal(came.arrays["pixel_mask"], mask)
        np.testing.assert_array_equal(came.arrays["flatfield"], flat)
    else:
        assert not came.arrays


@pytest.mark.parametrize("encoding", ["raw", "lz4", "bslz4"])
@pytest.mark.parametrize("dtype", ["|u1", "<u2", "<u4", "<i4", "<f4", "<u8"])
def test_images_of_every_type_come_back_in_every_encoding(encoding: str, dtype: str) -> None:
    encoder, decoder = Encoder(encoding), Decoder("here", verify=True)
    for number, shape in enumerate([(1, 1), (3, 5), (33, 31), (64, 64), (129, 257)]):
        array = image(number, shape, dtype)
        sent = Frame("there", "7", number, {"data": decompress.encode(array, "lz4-hdf5")})
        [parts] = encoder.encode(sent)
        came = one(decoder, parts)
        assert (came.run, came.number, came.received_ns) == ("7", number, NOW)
        assert came.channels["data"].encoding == encoding
        np.testing.assert_array_equal(decompress.decode(came.channels["data"]), array)
        assert "notes" not in came.metadata


def test_the_bytes_on_the_wire_are_the_vendors() -> None:
    pixels = decompress.encode(image(0, (3, 5)))
    sent = Frame("there", "7", 2, {"data": pixels}, {"appendix": {"angle": 1.5}, "real_time": 10})
    [[head, about, blob, times, appendix]] = Encoder().encode(sent)
    md5 = hashlib.md5(bytes(pixels.data)).hexdigest()  # noqa: S324
    assert orjson.loads(head) == {"htype": "dimage-1.0", "series": 7, "frame": 2, "hash": md5}
    assert orjson.loads(about) == {
        "htype": "dimage_d-1.0",
        "shape": [5, 3],
        "type": "uint16",
        "encoding": "bs16-lz4<",
        "size": len(pixels.data),
    }
    assert blob is pixels.data
    assert set(orjson.loads(times)) == {"htype", "start_time", "stop_time", "real_time"}
    assert orjson.loads(appendix) == {"angle": 1.5}
    assert (
        Encoder(double_end=True).encode(RunStop("there", "7"))
        == [[b'{"htype":"dseries_end-1.0","series":7}']] * 2
    )


def test_blobs_are_not_copied_on_the_way_in() -> None:
    [parts] = Encoder().encode(frame())
    part = zmq.Frame(bytes(parts[2])).buffer
    came = one(Decoder("here"), [parts[0], parts[1], part, parts[3]])
    assert came.channels["data"].data is part


class TestAdverseStreams:
    """The seven streams of which other receivers survive one."""

    def stream(
        self,
        change: Callable[[list[list[Buffer]]], list[list[Buffer]]] = lambda messages: messages,
        *,
        encoder: Encoder | None = None,
        sent_start: RunStart | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> list[Any]:
        encoder, decoder = encoder or Encoder(), Decoder("here")
        messages = encoder.encode(sent_start or start())
        for number in range(10):
            messages += encoder.encode(frame(number, metadata=metadata or {}))
        messages += encoder.encode(RunStop("there", "7"))
        return [m for parts in change(messages) for m in decoder.decode(parts)]

    def frames(self, came: list[Any]) -> list[int]:
        frames = [m for m in came if isinstance(m, Frame)]
        for f in frames:
            pixels = decompress.decode(f.channels["data"], checked=True)
            np.testing.assert_array_equal(pixels, image(f.number))
        assert isinstance(came[0], RunStart)
        assert isinstance(came[-1], RunStop)
        return [f.number for f in frames]

    def test_normal(self) -> None:
        assert self.frames(self.stream()) == list(range(10))

    def test_one_frame_missing(self) -> None:
        assert self.frames(self.stream(lambda m: m[:6] + m[7:])) == [0, 1, 2, 3, 4, 6, 7, 8, 9]

    def test_early_end(self) -> None:
        assert self.frames(self.stream(lambda m: m[:7] + m[-1:])) == list(range(6))

    def test_image_appendix(self) -> None:
        came = self.stream(metadata={"appendix": {"x": 1}})
        assert self.frames(came) == list(range(10))
        assert all(f.metadata["appendix"] == {"x": 1} for f in came[1:-1])

    def test_header_appendix(self) -> None:
        came = self.stream(sent_start=start(metadata={"header_appendix": {"sample": "LiF"}}))
        assert self.frames(came) == list(range(10))
        assert came[0].metadata["header_appendix"] == {"sample": "LiF"}

    def test_header_detail_all(self) -> None:
        arrays = {
            "flatfield": np.ones((64, 64), "<f4"),
            "pixel_mask": np.zeros((64, 64), "<u4"),
            "countrate_table": np.zeros((1000, 2), "<f4"),
        }
        came = self.stream(encoder=Encoder(header_detail="all"), sent_start=start(arrays=arrays))
        assert self.frames(came) == list(range(10))
        assert {name: a.shape for name, a in came[0].arrays.items()} == {
            "flatfield": (64, 64),
            "pixel_mask": (64, 64),
            "countrate_table": (1000, 2),
        }

    def test_uncompressed(self) -> None:
        came = self.stream(encoder=Encoder("raw"))
        assert self.frames(came) == list(range(10))
        assert came[1].channels["data"].encoding == "raw"


@pytest.mark.parametrize(
    ("encoding", "ours"),
    [
        *((name, "bslz4") for name in ("bs16-lz4<", "bs16lz4<", "bs16-lz4")),
        *((name, "lz4") for name in ("lz4<", "lz4", "-lz4<")),
        *((name, "raw") for name in ("<", "")),
    ],
)
def test_every_spelling_of_an_encoding_is_known(encoding: str, ours: str) -> None:
    [parts] = Encoder(ours).encode(frame())
    parts[1] = changed(parts[1], encoding=encoding)
    came = one(Decoder("here"), parts)
    np.testing.assert_array_equal(decompress.decode(came.channels["data"]), image())


@pytest.mark.parametrize("htype", ["dseries_end-1.0", "deseries_end-1.0", "series_end-1.0"])
def test_every_spelling_of_the_end_is_known(htype: str) -> None:
    came = one(Decoder("here"), [orjson.dumps({"htype": htype, "series": 7})])
    assert came == RunStop("here", "7", time_ns=NOW)


def test_a_second_end_is_given_again() -> None:
    decoder = Decoder("here")
    for parts in Encoder(double_end=True).encode(RunStop("there", "7")):
        assert isinstance(one(decoder, parts), RunStop)


def test_arrays_are_known_without_the_d_and_left_out_when_they_are_cut() -> None:
    flat, mask = np.ones((4, 3), "<f4"), np.zeros((4, 3), "<u4")
    sent = start(arrays={"flatfield": flat, "pixel_mask": mask})
    [parts] = Encoder(header_detail="all").encode(sent)
    parts[2] = changed(parts[2], htype="flatfield-1.0")
    parts[5] = bytes(parts[5])[:-1]
    came = one(Decoder("here"), parts)
    assert set(came.arrays) == {"flatfield"}
    assert "pixel_mask left out: 47 bytes" in came.metadata["notes"][0]


@pytest.mark.parametrize(
    ("mode", "images", "triggers", "expected"),
    [
        ("ints", 5, 3, 15),
        ("exts", 5, 3, 15),
        ("inte", 5, 3, 3),
        ("exte", 1, 4, 4),
        ("ints", 0, 1, None),
        ("ints", -5, 1, None),
        ("ints", True, 1, None),
        ("ints", 1 << 62, 1 << 62, None),
        ("ints", "5", 1, None),
        ("ints", 5, None, None),
    ],
)
def test_the_announced_frames_follow_the_trigger_mode(
    mode: str, images: Any, triggers: Any, expected: int | None
) -> None:
    config = {"nimages": images, "ntrigger": triggers, "trigger_mode": mode}
    head = {"htype": "dheader-1.0", "series": 7, "header_detail": "basic"}
    came = one(Decoder("here"), [orjson.dumps(head), orjson.dumps(config)])
    assert came.expected == expected


class TestHeaderInTwoMessages:
    def parts(self) -> tuple[list[Buffer], list[Buffer]]:
        first, second = Encoder(split_header=True).encode(start())
        return first, second

    def test_noise_between_them_does_not_part_them(self) -> None:
        first, second = self.parts()
        decoder = Decoder("here")
        assert decoder.decode(first) == []
        assert refusal(decoder, [b"\x00"]).reason == "bad_json"
        assert one(decoder, second).expected == 10

    def test_a_header_whose_second_part_never_comes_still_starts_its_run(self) -> None:
        decoder = Decoder("here")
        decoder.decode(self.parts()[0])
        [parts] = Encoder().encode(frame())
        began, came = decoder.decode(parts)
        assert isinstance(began, RunStart)
        assert began.expected is None
        assert isinstance(came, Frame)

    def test_it_starts_its_run_even_if_a_bad_image_comes_next(self) -> None:
        decoder = Decoder("here")
        decoder.decode(self.parts()[0])
        [parts] = Encoder().encode(frame(3))
        began, came = decoder.decode([*parts[:2], b"", *parts[3:]])
        assert isinstance(began, RunStart)
        assert isinstance(came, Refusal)
        assert (came.run, came.number) == ("7", 3)


class TestCalibration:
    def came(self, appendix: Any) -> RunStart:
        head = {"htype": "dheader-1.0", "series": 7, "header_detail": "none"}
        message = one(Decoder("here"), [orjson.dumps(head), orjson.dumps(appendix)])
        assert isinstance(message, RunStart)
        return message

    @pytest.mark.parametrize(
        ("unit", "nm"), [("nm", 1.0), ("pm", 1e-3), ("um", 1e3), ("µm", 1e3), ("A", 0.1)]
    )
    def test_known_units_of_length_are_turned_into_nanometres(self, unit: str, nm: float) -> None:
        came = self.came({"beamside": {"pixel_size": [2.0, 3], "unit": unit, "voltage_kV": 300}})
        assert came.calibration["pixel_size_nm"] == pytest.approx([2 * nm, 3 * nm])
        assert came.calibration["voltage_kV"] == 300.0
        assert "notes" not in came.metadata

    @pytest.mark.parametrize("unit", ["px", "inch", "", None, 1, ["nm"]])
    def test_an_unknown_unit_is_never_guessed(self, unit: Any) -> None:
        came = self.came({"beamside": {"pixel_size": [2.0, 3.0], "unit": unit}})
        assert came.calibration == {}
        assert "unit" in came.metadata["notes"][0]

    @pytest.mark.parametrize("size", [[1.0], [1, 0], [1, -1], [True, 1], ["1", "1"], 1.0, None])
    def test_a_pixel_size_that_is_none_is_left_out(self, size: Any) -> None:
        came = self.came({"beamside": {"pixel_size": size, "unit": "nm", "temperature_K": 93}})
        assert came.calibration == {"temperature_K": 93.0, "origin": "detector header"}
        assert "pixel_size" in came.metadata["notes"][0]

    @pytest.mark.parametrize("appendix", [{}, [], "text", 5, {"beamside": 1}, {"beamside": {}}])
    def test_an_appendix_that_says_nothing_of_it_calibrates_nothing(self, appendix: Any) -> None:
        came = self.came(appendix)
        assert came.calibration == {}
        assert came.metadata["header_appendix"] == appendix

    def test_a_unique_id_is_kept_beside_the_series(self) -> None:
        came = self.came({"beamside": {"run": "abc-1"}})
        assert (came.run, came.metadata["unique_id"]) == ("7", "abc-1")


def test_a_run_without_a_number_gets_one_and_keeps_its_name() -> None:
    encoder, decoder = Encoder(), Decoder("here")
    began = RunStart("there", "film.dm3", time_ns=NOW)
    came = next(m for parts in encoder.encode(began) for m in decoder.decode(parts))
    assert isinstance(came, RunStart)
    assert came.metadata["unique_id"] == "film.dm3"
    [parts] = encoder.encode(frame(run="film.dm3"))
    assert one(decoder, parts).run == came.run
    [other] = encoder.encode(frame(run=came.run))
    assert one(decoder, other).run != came.run


def test_an_appendix_that_is_no_json_is_kept_as_text() -> None:
    [parts] = Encoder().encode(frame())
    for text in (b"dark run, take 2", b'{"x": NaN}', b"[" * 5000):
        came = one(Decoder("here"), [*parts, text])
        assert came.metadata["appendix"] == text.decode()
    assert one(Decoder("here"), [*parts, b"\xff"]).metadata["appendix"] == "\ufffd"
    huge = one(Decoder("here"), [*parts, b" " * (2 << 20)])
    assert "left out" in huge.metadata["notes"][0]


class TestDetectorTime:
    def came(self, stop: Any, now: int = NOW + 10**9, **config: Any) -> int | None:
        decoder = Decoder("here")
        config = {"data_collection_date": "2030-03-17T18:46:40.123+01:00"} | config
        head = {"htype": "dheader-1.0", "series": 7, "header_detail": "basic"}
        decoder.decode([orjson.dumps(head), orjson.dumps(config)], NOW)
        [parts] = Encoder().encode(frame(2))
        parts[3] = orjson.dumps({"htype": "dconfig-1.0", "stop_time": stop})
        [message] = decoder.decode(parts, now)
        assert isinstance(message, Frame)
        return message.detector_ns

    def test_it_counts_from_the_date_of_the_series(self) -> None:
        assert self.came(5_000) == DATE + 5_000
        assert self.came(5_000, data_collection_date="2030-03-17T17:46:40.123Z") == DATE + 5_000

    def test_a_unix_time_is_taken_as_it_is(self) -> None:
        assert self.came(NOW - 5) == NOW - 5

    def test_a_date_without_a_time_zone_dates_nothing(self) -> None:
        assert self.came(5_000, data_collection_date="2030-03-17T17:46:40") is None
        assert self.came(5_000, data_collection_date="yesterday") is None
        assert self.came(5_000, data_collection_date=5) is None

    def test_a_clock_that_counts_from_start_up_is_not_believed(self) -> None:
        boot = 29 * 3600 * 10**9
        assert self.came(boot, now=NOW + 10 * boot) is None
        assert self.came(60 * 10**9, now=NOW + 10**9) is None  # in the future
        assert self.came(boot, now=NOW + 10 * boot, frame_time=40_000.0) == DATE + boot

    @pytest.mark.parametrize("stop", [None, "5", 5.0, -1, True, [5]])
    def test_a_time_that_is_none_is_none(self, stop: Any) -> None:
        assert self.came(stop) is None

    def test_an_image_without_a_header_has_none(self) -> None:
        [parts] = Encoder().encode(frame(metadata={"stop_time": 5}))
        assert one(Decoder("here"), parts).detector_ns is None

    @pytest.mark.parametrize("detail", ["none", "basic"])
    def test_the_time_of_a_simulated_frame_comes_back_to_the_nanosecond(self, detail: str) -> None:
        encoder, decoder = Encoder(header_detail=detail), Decoder("here")
        for parts in encoder.encode(start()):
            decoder.decode(parts, NOW)
        [parts] = encoder.encode(frame(detector_ns=NOW + 123_456_789))
        [came] = decoder.decode(parts, NOW + 10**9)
        assert isinstance(came, Frame)
        assert came.detector_ns == NOW + 123_456_789


class TestChecksum:
    def test_a_mismatch_is_noted_until_the_series_proved_that_it_is_md5(self) -> None:
        decoder, encoder = Decoder("here", verify=True), Encoder()
        [good] = encoder.encode(frame(1))
        [spoiled] = encoder.encode(frame(2))
        spoiled[0] = changed(spoiled[0], hash="0" * 32)
        assert one(decoder, spoiled).metadata["notes"] == ["hash_mismatch"]
        assert "notes" not in one(decoder, good).metadata
        refused = refusal(decoder, spoiled)
        assert (refused.reason, refused.run, refused.number) == ("bad_checksum", "7", 2)
        spoiled[0] = changed(spoiled[0], series=8)  # another series has proved nothing
        assert one(decoder, spoiled).run == "8"

    @pytest.mark.parametrize("said", ["", "12345", 12345, None, ["x"]])
    def test_a_hash_that_is_no_md5_is_no_reason_for_anything(self, said: Any) -> None:
        decoder = Decoder("here", verify=True)
        [parts] = Encoder().encode(frame())
        parts[0] = changed(parts[0], hash=said)
        assert "notes" not in one(decoder, parts).metadata

    def test_a_flipped_bit_is_found_with_verify_only(self) -> None:
        [good] = Encoder().encode(frame(1))
        spoiled = bytearray(good[2])
        spoiled[-1] ^= 1
        for verify in (True, False):
            decoder = Decoder("here", verify=verify)
            decoder.decode(good)
            parts = [good[0], good[1], bytes(spoiled), good[3]]
            if verify:
                assert refusal(decoder, parts).reason == "bad_checksum"
            else:
                assert isinstance(one(decoder, parts), Frame)

    def test_capital_letters_are_the_same_hash(self) -> None:
        decoder, encoder = Decoder("here", verify=True), Encoder()
        [parts] = encoder.encode(frame(1))
        parts[0] = changed(parts[0], hash=orjson.loads(parts[0])["hash"].upper())
        assert "notes" not in one(decoder, parts).metadata

    def test_a_zeroed_head_is_repaired_and_its_hash_still_matches(self) -> None:
        decoder = Decoder("here", verify=True)
        [parts] = Encoder().encode(frame(1))
        good, parts[2] = parts[2], bytes(12) + bytes(parts[2])[12:]
        parts[0] = changed(parts[0], hash=hashlib.md5(bytes(parts[2])).hexdigest())  # noqa: S324
        came = one(decoder, parts)
        assert came.channels["data"].data == good
        assert "notes" not in came.metadata


def test_what_this_wire_can_not_say_is_refused_by_the_encoder() -> None:
    pixels = decompress.encode(image())
    with pytest.raises(ValueError, match="stream2"):
        Encoder().encode(Frame("there", "7", 0, {"low": pixels, "high": pixels}))
    with pytest.raises(ValueError, match="allowed are raw, lz4, bslz4"):
        Encoder("lz4-hdf5")
    with pytest.raises(ValueError, match="allowed are none, basic, all"):
        Encoder(header_detail="some")
    flat = RunStart("there", "7", arrays={"flatfield": np.zeros(3, "<f4")})
    with pytest.raises(ValueError, match="flatfield"):
        Encoder(header_detail="all").encode(flat)


def test_a_start_can_be_sent_on_unchanged() -> None:
    first = start(calibration={"pixel_size_nm": [0.5, 0.5]}, metadata={"header_appendix": "text"})
    decoder = Decoder("here")
    [parts] = Encoder().encode(first)
    came = one(decoder, parts)
    [again] = Encoder().encode(came)
    again_came = one(decoder, again)
    assert again_came.calibration == came.calibration
    assert again_came.expected == came.expected
    assert again_came.metadata["header_appendix"]["user"] == "text"


def test_every_hostile_message_is_refused_and_the_next_good_one_decodes(
    hostile: ModuleType, hostile_messages: dict[str, list[bytes]]
) -> None:
    decoder = Decoder("here", verify=True)
    for name, parts in hostile_messages.items():
        for buffers in (parts, [memoryview(part) for part in parts]):
            with pytest.raises(WireError):
                pytest.fail(f"{name} was accepted: {decoder.decode(buffers)}")
        good = one(decoder, hostile.v1_image(3))
        assert good.number == 3, name


@pytest.mark.parametrize(
    ("name", "reason", "number"),
    [
        ("image_cut_after_2_parts", "bad_parts", 0),
        ("image_shape_0", "bad_shape", 0),
        ("image_shape_1e9", "bad_shape", 0),
        ("image_shape_largest", "too_large", 0),
        ("image_type_unknown", "bad_dtype", 0),
        ("image_type_other_size", "bad_dtype", 0),
        ("image_encoding_unknown", "bad_encoding", 0),
        ("image_encoding_big_endian", "unsupported_encoding", 0),
        ("image_size_2^60", "bad_size", 0),
        ("image_image_d_deep", "bad_json", 0),
        ("image_frame_negative", "bad_header", None),
        ("blob_bslz4_half", "truncated", 0),
        ("blob_bslz4_size_2^60", "bad_size", 0),
        ("blob_bslz4_length_largest", "truncated", 0),
        ("blob_raw_short", "truncated", 0),
    ],
)
def test_a_bad_image_is_refused_under_its_run_number_and_reason(
    hostile_messages: dict[str, list[bytes]], name: str, reason: str, number: int | None
) -> None:
    refused = refusal(Decoder("here"), hostile_messages[f"v1/{name}"])
    assert (refused.reason, refused.run, refused.number) == (reason, "666", number)


def test_what_no_stream_says_is_refused_by_name(hostile_messages: dict[str, list[bytes]]) -> None:
    reasons = {
        "any/no_parts": "empty",
        "any/1000_empty_parts": "bad_parts",
        "any/noise_4096": "bad_json",
        "any/json_deep_list": "bad_json",
        "any/json_nan": "bad_json",
        "v1/htype_unknown": "unknown_htype",
        "v1/htype_is_a_list": "unknown_htype",
        "v1/stray_image_d": "stray_part",
        "v1/header_series_float": "bad_header",
    }
    for name, reason in reasons.items():
        assert refusal(Decoder("here"), hostile_messages[name]).reason == reason, name


def _mutated(parts: list[Buffer], noise: random.Random) -> list[Buffer]:
    """The same with something spoiled: a byte, a value, a part, the order, an end."""
    spoiled = [bytearray(part) for part in parts]
    which = noise.randrange(len(spoiled))
    part, kind = spoiled[which], noise.randrange(7)
    if kind <= 1 and part:
        for _ in range(noise.choice((1, 1, 4))):
            part[noise.randrange(len(part))] = noise.randrange(256)
    elif kind == 2:
        del part[noise.randrange(len(part) + 1) :]
    elif kind == 3:
        spoiled.insert(which, bytearray(noise.choice(spoiled)))
    elif kind == 4:
        del spoiled[which]
    elif kind == 5:
        noise.shuffle(spoiled)
    elif part[:1] == b"{":
        said = orjson.loads(part)
        odd: list[Any] = [
            None,
            -1,
            0,
            1.5,
            2**63,
            "x",
            [],
            {},
            True,
            "9" * 99,
            [1, 2],
            [2**40, 1],
            10**9,
        ]
        said[noise.choice([*said, "extra"])] = noise.choice(odd)
        spoiled[which] = bytearray(orjson.dumps(said))
    return [bytes(part) for part in spoiled]


def test_spoiled_messages_are_refused_or_decoded_but_never_worse(hostile: ModuleType) -> None:
    noise = random.Random(20261)  # noqa: S311
    arrays = {"flatfield": np.ones((4, 3), "<f4"), "pixel_mask": np.zeros((4, 3), "<u4")}
    known = start(arrays=arrays, calibration={"pixel_size_nm": [1.0, 1.0]})
    whole = frame(3, metadata={"appendix": {"x": 1}})
    messages = [
        *Encoder(header_detail="all").encode(known),
        *Encoder(split_header=True).encode(known),
        *(parts for e in ("raw", "lz4", "bslz4") for parts in Encoder(e).encode(whole)),
        *Encoder().encode(RunStop("there", "7")),
    ]
    decoder, refused, decoded = Decoder("here", verify=True), 0, 0
    for _ in range(2000):
        try:
            came = decoder.decode(_mutated(noise.choice(messages), noise))
        except WireError:
            refused += 1
            continue
        for message in came:
            decoded += _survives(message)
        assert one(Decoder("here"), hostile.v1_image(3)).number == 3
    assert refused > 200
    assert decoded > 200
    assert one(decoder, hostile.v1_image(3)).number == 3


def _survives(message: RunStart | Frame | RunStop | Refusal) -> bool:
    if isinstance(message, RunStart | Frame):
        orjson.dumps(dict(message.metadata))  # it must be fit to travel on
    if not isinstance(message, Frame):
        return True
    for pixels in message.channels.values():
        with contextlib.suppress(WireError):  # a flipped bit in the content
            decompress.decode(pixels, checked=True)
    return True


def test_a_recorded_series_of_a_real_9m_detector_is_understood(shared_data: Path) -> None:
    """Its blobs were cut to 20000 bytes by who recorded it."""
    path = shared_data / "streaming/dranspose_captures/eiger-small.cbors"
    decoder, came, refused = Decoder("here"), [], []
    for parts in recorded(path):
        try:
            came += decoder.decode(parts)
        except WireError as error:
            refused.append((error.reason, error.run, error.number))
    assert refused == [("truncated", "6", number) for number in range(3)]
    began, ended = came
    assert isinstance(ended, RunStop)
    assert isinstance(began, RunStart)
    assert (began.run, began.expected, began.shape, began.dtype) == ("6", 3, (3262, 3108), "<u4")
    assert began.metadata["header_appendix"]["collect_dict"]["col_id"] == 128579
    assert set(began.arrays) == {"countrate_table"}
    assert began.arrays["countrate_table"].shape == (1001, 2)
    assert began.arrays["countrate_table"][1].tolist() == pytest.approx([8327.12, 8319.44], abs=0.1)
    assert [note.partition(" ")[0] for note in began.metadata["notes"]] == [
        "flatfield",
        "pixel_mask",
    ]


def test_the_clock_of_a_real_9m_detector_counts_from_its_start_up(shared_data: Path) -> None:
    path = shared_data / "streaming/dranspose_captures/eiger-small.cbors"
    header, first, *_ = recorded(path)
    decoder = Decoder("here")
    decoder.decode(header)
    pixels = decompress.encode(np.zeros((3262, 3108), "<u4"))
    about = changed(first[1], size=len(pixels.data))
    came = one(decoder, [first[0], about, pixels.data, *first[3:]])
    assert came.metadata["stop_time"] == 103597369252640
    assert came.metadata["appendix"] == {}
    assert came.detector_ns is None


def recorded(path: Path) -> list[list[Buffer]]:
    """The multiparts of a recording: CBOR items one after the other, each a list of parts."""
    messages: list[list[Buffer]] = []
    with path.open("rb") as file:
        while file.peek(1):
            item = cbor2.load(file)
            messages.append(list(getattr(item, "value", item)))
    return messages


def test_pixels_of_the_corpus_are_good_before_they_are_spoiled(hostile: ModuleType) -> None:
    came = one(Decoder("here"), hostile.v1_image(3))
    pixels = came.channels["data"]
    assert isinstance(pixels, Pixels)
    np.testing.assert_array_equal(decompress.decode(pixels), hostile.picture(3))
