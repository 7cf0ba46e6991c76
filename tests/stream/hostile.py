"""Bytes that must do no harm: name -> the parts of one multipart.

A name begins with the wire it is aimed at. The decoder of that wire refuses it with a `WireError`;
`any/` is refused by every decoder. No decoder may raise anything else for any of them.
"""

from __future__ import annotations

import json
import random
import struct
from collections.abc import Mapping
from typing import Any

import cbor2
import numpy as np

from beamside.stream import decompress
from beamside.stream.messages import Pixels

SERIES = 666
"""The series that every hostile message claims to belong to."""
SHAPE = (36, 52)
"""(ny, nx) of the images; not square, no multiple of a block."""


def corpus() -> dict[str, list[bytes]]:
    """All of them, the same bytes every time."""
    cases = _anything() | _v1_headers() | _v1_images() | _v1_blobs()
    return cases | _cbor_bombs() | _cbor_maps() | _cbor_images()


def picture(seed: int = 0) -> np.ndarray:
    """A little image of uint16, the same for the same seed."""
    return np.random.default_rng(seed).poisson(3.0, SHAPE).astype("<u2")


def v1_image(
    number: int = 0,
    *,
    head: Mapping[str, Any] | None = None,
    about: Mapping[str, Any] | None = None,
    pixels: Pixels | None = None,
    blob: bytes | None = None,
    series: int = SERIES,
) -> list[bytes]:
    """A good V1 image, its JSON and blob changed where told."""
    if pixels is None:
        pixels = decompress.encode(picture(number))
    blob = bytes(pixels.data) if blob is None else blob
    encoding = {"raw": "<", "lz4": "lz4<", "bslz4": f"bs{8 * int(pixels.dtype[2])}-lz4<"}
    first = {"htype": "dimage-1.0", "series": series, "frame": number, "hash": ""}
    second = {
        "htype": "dimage_d-1.0",
        "shape": [pixels.shape[1], pixels.shape[0]],
        "type": "uint16",
        "encoding": encoding[pixels.encoding],
        "size": len(blob),
    }
    third = {"htype": "dconfig-1.0", "start_time": 1, "stop_time": 2, "real_time": 1}
    return [
        json.dumps(first | dict(head or {})).encode(),
        json.dumps(second | dict(about or {})).encode(),
        blob,
        json.dumps(third).encode(),
    ]


def cbor_image(number: int = 0, *, series: Any = SERIES, **changes: Any) -> list[bytes]:
    """A good stream2 image, its keys changed where told."""
    said = {
        "type": "image",
        "series_id": series,
        "series_unique_id": "x",
        "image_id": number,
        "start_time": [0, 1000],
        "stop_time": [1, 1000],
        "real_time": [1, 1000],
        "data": {"threshold_1": cbor_array()},
    }
    return [cbor2.dumps(cbor2.CBORTag(55799, said | changes))]


def cbor_array(
    shape: Any = SHAPE,
    tag: int = 40,
    typed: int = 69,
    packed: Any = None,
    content: Any = None,
) -> Any:
    """A good tagged array, changed where told."""
    if packed is None:
        packed = ["bslz4", 2, bytes(decompress.encode(picture()).data)]
    if content is None:
        content = cbor2.CBORTag(56500, packed)
    dims = list(shape) if isinstance(shape, tuple) else shape
    return cbor2.CBORTag(tag, [dims, cbor2.CBORTag(typed, content)])


def _anything() -> dict[str, list[bytes]]:
    noise = random.Random(7)  # noqa: S311
    words = {
        "empty_part": b"",
        "zeros": bytes(100),
        "ones": b"\xff" * 100,
        "http": b"GET / HTTP/1.1\r\nHost: beamside\r\n\r\n",
        "tls": bytes.fromhex("16030100f0010000ec0303") + noise.randbytes(200),
        "zmtp": b"\xff\x00\x00\x00\x00\x00\x00\x00\x01\x7f\x03\x00NULL",
        "pickle": b"cos\nsystem\n(S'exit 1'\ntR.",
        "json_deep_list": b"[" * 100_000 + b"]" * 100_000,
        "json_deep_map": b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
        "json_deep_below_the_parser": b'{"htype":' + b"[" * 900 + b"]" * 900 + b"}",
        "json_list": b"[1, 2, 3]",
        "json_text": b'"dimage-1.0"',
        "json_number": b"1",
        "json_nan": b'{"htype":"dimage-1.0","series":NaN,"frame":0}',
        "json_infinity": b'{"htype":"dimage-1.0","series":1e999,"frame":0}',
        "json_5000_digits": b'{"htype":"dimage-1.0","series":' + b"9" * 5000 + b"}",
        "json_no_utf8": b'{"htype":"\xff\xfe"}',
        "json_lone_surrogate": b'{"htype":"\\ud800"}',
        "json_cut": b'{"htype":"dimage-1.0","ser',
        "json_utf16": '{"htype":"dheader-1.0"}'.encode("utf-16"),
        "json_empty_map": b"{}",
    }
    cases = {f"any/{name}": [word] for name, word in words.items()}
    cases["any/no_parts"] = []
    cases["any/1000_empty_parts"] = [b""] * 1000
    cases["any/1000_parts_of_noise"] = [noise.randbytes(9) for _ in range(1000)]
    for length in (1, 17, 4096, 1 << 20):
        cases[f"any/noise_{length}"] = [b"\xc1" + noise.randbytes(length)]
    cases["any/noise_in_5_parts"] = [b"\xc1" + noise.randbytes(50) for _ in range(5)]
    return cases


def _v1_headers() -> dict[str, list[bytes]]:
    def message(**fields: Any) -> list[bytes]:
        return [json.dumps(fields).encode()]

    cases = {
        "no_htype": message(series=SERIES),
        "htype_is_a_list": message(htype=["dimage-1.0"], series=SERIES),
        "htype_is_a_number": message(htype=1, series=SERIES),
        "htype_unknown": message(htype="dsurprise-1.0", series=SERIES),
        "htype_of_the_future": message(htype="dimage-9.0", series=SERIES, frame=0),
        "htype_long": message(htype="d" * 100_000, series=SERIES),
        "end_without_series": message(htype="dseries_end-1.0"),
        "stray_image_d": v1_image()[1:2],
        "stray_image_d_and_blob": v1_image()[1:],
        "stray_blob": v1_image()[2:3],
        "stray_config": v1_image()[3:4],
        "stray_flatfield": message(htype="dflatfield-1.0", shape=[2, 2], type="float32"),
        "header_of_65_parts": message(htype="dheader-1.0", series=SERIES) + [b"{}"] * 64,
    }
    wrong = {"text": "1", "float": 1.0, "true": True, "negative": -1, "2^70": 2**70, "null": None}
    wrong |= {"list": [1], "map": {}, "deep": json.loads("[" * 60 + "]" * 60)}
    for name, value in wrong.items():
        cases[f"header_series_{name}"] = message(
            htype="dheader-1.0", series=value, header_detail="none"
        )
        cases[f"image_series_{name}"] = v1_image(head={"series": value})
        cases[f"image_frame_{name}"] = v1_image(head={"frame": value})
    basic = message(htype="dheader-1.0", series=SERIES, header_detail="basic")
    cases["header_config_is_noise"] = [*basic, b"\x00\x01\x02"]
    cases["header_config_is_a_list"] = [*basic, b"[]"]
    cases["header_config_deep"] = [*basic, b'{"a":' * 100_000]
    cases["header_config_nan"] = [*basic, b'{"nimages": NaN}']
    return {f"v1/{name}": parts for name, parts in cases.items()}


def _v1_images() -> dict[str, list[bytes]]:
    good = v1_image()
    cases = {
        "cut_after_1_part": good[:1],
        "cut_after_2_parts": good[:2],
        "7_parts": [*good, b"{}", b"{}", b"{}"],
        "parts_backwards": good[::-1],
        "parts_swapped": [good[0], good[2], good[1], good[3]],
        "image_d_is_noise": [good[0], b"\x00\xff", *good[2:]],
        "image_d_is_a_list": [good[0], b"[]", *good[2:]],
        "image_d_is_empty": [good[0], b"{}", *good[2:]],
        "image_d_deep": [good[0], b'{"shape":' + b"[" * 900 + b"]" * 900 + b"}", *good[2:]],
        "config_is_noise": [*good[:3], b"\x00\xff"],
        "config_is_a_list": [*good[:3], b"[]"],
        "config_nan": [*good[:3], b'{"htype":"dconfig-1.0","stop_time":NaN}'],
    }
    shapes: dict[str, Any] = {
        **{"0": [0, 36], "negative": [-52, -36], "1e9": [10**9, 10**9], "2^62": [2**62, 4]},
        **{"float": [52.0, 36.0], "text": ["52", "36"], "true": [True, True], "one": [52]},
        **{"three": [52, 36, 1], "map": {"x": 52, "y": 36}, "null": None, "number": 52},
        **{"largest": [65536, 65536], "other": [36, 51], "nested": [[52], [36]], "words": "[x,y]"},
    }
    for name, shape in shapes.items():
        cases[f"shape_{name}"] = v1_image(about={"shape": shape})
    kinds: dict[str, Any] = {"unknown": "uint7", "complex": "complex64", "object": "object"}
    kinds |= {"number": 2, "null": None, "list": ["uint16"], "other_size": "uint32"}
    for name, kind in kinds.items():
        cases[f"type_{name}"] = v1_image(about={"type": kind})
    encodings: dict[str, Any] = {
        **{"unknown": "adsc", "bits_12": "bs12-lz4<", "other_bits": "bs32-lz4<"},
        **{"big_endian": "bs16-lz4>", "no_lz4": "bs16<", "zstd": "bs16-zstd<", "number": 1},
        **{"null": None, "list": ["<"], "long": "<" * 100_000, "not_compressed": "<"},
    }
    for name, encoding in encodings.items():
        cases[f"encoding_{name}"] = v1_image(about={"encoding": encoding})
    sizes: dict[str, Any] = {"2^60": 2**60, "negative": -1, "float": 1.5, "text": "100"}
    sizes |= {"smaller": 10, "larger": 100_000, "null": None}
    for name, size in sizes.items():
        cases[f"size_{name}"] = v1_image(about={"size": size})
    return {f"v1/image_{name}": parts for name, parts in cases.items()}


def _v1_blobs() -> dict[str, list[bytes]]:
    cases = {f"bslz4_{name}": v1_image(blob=blob) for name, blob in broken_bslz4().items()}
    raw, lz4 = (decompress.encode(picture(), encoding) for encoding in ("raw", "lz4"))
    cases["raw_short"] = v1_image(pixels=raw, blob=bytes(raw.data)[:-1])
    cases["raw_long"] = v1_image(pixels=raw, blob=bytes(raw.data) + b"\x00")
    cases["raw_empty"] = v1_image(pixels=raw, blob=b"")
    cases["lz4_empty"] = v1_image(pixels=lz4, blob=b"")
    cases["lz4_long"] = v1_image(pixels=lz4, blob=bytes(10_000))
    return {f"v1/blob_{name}": parts for name, parts in cases.items()}


def broken_bslz4() -> dict[str, bytes]:
    """Payloads that claim to be `picture()` in bslz4, and are not."""
    good = bytes(decompress.encode(picture()).data)
    nbytes = picture().nbytes

    def head(total: int, block: int) -> bytes:
        return struct.pack(">QI", total, block) + good[12:]

    return {
        "empty": b"",
        "4_bytes": good[:4],
        "head_only": good[:12],
        "cut_in_a_length": good[:14],
        "half": good[: len(good) // 2],
        "one_less": good[:-1],
        "one_more": good + b"\x00",
        "size_2^60": head(1 << 60, 8192),
        "size_all_ones": head((1 << 64) - 1, 8192),
        "size_0": head(0, 8192),
        "size_one_less": head(nbytes - 1, 8192),
        "block_0": head(nbytes, 0),
        "block_7": head(nbytes, 7),
        "block_largest": head(nbytes, (1 << 32) - 16),
        "block_16": head(nbytes, 16),
        "length_largest": good[:12] + b"\xff" * 4 + good[16:],
        "length_0": good[:12] + bytes(4) + good[16:],
        "length_one_more": good[:12] + struct.pack(">I", len(good) - 15) + good[16:],
        "all_zeros": bytes(len(good)),
        "no_head": good[12:],
    }


def _cbor_bombs() -> dict[str, list[bytes]]:
    far = (1 << 40).to_bytes(8, "big")
    start = b"\xa2dtypeestartix"
    cases = {
        "deep_lists": b"\x81" * 100_000 + b"\x01",
        "deep_maps": b"\xa1\x61a" * 100_000 + b"\x01",
        "deep_endless_lists": b"\x9f" * 100_000,
        "deep_self_described": b"\xd9\xd9\xf7" * 100_000 + b"\xa0",
        "deep_array_tags": b"\xd8\x28" * 100_000 + b"\xa0",
        "list_of_2^40": b"\x9b" + far,
        "map_of_2^40": b"\xbb" + far,
        "bytes_of_2^40": b"\x5b" + far + b"abc",
        "text_of_2^40": b"\x7b" + far + b"abc",
        "list_of_2^64": b"\x9b" + b"\xff" * 8,
        "bytes_of_2^64": b"\x5b" + b"\xff" * 8,
        "list_of_2^26": b"\x9a\x04\x00\x00\x00",
        "inner_map_of_2^40": start + b"\xbb" + far,
        "break": b"\xff",
        "endless_bytes_cut": b"\x5f\x41a",
        "reserved": b"\x1c",
        "no_utf8": b"\xa1\x64\xff\xfe\xfd\xfctype",
        "undefined": b"\xf7",
        "number": b"\x01",
        "text": b"\x65image",
        "list": b"\x82\x64type\x65image",
        "empty_map": b"\xa0",
        "map_cut": b"\xa3\x64type\x65image",
        "key_is_a_list": b"\xa1\x81\x01\x02",
        "bad_date": b"\xa2\x64type\x65start\x61d\xc0\x63now",
        "bad_fraction": b"\xa2\x64type\x65start\x61d\xd8\x1e\x82\x01\x00",
        "bad_pattern": b"\xa2\x64type\x65start\x61d\xd8\x23\x63(((",
        "far_decimal": b"\xa2\x64type\x65start\x61d\xc4\x82\x1b" + b"\x7f" + b"\xff" * 7 + b"\x01",
        "dangling_reference": b"\xa2\x64type\x65start\x61d\xd8\x1d\x05",
        "circle": b"\xd8\x1c\xa1\x61a\xd8\x1d\x00",
        "type_twice": b"\xa2\x64type\x65image\x64type\x65start",
    }
    return {f"cbor/{name}": [said] for name, said in cases.items()}


def _cbor_maps() -> dict[str, list[bytes]]:
    maps: dict[str, dict[Any, Any]] = {
        "type_missing": {"series_id": SERIES},
        "type_number": {"type": 1, "series_id": SERIES},
        "type_list": {"type": ["image"], "series_id": SERIES},
        "type_unknown": {"type": "surprise", "series_id": SERIES},
        "old_jungfraujoch_start": {"type": "start"},
        "old_jungfraujoch_image": {"type": "image", "data": b"abc", "image_number": 1},
        "old_jungfraujoch_end": {"type": "end"},
        "keys_are_numbers": dict.fromkeys(range(100), 1),
    }
    wrong = {"text": "1", "float": 1.0, "true": True, "negative": -1, "2^70": 2**70, "null": None}
    wrong |= {"bytes": b"1", "list": [1], "map": {}, "huge": 10**6000}
    for name, value in wrong.items():
        maps[f"start_series_{name}"] = {"type": "start", "series_id": value}
        maps[f"end_series_{name}"] = {"type": "end", "series_id": value}
    cases = {name: [cbor2.dumps(said)] for name, said in maps.items()}
    for name, value in wrong.items():
        cases[f"image_series_{name}"] = cbor_image(series=value)
        cases[f"image_id_{name}"] = cbor_image(image_id=value)
        cases[f"image_data_{name}"] = cbor_image(data=value)
    [good] = cbor_image()
    for fraction in (1, 10, 50, 90, 99):
        cases[f"image_cut_at_{fraction}_percent"] = [good[: len(good) * fraction // 100]]
    cases["image_one_less"] = [good[:-1]]
    cases["two_bad_messages"] = [good[:-1], b"\x00"]
    cases["65_messages"] = [good] * 65
    return {f"cbor/{name}": parts for name, parts in cases.items()}


def _cbor_images() -> dict[str, list[bytes]]:
    array, tag = cbor_array, cbor2.CBORTag
    packed = bytes(decompress.encode(picture()).data)
    arrays: dict[str, Any] = {
        "number": 1,
        "bytes": packed,
        "plain_list": [[1, 2], [3, 4]],
        "tag_40_of_a_number": tag(40, 1),
        "tag_40_of_one": tag(40, [[36, 52]]),
        "tag_40_of_three": tag(40, [[36, 52], 1, 2]),
        "tag_40_of_a_map": tag(40, {}),
        "tag_40_untyped": tag(40, [[36, 52], packed]),
        "tag_40_in_itself": tag(40, [[36, 52], array()]),
        "typed_without_tag_40": tag(69, packed),
        "compressed_without_tag_40": tag(56500, ["bslz4", 2, packed]),
        "typed_unknown": array(typed=99),
        "typed_half_float": array(typed=84),
        "typed_quadruple": array(typed=87),
        "typed_of_text": array(content="abc"),
        "typed_of_a_number": array(content=1),
        "typed_of_a_list": array(content=[1, 2]),
        "big_endian_compressed": array(typed=65),
        "column_major_compressed": array(tag=1040),
        "dims_number": array(shape=5),
        "dims_text": array(shape="36x52"),
        "raw_short": array(content=picture().tobytes()[:-1]),
        "raw_long": array(content=picture().tobytes() + b"\x00"),
        "raw_empty": array(content=b""),
        "column_major_short": array(tag=1040, content=b"abc"),
        "algorithm_number": array(packed=[1, 2, packed]),
        "algorithm_bszstd": array(packed=["bszstd", 2, packed]),
        "algorithm_trpx": array(packed=["trpx", 2, packed]),
        "algorithm_unknown": array(packed=["x" * 100_000, 2, packed]),
        "packed_number": array(packed=1),
        "packed_of_two": array(packed=["bslz4", 2]),
        "packed_of_four": array(packed=["bslz4", 2, packed, 1]),
        "packed_text": array(packed=["bslz4", 2, "abc"]),
        "packed_bytes_in_a_tag": array(packed=["bslz4", 2, tag(69, packed)]),
        "element_size_4": array(packed=["bslz4", 4, packed]),
        "element_size_text": array(packed=["bslz4", "2", packed]),
        "element_size_0": array(packed=["bslz4", 0, packed]),
        "lz4_that_is_bslz4_cut": array(packed=["lz4", 0, packed[:30]]),
        "lz4_block_0": array(packed=["lz4", 0, packed[:8] + bytes(4) + packed[12:]]),
    }
    shapes: dict[str, tuple[Any, ...]]
    shapes = {"0": (0, 52), "negative": (-36, -52), "1e9": (10**9, 10**9), "float": (36.0, 52.0)}
    shapes |= {"true": (True, True), "one": (36,), "three": (1, 36, 52), "largest": (65536, 65536)}
    shapes |= {"text": ("36", "52"), "bignum": (2**70, 1), "other": (52, 35)}
    arrays |= {f"shape_{name}": array(shape=shape) for name, shape in shapes.items()}
    for name, blob in broken_bslz4().items():
        arrays[f"bslz4_{name}"] = array(packed=["bslz4", 2, blob])
    cases = {
        f"cbor/image_{name}": cbor_image(data={"threshold_1": item})
        for name, item in arrays.items()
    }
    many = {f"channel_{i}": array() for i in range(65)}
    one_bad = {"threshold_1": array(), "threshold_2": array(shape=(0, 0))}
    cases["cbor/image_no_channels"] = cbor_image(data={})
    cases["cbor/image_65_channels"] = cbor_image(data=many)
    cases["cbor/image_channel_is_a_number"] = cbor_image(data={1: array()})
    cases["cbor/image_one_bad_channel"] = cbor_image(data=one_bad)
    return cases
