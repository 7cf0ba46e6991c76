"""The map of a session: fractions pooled, frames stitched where the stage was."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
import xarray as xr

from beamside.analysis.hrtem.mapper import PhaseMapper
from beamside.analysis.hrtem.session import SessionMap, session
from beamside.analysis.hrtem.session_state import restored
from beamside.analysis.operators import AnalysisError, Calibration

CLASSES = "vacuum amorphous unknown LiF Li2O"
SIZE, STEP = 40, 0.5


def truth(y: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Classes at places of the stage: LiF in the middle of film, vacuum from 30 nm on."""
    there = np.where(np.hypot(y - 3, x + 4) < 7, 3, 1)
    return np.where(x > 30, 0, there)


def said(
    places: Sequence[tuple[float, float]],
    rotation: float = 0.0,
    sure: float = 0.9,
    classes: str = CLASSES,
) -> xr.Dataset:
    """What a mapper would say of frames of 20 nm whose centres are at `places`."""
    centre = (np.arange(SIZE) + 0.5) * STEP
    down, right = np.meshgrid(centre - 10, centre - 10, indexing="ij")
    turn = np.exp(-1j * np.deg2rad(rotation)) * (right + 1j * down)
    labels = np.stack([truth(y + turn.imag, x + turn.real) for y, x in places]).astype(np.uint8)
    inside = np.maximum((labels > 0).sum(axis=(1, 2)), 1)
    share = np.stack([(labels == 3).sum(axis=(1, 2)), np.zeros(len(labels))], axis=1)
    dims = ("frame", "y", "x")
    return xr.Dataset(
        {
            "phase_map": (dims, labels, {"flag_meanings": classes}),
            "confidence": (dims, np.where(labels > 2, sure, 1.0).astype(np.float32)),
            "phase_fraction": (("frame", "phase"), share / inside[:, None]),
            "phase_fraction_sigma": (("frame", "phase"), np.full(share.shape, 0.01)),
            "crystalline_fraction": ("frame", share[:, 0] / inside),
            "crystalline_fraction_sigma": ("frame", np.full(len(labels), 0.01)),
        },
        {
            "y": ("y", centre, {"units": "nm"}),
            "x": ("x", centre, {"units": "nm"}),
            "stage_y": ("frame", [float(y) for y, _ in places]),
            "stage_x": ("frame", [float(x) for _, x in places]),
        },
    )


@pytest.mark.parametrize("rotation", [0.0, 30.0])
def test_frames_are_stitched_where_the_stage_was(rotation: float) -> None:
    places = [(y, x) for y in (-8.0, 4.0, 16.0) for x in (-15.0, 0.0, 14.0, 28.0)]
    found = session([(said(places, rotation), range(12))], SessionMap(0.5, rotation))
    y, x = np.meshgrid(found["y"].values, found["x"].values, indexing="ij")
    looked = found["looks"].values > 0
    assert looked.mean() > 0.6
    assert (found["phase_map"].values == truth(y, x))[looked].mean() > 0.97
    labelled = found["phase_map"].values == 3
    area = labelled.sum() * 0.25
    assert area == pytest.approx(np.pi * 49, rel=0.05)
    assert found["confidence"].values[labelled].min() > 0.4
    assert found["map_fraction"].values[0] == pytest.approx(
        area / ((found["phase_map"].values > 0).sum() * 0.25), rel=1e-6
    )


def test_overlaps_go_to_the_surer_frame() -> None:
    here = [(0.0, 0.0)]
    settings = SessionMap()
    state = settings.add(settings.start(), said(here, sure=0.55), [0])
    other = said(here, sure=0.95)
    other["phase_map"].values[other["phase_map"].values == 3] = 4
    found = settings.finish(settings.add(state, other, [1]))
    values, counts = np.unique(found["phase_map"].values, return_counts=True)
    assert 4 in values
    assert 3 not in values
    assert counts.sum() > 300
    inner = found["confidence"].values[found["phase_map"].values == 4]
    np.testing.assert_allclose(inner, 0.95 / 2, atol=1e-3)


def test_any_order_of_merging_gives_the_same_to_the_last_bit() -> None:
    settings = SessionMap()
    parts = [
        settings.add(settings.start(), said([(3.0 * n, 5.0 * n)], sure=0.6 + 0.1 * n), [n])
        for n in range(4)
    ]
    a, b, c, d = parts
    one = settings.merge(settings.merge(settings.merge(a, b), c), d)
    other = settings.merge(
        settings.merge(d, b), settings.merge(settings.start(), settings.merge(c, a))
    )
    for name, values in one.arrays().items():
        np.testing.assert_array_equal(values, other.arrays()[name])
    xr.testing.assert_identical(settings.finish(one), settings.finish(restored(other.arrays())))


def test_without_positions_the_fractions_are_pooled_by_area() -> None:
    frames = said([(0.0, 0.0), (40.0, 0.0), (0.0, 24.0)]).drop_vars(["stage_y", "stage_x"])
    found = session([(frames, [4, 5, 9])], SessionMap())
    assert "phase_map" not in found
    assert found.attrs["frames"] == 3
    area = found["image_area"].values
    assert area[2] < area[0]
    shares = frames["phase_fraction"].values[:, 0]
    pooled = pytest.approx((area * shares).sum() / area.sum())
    assert found["phase_fraction"].values[0] == pooled
    assert found["labelled_fraction"].values.tolist() == [pooled, 0]


def test_a_saved_state_goes_on_to_the_same_map() -> None:
    one, first, second = SessionMap(), said([(0.0, 0.0)]), said([(8.0, 4.0)])
    state = one.add(one.start(), first, [0])
    kept = {name: column.copy() for name, column in one.save(state).items()}
    ends = [one.finish(one.add(taken, second, [1])) for taken in (state, one.restore(kept))]
    assert ends[0].identical(ends[1])
    with pytest.raises(ValueError, match="none of a session's map"):
        one.restore({"grain": np.zeros(3)})


def test_the_standard_error_is_that_of_the_scatter_between_frames() -> None:
    draw = np.random.default_rng(3)
    errors, sigmas = [], []
    for _ in range(60):
        frames = said([(0.0, 0.0)] * 12)
        frames["phase_fraction"].values[:, 0] = draw.normal(0.3, 0.08, 12)
        found = session([(frames, range(12))], SessionMap())
        errors.append(found["phase_fraction"].values[0] - 0.3)
        sigmas.append(found["phase_fraction_sigma"].values[0])
    assert np.mean(sigmas) == pytest.approx(np.std(errors), rel=0.3)
    frames["phase_fraction"].values[:, 0] = 0.3
    alike = session([(frames, range(12))], SessionMap())
    assert alike["phase_fraction_sigma"].values[0] == pytest.approx(0.01 / np.sqrt(12))


def test_positions_far_apart_give_no_map_but_a_word() -> None:
    found = session([(said([(0.0, 0.0), (9e5, 9e5)]), [0, 1])], SessionMap())
    assert "phase_map" not in found
    assert "too many pixels" in found.attrs["note"]
    assert found.attrs["frames_placed"] == 2


def test_what_can_not_be_added_says_why() -> None:
    settings = SessionMap()
    state = settings.add(settings.start(), said([(0.0, 0.0)]), [0])
    with pytest.raises(AnalysisError, match="different candidates"):
        settings.add(state, said([(0.0, 0.0)], classes="vacuum amorphous unknown Na NaF"), [1])
    pixels = PhaseMapper()(np.random.default_rng(0).poisson(90, (1, 256, 256)), Calibration())
    with pytest.raises(AnalysisError, match="in pixels"):
        settings.add(state, pixels, [1])
    with pytest.raises(AnalysisError, match="farther than"):
        settings.add(state, said([(0.0, 1e9)]), [1])
    with pytest.raises(AnalysisError, match="numbers were given"):
        settings.add(state, said([(0.0, 0.0)]), [1, 2])
    with pytest.raises(ValueError, match="none of a session's map"):
        restored({"number": np.zeros(1)})
    with pytest.raises(ValueError, match="pixel must be"):
        SessionMap(pixel=0)


def test_a_session_of_no_frames_is_empty() -> None:
    found = SessionMap().finish(SessionMap().start())
    assert found.sizes["image"] == 0
    assert found.sizes["phase"] == 0
    assert "phase_map" not in found


def test_what_the_mapper_says_of_real_pixels_can_be_added() -> None:
    images = np.random.default_rng(0).poisson(90, (2, 256, 256)).astype(np.uint16)
    frames = PhaseMapper()(images, Calibration((0.03, 0.03)))
    frames = frames.assign_coords(stage_y=("frame", [0.0, np.nan]), stage_x=("frame", [5.0, 0.0]))
    found = session([(frames, [7, 8])], SessionMap())
    assert found.attrs["frames_placed"] == 1
    assert list(found["image_frame"].values) == [7, 8]
    assert found["phase_map"].dims == ("y", "x")
