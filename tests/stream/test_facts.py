from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest

from beamside.stream import dectris, stream2, wire
from beamside.stream.decompress import encode
from beamside.stream.facts import MOST, columns, facts
from beamside.stream.messages import Frame, RunStart

SAID = {"stage_x": 120.5, "stage_y": {"value": -3.2, "units": "um"}, "defocus": "-52 nm"}
MEANT = {"stage_x": (120.5, "nm"), "stage_y": (-3200.0, "nm"), "defocus": (-52.0, "nm")}


@pytest.mark.parametrize(
    ("metadata", "found"),
    [
        (SAID, MEANT),
        ({"appendix": SAID, "start_time": 5, "real_time": 7}, MEANT),
        ({"user_data": json.dumps(SAID)}, MEANT),
        (
            {"stage_x_um": 1.5, "tilt": [12, "deg"]},
            {"stage_x": (1500.0, "nm"), "tilt": (12, "deg")},
        ),
        ({"dose": 3, "on": True, "name": "x", "list": [1, 2, 3]}, {"dose": (3.0, "")}),
        ({"bad name": 1.0, "": 2.0, "nan": math.nan, "big": 10**400}, {}),
        ({"appendix": "no JSON", "user_data": [1]}, {}),
        ({"stage_x": {"value": None}, "stage_y": [1, 2], "z": ["1", "nm"]}, {}),
    ],
)
def test_numbers_are_found_with_their_units(
    metadata: dict[str, Any], found: dict[str, tuple[float, str]]
) -> None:
    assert facts(metadata) == found


def test_a_frame_may_say_no_more_than_so_much() -> None:
    assert len(facts({f"n{n}": n for n in range(1000)})) == MOST


def test_frames_that_say_nothing_have_no_number() -> None:
    pixels = {"data": encode(np.zeros((2, 2), "<u2"))}
    said: list[dict[str, Any]] = [
        {"stage_x": 1.0},
        {},
        {"stage_x": [2.0, "V"]},
        {"stage_x_um": 3.0},
    ]
    frames = [Frame("x", "1", n, pixels, metadata) for n, metadata in enumerate(said)]
    ((values, unit),) = columns(frames).values()
    assert unit == "nm"
    assert np.array_equal(values, [1.0, np.nan, np.nan, 3000.0], equal_nan=True)


@pytest.mark.parametrize("name", ["beamside", "dectris", "stream2"])
def test_they_come_through_every_wire(name: str) -> None:
    pixels = {"data": encode(np.zeros((4, 4), "<u2"))}
    start = RunStart("x", "1", expected=1, shape=(4, 4), dtype="<u2")
    kept: dict[str, Any] = {"dectris": {"appendix": SAID}, "stream2": {"user_data": SAID}}
    frame = Frame("x", "1", 0, pixels, kept.get(name, SAID))
    if name == "beamside":
        came: Any = wire.decode(wire.encode(frame))
    else:
        module: Any = dectris if name == "dectris" else stream2
        encoder, decoder = module.Encoder(), module.Decoder("x")
        decoder.decode(_parts(encoder, start))
        (came,) = decoder.decode(_parts(encoder, frame))
    assert facts(came.metadata) == MEANT


def _parts(encoder: Any, message: Any) -> Any:
    (parts,) = encoder.encode(message)
    return parts
