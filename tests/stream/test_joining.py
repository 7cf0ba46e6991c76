from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from beamside.stream.joining import Joiner, Placed

NUMBER = {"dtype": "number", "shape": [], "source": "sim"}
KEYS = {
    "stage-x": {**NUMBER, "units": "um"},
    "energy": {**NUMBER, "units": "eV"},
    "image": {"dtype": "array", "shape": [4, 4], "source": "sim"},
    "camera_frame": {**NUMBER, "dtype": "integer"},
    "beamside_score": {**NUMBER, "source": "beamside:tcp://x"},
}


def begin(joiner: Joiner, **start: Any) -> None:
    assert joiner.take("start", {"uid": "u", "time": 0.0, **start}) == []
    assert joiner.take("descriptor", {"uid": "d", "run_start": "u", "data_keys": KEYS}) == []


def event(number: int, data: dict[str, Any]) -> dict[str, Any]:
    return {"descriptor": "d", "seq_num": number, "time": 12.5, "data": data}


def test_an_event_says_where_the_frame_with_its_number_was_taken() -> None:
    joiner = Joiner()
    begin(joiner, beamside_run="7")
    row = {"stage-x": 2.5, "energy": 850, "image": [0], "camera_frame": 41, "beamside_score": 1.0}
    (placed,) = joiner.take("event", event(1, row))
    assert (placed.runs, placed.frame) == (("7",), 41)
    assert placed.facts == {
        "bluesky_time": (12.5, "s"), "stage_x": (2500.0, "nm"), "energy": (850.0, "eV"),
    }  # fmt: skip


def test_the_run_is_what_a_column_says_else_the_start_else_its_uid() -> None:
    joiner = Joiner()
    begin(joiner)
    (by_uid,) = joiner.take("event", event(1, {"camera_frame": 0}))
    (by_column,) = joiner.take("event", event(1, {"camera_frame": 0, "camera_run": "9"}))
    assert (by_uid.runs, by_column.runs) == (("u",), ("9",))
    named = Joiner(frame="energy", run="series")
    begin(named)
    (placed,) = named.take("event", event(1, {"energy": 3, "series": 12, "camera_frame": 0}))
    assert (placed.runs, placed.frame) == (("12",), 3)


def test_frames_of_a_detector_that_writes_by_itself_are_counted_by_stream_datum() -> None:
    joiner = Joiner()
    begin(joiner)
    assert joiner.take("event", event(1, {"stage-x": 1.0})) == []
    datum = {"descriptor": "d", "indices": {"start": 10, "stop": 12},
             "seq_nums": {"start": 1, "stop": 3}}  # fmt: skip
    assert [placed.frame for placed in joiner.take("stream_datum", datum)] == [10]
    (second,) = joiner.take("event", event(2, {"stage-x": 2.0}))
    assert (second.frame, second.facts["stage_x"]) == (11, (2000.0, "nm"))


def test_a_rewound_event_is_about_the_new_frame() -> None:
    joiner = Joiner()
    begin(joiner)
    frames = [joiner.take("event", event(1, {"camera_frame": n}))[0].frame for n in (4, 5)]
    assert frames == [4, 5]


def test_a_page_of_events_is_as_many_events() -> None:
    joiner = Joiner()
    begin(joiner)
    data = {"camera_frame": [5, 6], "energy": [1, 2]}
    page = {"descriptor": "d", "seq_num": [1, 2], "time": [0.0, 1.0], "data": data}
    assert [p.facts["energy"][0] for p in joiner.take("event_page", page)] == [1, 2]


def test_a_stream_that_starts_late_is_counted_and_taken_up_with_the_next_run() -> None:
    joiner = Joiner()
    assert joiner.take("event", event(3, {"camera_frame": 3})) == []
    assert joiner.left_out["late"] == 1
    begin(joiner)
    assert joiner.take("event", event(4, {"camera_frame": 4}))


@pytest.mark.parametrize("frame", [-3, 2.7, True, "1", 10**22, 1 << 40, None])
def test_a_frame_has_a_whole_number_that_the_wire_can_carry(frame: Any) -> None:
    joiner = Joiner()
    begin(joiner)
    page = {
        "descriptor": "d", "seq_num": [1, 2, 3], "time": [0.0, 1.0, 2.0],
        "data": {"camera_frame": [5, frame, 6.0], "energy": [1, 2, 3]},
    }  # fmt: skip
    assert [p.frame for p in joiner.take("event_page", page)] == [5, 6]
    assert joiner.left_out["malformed"] == 1


def test_the_counter_that_has_its_run_beside_it_is_believed() -> None:
    joiner = Joiner()
    begin(joiner)
    row = {"camera_frame": 41, "beamside_frame": 3, "beamside_run": "9"}
    (placed,) = joiner.take("event", event(1, row))
    assert (placed.runs, placed.frame) == (("9",), 3)


def test_which_run_it_was_is_not_guessed() -> None:
    joiner = Joiner()
    joiner.take("descriptor", {"uid": "d", "run_start": "unheard", "data_keys": KEYS})
    assert joiner.take("event", event(1, {"camera_frame": 3})) == []
    assert joiner.left_out["late"] == 1
    assert joiner.take("event", event(2, {"camera_frame": 4, "camera_run": "9"}))


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("start", {}),
        ("descriptor", {"uid": "d", "run_start": "u", "data_keys": [1]}),
        ("event", {"descriptor": "d"}),
        ("event", {"descriptor": "d", "seq_num": 1, "time": "now", "data": {}}),
        ("event", {"descriptor": "d", "seq_num": 1, "time": 0.0, "data": {"camera_frame": "x"}}),
        ("event_page", {"descriptor": "d", "seq_num": 3, "time": [], "data": {}}),
        (
            "stream_datum",
            {"descriptor": "d", "indices": {}, "seq_nums": {"start": 0, "stop": 1e12}},
        ),
    ],
)
def test_malformed_documents_are_counted(name: str, said: dict[str, Any]) -> None:
    joiner = Joiner()
    begin(joiner)
    assert joiner.take(name, said) == []
    assert joiner.left_out["malformed"] == 1


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)
FIELDS = ["uid", "run_start", "data_keys", "descriptor", "seq_num", "time", "data", "indices"]


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from(["start", "descriptor", "event", "event_page", "stream_datum", "stop"]),
    st.dictionaries(st.sampled_from(FIELDS), JSON | st.just("d")),
)
def test_no_document_does_harm(name: str, said: dict[str, Any]) -> None:
    joiner = Joiner()
    begin(joiner)
    assert all(isinstance(placed, Placed) for placed in joiner.take(name, said))
