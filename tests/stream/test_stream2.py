from __future__ import annotations

import contextlib
import random
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import cbor2
import numpy as np
import orjson
import pytest

from beamside.stream import decompress
from beamside.stream.errors import WireError
from beamside.stream.messages import Buffer, Frame, Refusal, RunStart, RunStop
from beamside.stream.stream2 import Decoder, Encoder

NOW = 1_900_000_000_123_456_789


def image(number: int = 0, shape: tuple[int, int] = (64, 64), dtype: str = "<u2") -> np.ndarray:
    return np.random.default_rng(number).poisson(5.0, shape).astype(dtype)


def frame(number: int = 0, *, run: str = "7", encoding: str = "bslz4", **fields: Any) -> Frame:
    pixels = decompress.encode(image(number), encoding)
    return Frame("there", run, number, {"data": pixels}, **fields)


def one(parts: Sequence[Buffer]) -> Any:
    [message] = Decoder("here").decode(parts, NOW)
    return message


def refusal(parts: Sequence[Buffer]) -> WireError:
    with pytest.raises(WireError) as refused:
        Decoder("here").decode(parts)
    return refused.value


def began(**said: Any) -> RunStart:
    message = one([cbor2.dumps({"type": "start", "series_id": 7, **said})])
    assert isinstance(message, RunStart)
    return message


def test_a_run_comes_back_as_it_was_sent() -> None:
    mask, flat = np.arange(2048, dtype="<u4").reshape(64, 32), np.full((64, 32), 0.5, "<f4")
    sent = RunStart(
        "there",
        "7",
        expected=10,
        shape=(64, 32),
        dtype="<u2",
        channels=("threshold_1",),
        calibration={"pixel_size_nm": [0.02, 0.021], "voltage_kV": 300.0, "temperature_K": 93.0},
        metadata={"detector_description": "EIGER of the mind", "user_data": {"sample": "LiF"}},
        arrays={"pixel_mask": mask, "flatfield": flat, "countrate_table": np.ones((9, 2), "<f4")},
        time_ns=NOW,
    )
    encoder = Encoder()
    [parts] = encoder.encode(sent)
    came = one(parts)
    assert (came.source, came.run, came.expected, came.shape) == ("here", "7", 10, (64, 32))
    assert (came.dtype, came.channels, came.time_ns) == ("<u2", ("threshold_1",), NOW)
    assert came.calibration == {**sent.calibration, "origin": "detector header"}
    assert came.metadata["detector_description"] == "EIGER of the mind"
    assert came.metadata["user_data"]["sample"] == "LiF"
    assert came.metadata["series_unique_id"] == "7"
    assert "notes" not in came.metadata
    for name, array in sent.arrays.items():
        np.testing.assert_array_equal(came.arrays[name], array)
    [[end]] = encoder.encode(RunStop("there", "7"))
    assert one([end]) == RunStop("here", "7", time_ns=NOW)


@pytest.mark.parametrize("encoding", ["raw", "lz4-hdf5", "bslz4"])
@pytest.mark.parametrize("dtype", ["|u1", "<u2", "<u4", "<u8", "|i1", "<i2", "<i4", "<f4", "<f8"])
def test_images_of_every_type_come_back_in_every_encoding(encoding: str, dtype: str) -> None:
    encoder = Encoder(encoding)
    for number, shape in enumerate([(1, 1), (3, 5), (33, 31), (64, 64), (129, 257)]):
        array = image(number, shape, dtype)
        sent = Frame("there", "7", number, {"data": decompress.encode(array, "lz4")})
        [parts] = encoder.encode(sent)
        came = one(parts)
        assert (came.run, came.number, came.received_ns) == ("7", number, NOW)
        assert came.channels["data"].encoding == encoding
        np.testing.assert_array_equal(decompress.decode(came.channels["data"]), array)


def test_several_channels_travel_in_one_message() -> None:
    arrays = {"threshold_1": image(1), "threshold_2": image(2, dtype="<u4")}
    encodings = {"threshold_1": "bslz4", "threshold_2": "lz4-hdf5"}
    pixels = {name: decompress.encode(arrays[name], encodings[name]) for name in arrays}
    [parts] = Encoder().encode(Frame("there", "7", 3, pixels))
    came = one(parts)
    assert list(came.channels) == ["threshold_1", "threshold_2"]
    for name, array in arrays.items():
        assert came.channels[name].encoding == encodings[name]
        np.testing.assert_array_equal(decompress.decode(came.channels[name]), array)


def test_tables_of_several_channels_are_told_apart_by_name() -> None:
    flats = {"flatfield_low": np.zeros((4, 3), "<f4"), "flatfield_high": np.ones((4, 3), "<f4")}
    sent = RunStart("there", "7", channels=("low", "high"), arrays=flats)
    came = one(Encoder().encode(sent)[0])
    for name, array in flats.items():
        np.testing.assert_array_equal(came.arrays[name], array)


def test_tables_may_come_compressed_and_one_dimensional(hostile: ModuleType) -> None:
    came = began(
        flatfield={"data": hostile.cbor_array()},
        countrate_correction_lookup_table=cbor2.CBORTag(85, np.arange(4, dtype="<f4").tobytes()),
    )
    np.testing.assert_array_equal(came.arrays["flatfield"], hostile.picture())
    assert came.arrays["countrate_table"].tolist() == [0.0, 1.0, 2.0, 3.0]


def test_tables_that_were_cut_out_are_absent_and_broken_ones_noted(hostile: ModuleType) -> None:
    came = began(
        flatfield={"data": b"\0\0\0\0"},
        pixel_mask={"data": hostile.cbor_array(shape=(1, 1))},
        countrate_correction_lookup_table=b"\0\0\0\0",
    )
    assert not came.arrays
    assert came.metadata["notes"] == [
        "pixel_mask left out: the head says 3744 bytes, the shape 2",
    ]
    assert "a map of 1 to 64 channels" in began(flatfield=[1]).metadata["notes"][0]


def test_all_tables_together_are_kept_below_the_limit() -> None:
    zeros = decompress.encode(np.zeros((512, 512), "<f4"))
    packed = cbor2.CBORTag(56500, ["bslz4", 4, zeros.data])
    item = cbor2.CBORTag(40, [[512, 512], cbor2.CBORTag(85, packed)])
    said = {"type": "start", "series_id": 7, "flatfield": {str(i): item for i in range(5)}}
    [came] = Decoder("here", max_bytes=3 << 20).decode([cbor2.dumps(said)])
    assert isinstance(came, RunStart)
    assert len(came.arrays) == 3
    assert len(came.metadata["notes"]) == 2


def array_message(item: Any) -> list[bytes]:
    return [cbor2.dumps({"type": "image", "series_id": 7, "image_id": 0, "data": {"a": item}})]


def test_column_major_pixels_are_turned(hostile: ModuleType) -> None:
    array = image(1, (5, 9))
    typed = cbor2.CBORTag(69, np.asfortranarray(array).tobytes(order="F"))
    came = one(array_message(cbor2.CBORTag(1040, [[5, 9], typed])))
    assert came.channels["a"].shape == (5, 9)
    np.testing.assert_array_equal(decompress.decode(came.channels["a"]), array)
    packed = hostile.cbor_array(tag=1040)
    assert refusal(array_message(packed)).reason == "unsupported_encoding"


@pytest.mark.parametrize(
    ("tag", "dtype"),
    [(65, ">u2"), (66, ">u4"), (67, ">u8"), (73, ">i2"), (74, ">i4"), (81, ">f4"), (82, ">f8")],
)
def test_big_endian_pixels_are_turned(tag: int, dtype: str) -> None:
    array = image(1, (5, 9), dtype)
    came = one(array_message(cbor2.CBORTag(40, [[5, 9], cbor2.CBORTag(tag, array.tobytes())])))
    np.testing.assert_array_equal(decompress.decode(came.channels["a"]), array)


def test_a_tag_that_says_cbor_is_stripped_wherever_it_stands(hostile: ModuleType) -> None:
    [wrapped] = hostile.cbor_image(3)
    assert wrapped.startswith(b"\xd9\xd9\xf7")
    for parts in ([wrapped], [wrapped[3:]], [b"\xd9\xd9\xf7" * 3 + wrapped]):
        assert one(parts).number == 3


def test_start_and_first_image_may_come_in_one_multipart() -> None:
    encoder = Encoder()
    [start], [first] = encoder.encode(RunStart("there", "7")), encoder.encode(frame(0))
    came = Decoder("here").decode([*start, *first])
    assert [type(message) for message in came] == [RunStart, Frame]


def test_of_a_multipart_the_good_messages_are_given_and_the_bad_ones_named() -> None:
    encoder = Encoder()
    [[start]], [[first]] = encoder.encode(RunStart("there", "7")), encoder.encode(frame(4))
    spoiled = cbor2.dumps({"type": "image", "series_id": 7, "image_id": 5, "data": {}})
    came = Decoder("here").decode([start, spoiled, first, b"\xff"])
    assert [type(message) for message in came] == [RunStart, Refusal, Frame, Refusal]
    assert isinstance(came[1], Refusal)
    assert (came[1].reason, came[1].run, came[1].number) == ("bad_header", "7", 5)
    assert refusal([b"\xff", spoiled]).reason == "bad_cbor"


class TestDetectorTime:
    def test_it_counts_from_the_date_of_the_series_in_ticks(self, hostile: ModuleType) -> None:
        date = cbor2.CBORTag(0, "2023-10-03T17:47:49.434+02:00")
        came = one(hostile.cbor_image(series_date=date, stop_time=[215873, 50_000_000]))
        assert came.detector_ns == 1_696_348_069_434_000_000 + 215873 * 20
        assert came.metadata["stop_time"] == [215873, 50_000_000]

    @pytest.mark.parametrize(
        "stop", [None, 5, [5], [5, 0], [5, -1], [-5, 1], [5.0, 1], [True, 1], "ab", [1 << 70, 1]]
    )
    def test_a_time_that_is_none_is_none(self, hostile: ModuleType, stop: Any) -> None:
        date = cbor2.CBORTag(0, "2023-10-03T17:47:49.434+02:00")
        assert one(hostile.cbor_image(series_date=date, stop_time=stop)).detector_ns is None

    def test_without_a_date_there_is_none(self, hostile: ModuleType) -> None:
        assert one(hostile.cbor_image()).detector_ns is None

    @pytest.mark.parametrize("with_start", [True, False])
    def test_the_time_of_a_simulated_frame_comes_back_to_the_nanosecond(
        self, with_start: bool
    ) -> None:
        encoder = Encoder()
        if with_start:
            encoder.encode(RunStart("there", "7", time_ns=NOW))
        [parts] = encoder.encode(frame(detector_ns=NOW + 987_654_321))
        assert one(parts).detector_ns == NOW + 987_654_321


def test_user_data_calibrates_as_a_map_or_as_text() -> None:
    said = {"beamside": {"pixel_size": [1, 2], "unit": "pm", "run": "abc"}}
    for user_data in (said, orjson.dumps(said).decode()):
        came = began(user_data=user_data)
        assert came.calibration["pixel_size_nm"] == pytest.approx([1e-3, 2e-3])
        assert came.metadata["unique_id"] == "abc"
    assert began(user_data="beamside, they said").calibration == {}


def test_a_run_without_a_number_gets_one_and_keeps_its_name() -> None:
    encoder = Encoder()
    came = one(encoder.encode(RunStart("there", "film.dm3"))[0])
    assert came.metadata["series_unique_id"] == "film.dm3"
    assert one(encoder.encode(frame(run="film.dm3"))[0]).run == came.run


def test_what_is_not_known_of_a_start_is_not_assumed() -> None:
    came = began(
        channels=[1], image_dtype="complex64", number_of_images=-1, image_size_x=0, image_size_y=5
    )
    assert (came.channels, came.dtype, came.expected, came.shape) == (("data",), None, None, None)


class TestJungfraujoch:
    """Its dialect: more keys, more messages; before 2023, messages that do not say enough."""

    def test_its_extra_keys_do_no_harm(self, hostile: ModuleType) -> None:
        spots = [{"x": 1.5, "y": 2.5, "I": 9.0, "ice_ring": False}] * 300
        profile = cbor2.CBORTag(85, np.ones(50, "<f4").tobytes())
        came = one(
            hostile.cbor_image(
                spots=spots, az_int_profile=profile, packets_expected=128, xfel_pulse_id=2**63
            )
        )
        assert came.metadata["packets_expected"] == 128
        assert came.metadata["xfel_pulse_id"] == 2**63
        assert len(came.metadata["spots"]) == 300
        assert "az_int_profile" not in came.metadata
        start = began(magic_number=0x52320000, detector_distance=0.1, error_value=-(2**31))
        assert start.metadata["error_value"] == -(2**31)

    def test_its_other_messages_are_passed_over(self, hostile: ModuleType) -> None:
        metadata = cbor2.dumps({"type": "metadata", "series_id": 7, "images": [{}]})
        calibration = cbor2.dumps({"type": "calibration", "data": {"a": b"x"}})
        assert Decoder("here").decode([metadata]) == []
        assert Decoder("here").decode([calibration]) == []
        [good] = hostile.cbor_image(3)
        assert [type(m) for m in Decoder("here").decode([metadata, good])] == [Frame]

    def test_its_old_dialect_is_refused_in_words(
        self, hostile_messages: dict[str, list[bytes]]
    ) -> None:
        for kind in ("start", "image", "end"):
            refused = refusal(hostile_messages[f"cbor/old_jungfraujoch_{kind}"])
            assert refused.reason == "unsupported_dialect"
            assert "update the sender" in refused.detail


def test_metadata_is_fit_to_travel_on_whatever_it_was() -> None:
    deep: Any = 1
    for _ in range(200):
        deep = [deep]
    came = began(
        nan=float("nan"),
        huge=10**6000,
        deep=deep,
        long=list(range(50_000)),
        fraction=cbor2.CBORTag(30, [1, 3]),
        picture=b"\xff\xd8",
        mixed=[1, b"x", float("inf"), {"a": b"x", 5: 6, (1, 2): 3}],
        date=cbor2.CBORTag(0, "2023-10-03T17:47:49Z"),
        last="kept",
    )
    text = orjson.dumps(dict(came.metadata))
    assert len(text) < 1_000_000
    assert came.metadata["mixed"] == [1, None, None, {"5": 6}]
    assert "deep left out: too long or too deep" in came.metadata["notes"]
    assert "long left out: too long or too deep" in came.metadata["notes"]
    assert came.metadata["last"] == "kept"
    assert not {"nan", "huge", "fraction", "picture"} & set(came.metadata)


def test_a_message_of_nothing_but_long_values_is_given_up_soon() -> None:
    came = began(**{f"key_{i}": list(range(30_000)) for i in range(40)})
    assert came.metadata["notes"][-1] == "and all keys after it"
    assert len(came.metadata["notes"]) < 20


def test_shared_references_that_grow_without_end_are_left_out() -> None:
    # 2^40 values in 200 bytes: each list holds the one before it twice
    bomb = b"\xd8\x1c\x81\x01"
    for level in range(40):
        bomb = b"\xd8\x1c\x82" + bomb + b"\xd8\x1d" + cbor2.dumps(39 - level + 1)
    circle = b"\xd8\x1c\x81\xd8\x1d\x00"
    for item in (bomb, circle):
        message = b"\xa3\x64type\x65start\x69series_id\x07\x64evil" + item
        came = one([message])
        assert "evil" not in came.metadata
        assert "too long or too deep" in came.metadata["notes"][0]


def test_every_hostile_message_is_refused_and_the_next_good_one_decodes(
    hostile: ModuleType, hostile_messages: dict[str, list[bytes]]
) -> None:
    decoder = Decoder("here")
    for name, parts in hostile_messages.items():
        for buffers in (parts, [memoryview(part) for part in parts]):
            with pytest.raises(WireError):
                pytest.fail(f"{name} was accepted: {decoder.decode(buffers)}")
        [good] = decoder.decode(hostile.cbor_image(3))
        assert isinstance(good, Frame), name
        assert good.number == 3, name


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("image_shape_0", "bad_shape"),
        ("image_shape_1e9", "bad_shape"),
        ("image_shape_largest", "too_large"),
        ("image_dims_text", "bad_shape"),
        ("image_typed_half_float", "bad_dtype"),
        ("image_element_size_4", "bad_dtype"),
        ("image_algorithm_bszstd", "unsupported_encoding"),
        ("image_algorithm_trpx", "unsupported_encoding"),
        ("image_big_endian_compressed", "unsupported_encoding"),
        ("image_packed_of_two", "bad_encoding"),
        ("image_bslz4_half", "truncated"),
        ("image_bslz4_size_2^60", "bad_size"),
        ("image_bslz4_length_0", "bad_blocks"),
        ("image_raw_short", "truncated"),
        ("image_no_channels", "bad_header"),
        ("image_one_bad_channel", "bad_shape"),
    ],
)
def test_a_bad_image_is_refused_under_its_run_number_and_reason(
    hostile_messages: dict[str, list[bytes]], name: str, reason: str
) -> None:
    refused = refusal(hostile_messages[f"cbor/{name}"])
    assert (refused.reason, refused.run, refused.number) == (reason, "666", 0)


def test_what_no_stream_says_is_refused_by_name(hostile_messages: dict[str, list[bytes]]) -> None:
    reasons = {
        "any/no_parts": "empty",
        "any/1000_empty_parts": "bad_parts",
        "any/noise_4096": "bad_cbor",
        "cbor/deep_lists": "bad_cbor",
        "cbor/list_of_2^40": "bad_cbor",
        "cbor/image_cut_at_50_percent": "bad_cbor",
        "cbor/type_unknown": "unknown_type",
        "cbor/type_list": "unknown_type",
        "cbor/start_series_float": "bad_header",
    }
    for name, reason in reasons.items():
        assert refusal(hostile_messages[name]).reason == reason, name


def _odd(value: Any, noise: random.Random) -> Any:
    """The same structure with one value somewhere in it replaced."""
    if isinstance(value, dict) and value and noise.random() < 0.8:
        key = noise.choice(list(value))
        return {**value, key: _odd(value[key], noise)}
    if isinstance(value, list) and value and noise.random() < 0.8:
        at = noise.randrange(len(value))
        return [_odd(item, noise) if i == at else item for i, item in enumerate(value)]
    if isinstance(value, cbor2.CBORTag) and noise.random() < 0.8:
        tag = noise.choice([value.tag] * 4 + [40, 1040, 69, 70, 66, 85, 56500, 55799, 99])
        return cbor2.CBORTag(tag, _odd(value.value, noise))
    if isinstance(value, bytes) and value and noise.random() < 0.8:
        spoiled = bytearray(value)
        spoiled[noise.randrange(len(spoiled))] = noise.randrange(256)
        return bytes(spoiled[: noise.choice([len(spoiled), noise.randrange(len(spoiled))])])
    odd: list[Any] = [
        None,
        -1,
        0,
        1,
        1.5,
        2**63,
        2**70,
        "x",
        b"",
        b"x" * 20,
        [],
        {},
        True,
        [1, 2],
        10**9,
    ]
    return noise.choice(odd)


def _spoiled(part: bytes, noise: random.Random) -> bytes:
    data = bytearray(part)
    for _ in range(noise.choice((1, 1, 3, 10))):
        # the head of the message more often than its pixels
        reach = noise.choice((60, 200, len(data)))
        data[noise.randrange(min(reach, len(data)))] = noise.randrange(256)
    if noise.random() < 0.2:
        del data[noise.randrange(len(data)) :]
    return bytes(data)


def test_spoiled_messages_are_refused_or_decoded_but_never_worse(hostile: ModuleType) -> None:
    noise = random.Random(20262)  # noqa: S311
    arrays = {"flatfield": np.ones((4, 3), "<f4"), "pixel_mask": np.zeros((4, 3), "<u4")}
    start = {
        "type": "start",
        "series_id": 7,
        "channels": ["data"],
        "number_of_images": 3,
        "image_size_x": 3,
        "image_size_y": 4,
        "flatfield": {"data": hostile.cbor_array()},
        "user_data": {"beamside": {"pixel_size": [1, 1], "unit": "nm"}},
    }
    image_said = {
        "type": "image",
        "series_id": 7,
        "image_id": 1,
        "stop_time": [1, 1000],
        "series_date": cbor2.CBORTag(0, "2023-10-03T17:47:49Z"),
        "data": {"data": hostile.cbor_array(), "other": hostile.cbor_array(content=b"x" * 3744)},
    }
    maps = [start, image_said, image_said, {"type": "end", "series_id": 7}]
    encoded = [part for m in (RunStart("s", "7", arrays=arrays),) for [part] in Encoder().encode(m)]
    encoded += [bytes(cbor2.dumps(said)) for said in maps]
    decoder, refused, decoded = Decoder("here"), 0, 0
    for turn in range(2000):
        if turn % 2:
            part = cbor2.dumps(_odd(noise.choice(maps), noise))
        else:
            part = _spoiled(bytes(noise.choice(encoded)), noise)
        try:
            came = decoder.decode([part])
        except WireError:
            refused += 1
            continue
        for message in came:
            decoded += _survives(message)
    assert refused > 200
    assert decoded > 200
    [good] = decoder.decode(hostile.cbor_image(3))
    assert isinstance(good, Frame)


def _survives(message: RunStart | Frame | RunStop | Refusal) -> bool:
    if isinstance(message, RunStart | Frame):
        orjson.dumps(dict(message.metadata))  # it must be fit to travel on
    if isinstance(message, Frame):
        for pixels in message.channels.values():
            with contextlib.suppress(WireError):  # a flipped bit in the content
                decompress.decode(pixels, checked=True)
    return True


def test_a_recorded_run_of_a_real_16m_detector_is_understood(shared_data: Path) -> None:
    folder = shared_data / "streaming/tickit_eiger2_16M"
    said = {name: [(folder / f"{name}.cbor").read_bytes()] for name in ("start", "image", "end")}
    start, came, end = one(said["start"]), one(said["image"]), one(said["end"])
    assert (start.run, came.run, end.run) == ("15614", "15614", "15614")
    assert (start.expected, start.shape) == (1, (4362, 4148))
    assert start.channels == ("threshold_1",)
    assert start.arrays == {}  # they were cut to four bytes by who recorded them
    assert start.metadata["series_unique_id"] == "01HBV3JPF9T4ZDPADX6EMK6XMZ"
    assert start.metadata["arm_date"] == "2023-10-03T17:47:48.329000+02:00"
    assert len(start.metadata) == 31 - 4  # type and the three tables
    assert (came.number, came.metadata["real_time"]) == (0, [215873, 50000000])
    assert came.detector_ns == 1_696_348_069_434_000_000 + 215873 * 20
    pixels = came.channels["threshold_1"]
    assert pixels.nbytes == 513082
    image = decompress.decode(pixels, checked=True)
    assert (image.shape, image.dtype) == ((4362, 4148), np.dtype("<u2"))
    assert (int(image.min()), float(np.median(image))) == (0, 0.0)
    assert np.count_nonzero(image == 65535) == 1253075
    assert int(image.sum(dtype=np.uint64)) == 82120283837


def test_a_recorded_image_is_written_again_as_it_was(shared_data: Path) -> None:
    folder = shared_data / "streaming/tickit_eiger2_16M"
    recorded = (folder / "image.cbor").read_bytes()
    [[again]] = Encoder().encode(one([recorded]))
    first, second = (cbor2.loads(bytes(said)) for said in (recorded, again))
    assert second["data"] == first["data"]
    for key in ("type", "series_id", "image_id", "real_time", "start_time", "stop_time"):
        assert second[key] == first[key], key
    assert second["series_date"] == first["series_date"]


@pytest.mark.parametrize("thaw", [False, True])
def test_pixels_stay_packed_whichever_cbor2_reads_them(
    thaw: bool, hostile: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    """cbor2 5 calls `hook(decoder, tag)`, 6 `hook(tag, immutable)`, so none may be passed at all.

    6 freezes the containers within tags, 5 does not.
    """
    loads = cbor2.loads

    def strict(data: bytes, **options: Any) -> Any:
        assert not options, f"not the same in all versions: {options}"
        return _thawed(loads(data)) if thaw else loads(data)

    monkeypatch.setattr(cbor2, "loads", strict)
    came = one(hostile.cbor_image(3))
    assert came.channels["threshold_1"].encoding == "bslz4"
    np.testing.assert_array_equal(
        decompress.decode(came.channels["threshold_1"]), hostile.picture()
    )


def _thawed(value: Any) -> Any:
    if isinstance(value, cbor2.CBORTag):
        return cbor2.CBORTag(value.tag, _thawed(value.value))
    if isinstance(value, list | tuple):
        return [_thawed(item) for item in value]
    if hasattr(value, "items"):
        return {key: _thawed(item) for key, item in value.items()}
    return value


def test_what_this_wire_can_not_say_is_refused_by_the_encoder() -> None:
    with pytest.raises(ValueError, match="allowed are raw, lz4-hdf5, bslz4"):
        Encoder("lz4")
