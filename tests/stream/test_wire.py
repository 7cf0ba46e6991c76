from __future__ import annotations

import contextlib
import random
from collections.abc import Sequence

import numpy as np
import orjson
import pytest
import xarray as xr

from beamside.stream import wire
from beamside.stream.errors import WireError
from beamside.stream.messages import Frame, Message, Pixels, Result, RunStart, RunStop


def dataset() -> xr.Dataset:
    return xr.Dataset(
        {
            "phase_map": (
                ("frame", "y", "x"),
                np.arange(12, dtype=np.uint8).reshape(1, 3, 4),
                {"flag_values": [0, 1], "flag_meanings": "vacuum LiF", "long_name": "phase"},
            ),
            "spot_d": ("spot", np.array([0.2, np.nan]), {"units": "nm"}),
            "spot_label": ("spot", np.array(["LiF 111", "µ <b>"])),
            "nothing": ("empty", np.zeros(0, np.float32)),
            "scalar": ((), np.float32(1.5)),
        },
        coords={"y": ("y", np.arange(3.0), {"units": "nm"}), "phase": ["Li", "LiF"]},
        attrs={"note": "x", "scale": np.float64(1.01)},
    )


MESSAGES: list[Message] = [
    RunStart("det", "7", 10, (4, 5), "<u2", ("a", "b"), {"pixel_size_nm": [0.1, 0.2]},
             {"k": [1, {"x": None}]}, {"mask": np.arange(20, dtype=np.uint32).reshape(4, 5)}, 5),
    Frame("det", "7", 3, {"data": Pixels((4, 5), "<u2", "bslz4", b"12345")}, {"a": 1}, None, 99),
    Result("det", "7", (3,), "hrtem", dataset(), {"version": "1"}, None, 1, 2, 3),
    Result("det", "7", (3, 4), "hrtem", xr.Dataset(), {}, "no crystal", None, 2, 3),
    RunStop("det", "7", "aborted", "said so", {"received": 3}, 8),
]  # fmt: skip


@pytest.mark.parametrize("message", MESSAGES, ids=lambda m: type(m).__name__)
def test_every_message_comes_back_as_it_went(message: Message) -> None:
    back = wire.decode([bytes(part) for part in wire.encode(message)])
    assert type(back) is type(message)
    if isinstance(message, Result) and isinstance(back, Result):
        xr.testing.assert_equal(back.data, message.data)
        for name in message.data.data_vars:
            assert back.data[name].attrs == message.data[name].attrs
        assert (back.frames, back.error, back.done_ns) == (
            message.frames,
            message.error,
            message.done_ns,
        )
    elif isinstance(message, RunStart) and isinstance(back, RunStart):
        assert back.calibration == message.calibration
        np.testing.assert_array_equal(back.arrays["mask"], message.arrays["mask"])
    else:
        assert back == message


def test_pixels_travel_without_a_copy() -> None:
    data = bytearray(b"12345")
    parts = wire.encode(Frame("det", "7", 3, {"data": Pixels((1, 5), "|u1", "raw", data)}))
    assert parts[1] is data


HOSTILE: dict[str, Sequence[bytes]] = {
    "nothing": [],
    "empty": [b""],
    "random": [bytes(range(256))],
    "deep": [b"[" * 100_000],
    "a list": [b"[1, 2]"],
    "another format": [b'{"format": "other", "kind": "frame"}'],
    "no kind": [b'{"format": "beamside-1"}'],
    "unknown kind": [b'{"format": "beamside-1", "kind": "__class__"}'],
    "no fields": [b'{"format": "beamside-1", "kind": "frame"}'],
    "part out of range": [orjson.dumps({"format": "beamside-1", "kind": "frame", "source": "s",
                          "run": "r", "number": 1, "channels": {"d": [[2, 2], "<u2", "raw", 5]},
                          "metadata": {}, "detector_ns": None, "received_ns": 1})],
    "negative shape": [orjson.dumps({"format": "beamside-1", "kind": "frame", "source": "s",
                       "run": "r", "number": 1, "channels": {"d": [[-2, 2], "<u2", "raw", 0]},
                       "metadata": {}, "detector_ns": None, "received_ns": 1}), b"1234"],
    "object dtype": [orjson.dumps({"format": "beamside-1", "kind": "result", "source": "s",
                     "run": "r", "frames": [1], "analysis": "a", "coords": {}, "attrs": {},
                     "variables": {"v": {"dims": ["x"], "attrs": {}, "dtype": "|O", "shape": [1],
                     "part": 0}}, "provenance": {}, "error": None, "detector_ns": 0,
                     "received_ns": 0, "done_ns": 0}), b"12345678"],
    "a shape of 2^60": [orjson.dumps({"format": "beamside-1", "kind": "start", "source": "s",
                        "run": "r", "expected": 1, "shape": None, "dtype": None, "channels": [],
                        "calibration": {}, "metadata": {}, "time_ns": 1, "arrays": {"a": {
                        "dtype": "<f8", "shape": [1 << 30, 1 << 30], "part": 0}}}), b"1234"],
}  # fmt: skip


@pytest.mark.parametrize("parts", HOSTILE.values(), ids=HOSTILE.keys())
def test_nonsense_is_refused_by_name(parts: Sequence[bytes]) -> None:
    with pytest.raises(WireError) as refused:
        wire.decode(parts)
    assert refused.value.reason


def test_mutated_messages_never_raise_anything_else() -> None:
    rng = random.Random(5)  # noqa: S311  reproducible, not secret
    good = [[bytes(part) for part in wire.encode(message)] for message in MESSAGES]
    for _ in range(1500):
        parts = [bytearray(part) for part in rng.choice(good)]
        for _ in range(rng.randint(1, 4)):
            part = rng.choice(parts)
            if part:
                part[rng.randrange(len(part))] = rng.randrange(256)
        if rng.random() < 0.2:
            parts.pop()
        with contextlib.suppress(WireError):
            wire.decode([bytes(part) for part in parts])


DEEP = orjson.loads(b"[" * 100 + b"]" * 100)
BROKEN: dict[str, tuple[type, dict[str, object]]] = {
    "metadata is a list": (Frame, {"metadata": ["a"]}),
    "metadata is deep": (Frame, {"metadata": {"a": DEEP}}),
    "a time is no number": (Frame, {"detector_ns": "now"}),
    "a time is beyond 64 bits": (Frame, {"received_ns": 1e300}),
    "a number beyond belief": (Frame, {"number": 1 << 41}),
    "no channels": (Frame, {"channels": {}}),
    "65 channels": (Frame, {"channels": {str(n): [[4, 5], "<u2", "raw", 0] for n in range(65)}}),
    "a long name": (Frame, {"run": "r" * 5000}),
    "the source is a list": (Frame, {"source": ["det"]}),
    "a channel is a list": (RunStart, {"channels": [["a"]]}),
    "calibration is pairs": (RunStart, {"calibration": [[1, 2]]}),
    "a dtype of objects": (RunStart, {"dtype": "|O"}),
    "a shape beyond any detector": (RunStart, {"shape": [1 << 30, 4]}),
    "the account is text": (RunStop, {"account": "ab"}),
    "seconds are text": (Result, {"seconds": "nan"}),
    "provenance is a number": (Result, {"provenance": 1}),
}


@pytest.mark.parametrize(("kind", "changes"), BROKEN.values(), ids=BROKEN.keys())
def test_what_could_not_be_sent_on_is_refused(kind: type, changes: dict[str, object]) -> None:
    message = next(message for message in MESSAGES if type(message) is kind)
    head, *buffers = [bytes(part) for part in wire.encode(message)]
    with pytest.raises(WireError):
        wire.decode([orjson.dumps({**orjson.loads(head), **changes}), *buffers])


@pytest.mark.parametrize("dtype", ["|O", "<c16", "<m8[ns]", "i4,i4", "(2,3)f4", "|V8", "<U4", 5])
def test_arrays_of_other_types_are_refused(dtype: object) -> None:
    start = RunStart("det", "7", arrays={"mask": np.zeros((2, 4))})
    head, *buffers = [bytes(part) for part in wire.encode(start)]
    said = orjson.loads(head)
    said["arrays"]["mask"]["dtype"] = dtype
    with pytest.raises(WireError, match="bad_dtype"):
        wire.decode([orjson.dumps(said), *buffers])


def test_a_long_word_among_many_short_ones_is_no_bomb() -> None:
    words = xr.Dataset({"word": ("n", np.array(["a", "b"]))})
    head, *buffers = wire.encode(Result("det", "7", (1,), "a", words))
    said = orjson.loads(head)
    said["variables"]["word"]["strings"] = ["x" * 100_000, *[""] * 1_000_000]  # 400 GB in numpy
    with pytest.raises(WireError, match="too_large"):
        wire.decode([orjson.dumps(said), *buffers])


def scalars() -> Result:
    columns = {"quality": ("frame", [0.5, 0.7], {"units": "1"}), "mean": ("frame", [3.0, 4.0])}
    where = {"stage_x": ("frame", [1.0, 2.0], {"units": "nm"})}
    return Result("det", "7", (3, 4), "quality", xr.Dataset(columns, where, {"note": "x"}))


def test_arrays_are_told_without_a_dataset_and_are_the_same_in_one() -> None:
    result = scalars()
    back = wire.decode([bytes(part) for part in wire.encode(result)])
    assert isinstance(back, Result)
    assert back.labels.coords == {"stage_x"}
    assert back.labels.sizes == {"frame": 2}
    again = wire.decode([bytes(part) for part in wire.encode(back)])
    assert isinstance(again, Result)
    for one in (back, again):
        xr.testing.assert_identical(one.data, result.data)
        assert one.labels.nbytes == result.data.nbytes


MISFITS: dict[str, dict[str, object]] = {
    "of two lengths": {"dims": ["frame", "x"], "shape": [1, 2]},
    "fewer dimensions than sizes": {"dims": [], "shape": [2]},
}


@pytest.mark.parametrize("changes", MISFITS.values(), ids=MISFITS.keys())
def test_arrays_that_do_not_fit_together_are_refused(changes: dict[str, object]) -> None:
    head, *buffers = [bytes(part) for part in wire.encode(scalars())]
    said = orjson.loads(head)
    said["variables"]["mean"] |= changes
    with pytest.raises(WireError):
        wire.decode([orjson.dumps(said), *buffers])


def test_a_variable_and_a_coordinate_of_one_name_are_refused() -> None:
    head, *buffers = [bytes(part) for part in wire.encode(scalars())]
    said = orjson.loads(head)
    said["coords"]["mean"] = said["variables"]["mean"]
    with pytest.raises(WireError):
        wire.decode([orjson.dumps(said), *buffers])
