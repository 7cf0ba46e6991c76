"""What a batch makes of all frames of a session together."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from beamside.analysis.hrtem.mapper import PhaseMapper
from beamside.analysis.operators import Calibration
from beamside.models.phantoms.hrtem import make
from beamside.services.batch.hrtem import Hrtem, _verdict
from beamside.services.batch.items import Gathered, Item
from beamside.services.batch.store import put_result, result_in
from beamside.services.batch.technique import Batch, Done
from beamside.services.pixels import digest
from beamside.stream.messages import Result, RunStart, RunStop
from beamside.stream.nexus import read_result, write_results

PIXEL = (0.03, 0.03)


def done(number: int, name: str, image: np.ndarray, pixel: tuple[float, float] | None) -> Done:
    """A frame as a worker leaves it."""
    known = {"pixel_size_nm": pixel} if pixel else {}
    item = Item(Path(name), name, 0, 1, (0, 0), known)
    data = PhaseMapper()(image[None], Calibration(pixel))
    result = Result("batch", "b", (number,), "hrtem", data, {"pixels": digest(image)})
    return Done(number, item, f"key{number}", result)


def batch(frames: list[Done]) -> Batch:
    gathered = Gathered([frame.item for frame in frames])
    return Batch(Path("out"), "title", gathered, {}, {})


@pytest.fixture(scope="module")
def image() -> np.ndarray:
    return make(1, (384, 384), dose=2000.0, n_grains=3).image


@pytest.fixture(scope="module")
def bare(image: np.ndarray) -> list[Done]:
    """Two frames without a pixel size."""
    other = make(2, (384, 384), dose=2000.0, n_grains=3).image
    return [done(n, f"{n}.tif", one, None) for n, one in enumerate((image, other))]


def told(frames: list[Done]) -> tuple[Hrtem, Batch, list[dict[str, object]]]:
    """The technique, the batch and the table of frames once all of them were looked at."""
    technique, whole = Hrtem({}), batch(frames)
    technique.again(iter(frames), whole, lambda _, make: make(), apply=False)
    rows = [dict(row) for frame in frames for row in technique.tables(frame)["frames"]]
    return technique, whole, rows


def test_the_same_pixels_count_once_and_it_is_said(image: np.ndarray) -> None:
    frames = [done(n, f"{name}.tif", image, PIXEL) for n, name in enumerate("ab")]
    (twice, whole, rows), (once, _, _) = told(frames), told(frames[:1])
    assert "1 of 2 frames hold the pixels of another one" in whole.words[0]
    assert "b.tif is a.tif" in whole.words[0]
    assert "the same pixels as a.tif" in str(rows[1]["note"])
    assert twice.sittings[0].frames == [0, 1]  # both are corrected
    assert twice.sittings[0].state.frames == 1
    assert twice.seen.session.number.tolist() == [0]
    assert twice.seen.count == once.seen.count


def test_frames_without_a_pixel_size_speak_together(bare: list[Done]) -> None:
    """What each grain is by all of them stands beside what it is by its own frame."""
    frames = bare
    technique, whole, _ = told(frames)
    assert "2 frames without a pixel size: together their grains say 0.0" in whole.words[0]
    grains = [row for frame in frames for row in technique.tables(frame)["grains"]]
    assert "session_phase" in technique.columns()["grains"]
    named = [row for row in grains if row.get("session_phase")]
    assert named
    assert all(0 < float(row["session_probability"]) < 1 for row in named)


def test_frames_without_a_pixel_size_may_follow_others(
    image: np.ndarray, bare: list[Done], tmp_path: Path
) -> None:
    """What was kept of them is still theirs when other frames come before them."""
    kept: dict[str, Result] = {}
    alone, together = Hrtem({}), Hrtem({})

    def once(key: str, make: Callable[[], Result]) -> Result:
        if key not in kept:
            kept[key] = make()
        return kept[key]

    alone.again(iter(bare), batch(bare), once, apply=False)
    later = [replace(frame, number=frame.number + 1) for frame in bare]
    frames = [done(0, "a.tif", image[:, ::-1], PIXEL), *later]
    found = together.again(iter(frames), batch(frames), once, apply=False)[1]
    one, many = ([t.tables(f)["grains"] for f in b] for t, b in ((alone, bare), (together, later)))
    assert any(row.get("session_phase") for row in one[0])
    named = [[[row.get("session_phase") for row in rows] for rows in of] for of in (one, many)]
    assert named[0] == named[1]
    start, stop = RunStart("batch", "batch", expected=3), RunStop("batch", "batch", "complete")
    write_results(tmp_path, "hrtem", start, iter(found), stop)
    written = read_result(tmp_path / "hrtem.nxs", "uncalibrated")
    assert set(written["grain_frame"].values.tolist()) == {1, 2}


def test_grains_without_a_pixel_size_are_counted_apart_from_shares(
    image: np.ndarray, bare: list[Done]
) -> None:
    frames = [done(2, "a.tif", image[:, ::-1], PIXEL), *bare]
    technique, _, rows = told(frames)
    assert sum(technique.seen.count.values()) == rows[0]["grains"]
    assert sum(technique.seen.unscaled.values()) == sum(int(str(row["grains"])) for row in rows[1:])
    assert not any(name.startswith("fraction_") for name in rows[1])


def test_shares_have_their_errors_and_nothing_is_said_of_a_scale_that_no_grain_tells(
    image: np.ndarray, tmp_path: Path
) -> None:
    empty = np.random.default_rng(0).poisson(100, image.shape).astype(np.uint16)
    frames = []
    for frame in (done(0, "a.tif", image, PIXEL), done(1, "b.tif", empty, PIXEL)):
        put_result(tmp_path / "kept", frame.result)  # as a worker leaves it
        frames.append(replace(frame, result=result_in(tmp_path / "kept")))
    technique, _, rows = told(frames)
    columns = technique.columns()["frames"]
    assert {"fraction_LiF", "fraction_LiF_sigma"} < set(columns)
    assert set(rows[0]) <= set(columns)
    assert float(str(rows[0]["fraction_LiF_sigma"])) > 0
    assert "scale_error_sigma" in rows[0]
    assert "scale_error" not in rows[1]


@pytest.mark.parametrize(
    ("phase", "own", "other", "words"),
    [
        ("LiF", 0.7, 0.2, "named"),
        ("unknown", 0.2, 0.45, "undecided: most probably LiH, but not surely enough to be named"),
        ("unknown", 0.6, 0.3, "most probably no candidate"),
        ("unknown", 0.1, 0.09, "undecided: several candidates fit, or none"),
    ],
)
def test_the_verdict_says_what_unknown_means(
    phase: str, own: float, other: float, words: str
) -> None:
    row = {"phase": phase, "probability": own, "runner_up": "LiH", "runner_up_probability": other}
    assert _verdict(row) == words
