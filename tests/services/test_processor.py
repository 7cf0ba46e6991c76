from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pytest
import xarray as xr

from beamside.analysis.operators import AnalysisError, Calibration
from beamside.services.pixels import calibration_of
from beamside.services.pixels import corrected as with_correction
from beamside.services.processor import Processor, warm
from beamside.services.reader import Accepted, Handed, Unreadable
from beamside.services.settings import AnalysisSettings
from beamside.stream import wire
from beamside.stream.decompress import encode
from beamside.stream.messages import Buffer, Frame, Message, Pixels, Result, RunStart, RunStop


@dataclass
class Desk:
    """A desk that is a list, and a clock on which only waiting takes time."""

    coming: list[Handed] = field(default_factory=list)
    answers: list[Sequence[Buffer]] = field(default_factory=list)
    credits: int = 0
    now: float = 0.0

    def take(self, timeout_ms: int) -> list[Handed]:
        if self.coming:
            return [self.coming.pop(0)]
        self.now += timeout_ms / 1000
        return []

    def clock(self) -> float:
        return self.now

    def answer(self, parts: Sequence[Buffer]) -> None:
        self.answers.append(parts)

    def credit(self, n: int) -> None:
        self.credits += n


def mean(images: np.ndarray, calibration: Calibration) -> Any:
    strange = STRANGE.get(int(images.max()))
    if strange is not None:
        return strange()
    if images.max() > 60_000:
        raise AnalysisError("saturated")
    if images.max() > 50_000:
        raise RuntimeError("a bug of the plug-in")
    size = calibration.pixel_size[0] if calibration.pixel_size else np.nan
    return xr.Dataset({"mean": ("frame", images.mean(axis=(1, 2)) * size)})


def leave() -> Any:
    raise SystemExit(3)


STRANGE: dict[int, Callable[[], Any]] = {
    100: lambda: None,
    101: lambda: xr.Dataset({"m": ("frame", [1j])}),
    102: lambda: xr.Dataset({"m": ("frame", np.array(["2026-01-01"], "datetime64[ns]"))}),
    103: lambda: xr.Dataset({"m": ("frame", [1.0], {"map": {1: 2}})}),
    104: lambda: xr.Dataset({7: ("frame", [1.0])}),
    105: leave,
    106: lambda: xr.Dataset({"m": ("frame", [1.0, 2.0])}),
    107: lambda: xr.Dataset({"spot_frame": ("spot", [0, 9])}),
}


@pytest.mark.parametrize("value", STRANGE)
def test_whatever_a_plug_in_gives_costs_only_its_own_result(value: int) -> None:
    results, _ = answers([start(), frame(0, value), frame(1)])
    assert results[0].error
    assert results[0].provenance["failure"] in ("not_valid", "failed")
    assert results[1].error is None


def test_what_is_slow_the_first_time_is_done_before_and_may_fail() -> None:
    asked = []

    class Slow:
        def __call__(self, images: np.ndarray, calibration: Calibration) -> xr.Dataset:
            raise AssertionError

        def prepare(self) -> None:
            asked.append("prepare")
            raise RuntimeError("no such table")

    warm(Slow())
    warm(mean)
    assert asked == ["prepare"]


def test_a_result_that_is_a_view_of_its_images_keeps_them() -> None:
    def mirror(images: np.ndarray, calibration: Calibration) -> xr.Dataset:
        return xr.Dataset({"seen": (("frame", "y", "x"), images)})

    desk = Desk([start(), *(frame(n, n + 1) for n in range(5))])
    processor = Processor(AnalysisSettings(name="m"), mirror, desk, desk.clock)  # type: ignore[arg-type]
    for _ in range(8):
        processor.step()
    seen = [wire.decode(parts) for parts in desk.answers]  # only now: zmq sends later too
    assert [r.data["seen"].values.max() for r in seen if isinstance(r, Result)] == [1, 2, 3, 4, 5]


def frame(n: int, value: int = 2, run: str = "1", shape: tuple[int, int] = (8, 8)) -> Frame:
    pixels = encode(np.full(shape, value, "<u2"))
    return Frame("det", run, n, {"data": pixels}, received_ns=1000 + n)


def start(run: str = "1") -> RunStart:
    return RunStart("det", run, calibration={"pixel_size_nm": [0.5, 0.5], "origin": "test"})


def answers(messages: Sequence[Handed], **settings: object) -> tuple[list[Result], Desk]:
    desk = Desk(list(messages))
    made = AnalysisSettings.model_validate({"name": "mean", **settings})
    processor = Processor(made, mean, desk, desk.clock)  # type: ignore[arg-type]
    for _ in range(len(messages) + 4):
        processor.step()
    decoded = [wire.decode([bytes(part) for part in parts]) for parts in desk.answers]
    return [result for result in decoded if isinstance(result, Result)], desk


def test_a_batch_is_closed_by_size_and_the_rest_by_age() -> None:
    results, desk = answers([start(), *(frame(n) for n in range(5))], batch_size=2)
    assert [r.frames for r in results] == [(0, 1), (2, 3), (4,)]
    assert desk.credits == 5
    assert results[0].data["mean"].values.tolist() == [1.0, 1.0]
    assert results[0].received_ns == 1000


def test_a_batch_never_mixes_runs_or_shapes() -> None:
    messages: list[Message] = [
        start(),
        start("2"),
        frame(0),
        frame(0, run="2"),
        frame(1, run="2", shape=(8, 16)),
    ]
    results, _ = answers(messages, batch_size=9)
    assert [(r.run, r.frames) for r in results] == [("1", (0,)), ("2", (0,)), ("2", (1,))]


@pytest.mark.parametrize(
    ("value", "failure", "words"),
    [(65_535, "not_analysable", "saturated"), (55_000, "failed", "RuntimeError: a bug")],
)
def test_a_batch_that_fails_is_answered_and_the_next_is_analysed(
    value: int, failure: str, words: str
) -> None:
    results, desk = answers([start(), frame(0, value), frame(1)], batch_size=1)
    bad, good = results
    assert bad.error is not None
    assert words in bad.error
    assert bad.provenance["failure"] == failure
    assert good.error is None
    assert desk.credits == 2


def test_a_frame_with_corrupt_content_is_answered_by_its_reason() -> None:
    whole = frame(0).channels["data"]
    data = bytearray(whole.data)
    data[17:] = bytes(len(data) - 17)
    corrupt = Frame("det", "1", 7, {"data": Pixels((8, 8), "<u2", "bslz4", bytes(data))})
    results, _ = answers([start(), corrupt, frame(8)], batch_size=2)
    failures = {r.frames: r.provenance.get("failure") for r in results}
    assert failures[(7,)] == "bad_blob"
    assert failures[(8,)] is None


def test_the_named_channel_is_analysed() -> None:
    low, high = encode(np.full((4, 4), 1, "<u2")), encode(np.full((4, 4), 9, "<u2"))
    both = Frame("det", "1", 0, {"threshold_1": low, "threshold_2": high})
    results, _ = answers([start(), both], channel="threshold_2")
    assert results[0].data["mean"].values.tolist() == [4.5]


def test_a_result_says_what_it_stands_on() -> None:
    (result,), _ = answers([start(), frame(0), RunStop("det", "1")], settings={"offset": 1})
    assert result.provenance["program"] == "beamside"
    assert result.provenance["settings"] == {"offset": 1}
    assert result.provenance["calibration"]["origin"] == "test"
    assert result.done_ns > 0


def test_a_calibration_that_is_not_said_is_unknown() -> None:
    assert calibration_of({}) == Calibration()
    assert calibration_of({"pixel_size_nm": [1, 2], "voltage_kV": 300.0}).pixel_size == (1.0, 2.0)


def test_a_frame_that_is_gone_from_the_spool_is_answered() -> None:
    results, desk = answers([start(), Unreadable("1", 3, "no such file"), frame(4)])
    assert [(r.frames, r.error) for r in results] == [((3,), "no such file"), ((4,), None)]
    assert results[0].provenance["failure"] == "unreadable"
    assert desk.credits == 2


def test_numbers_that_came_with_the_frames_are_coordinates_along_them() -> None:
    said = [{"appendix": {"stage_x": 5.0, "stage_y_um": 1.0}}, {"appendix": {"stage_x": 6.0}}]
    frames = [replace(frame(n), metadata=metadata) for n, metadata in enumerate(said)]
    ((result,), _) = answers([start(), *frames], batch_size=2)
    assert result.data["stage_x"].dims == ("frame",)
    assert result.data["stage_x"].values.tolist() == [5.0, 6.0]
    assert result.data["stage_x"].attrs["units"] == "nm"
    assert np.array_equal(result.data["stage_y"].values, [1000.0, np.nan], equal_nan=True)
    assert "stage_x" in result.data.coords


def test_a_batch_is_read_with_what_is_accepted_by_then() -> None:
    event = {"event": "accept", "by": "ann", "at": "noon", "pixel_size_nm": [0.5, 0.5]}
    news = Accepted({"events": [event | {"correction": [0.01, 0.0, 0.0]}], "file": "c.jsonl"})
    (plain, corrected), _ = answers([start(), frame(0), news, frame(1)], batch_size=1)
    assert "accepted" not in plain.provenance["calibration"]
    told = corrected.provenance["calibration"]["accepted"]
    assert (told["by"], told["correction"], told["file"]) == ("ann", [0.01, 0, 0], "c.jsonl")
    known = corrected.provenance["calibration"]
    taken = with_correction(calibration_of(known), known["accepted"])
    assert taken.correction == (0.01, 0.0, 0.0)
    assert taken.accepted == "accepted by ann at noon"
    assert taken.pixel_size == (0.5, 0.5)


def test_a_detector_accepts_nothing() -> None:
    event = {"event": "accept", "by": "x", "pixel_size_nm": [0.5, 0.5], "correction": [0.1, 0, 0]}
    known = {"pixel_size_nm": [0.5, 0.5], "accepted": event}
    ((result,), _) = answers([RunStart("det", "1", calibration=known), frame(0)], batch_size=1)
    assert "accepted" not in result.provenance["calibration"]
