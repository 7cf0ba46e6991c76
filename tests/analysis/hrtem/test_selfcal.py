"""Self-calibration, on spots made from the lattices themselves."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import xarray as xr

from beamside.analysis.hrtem import selfcal
from beamside.analysis.hrtem.correction import Correction
from beamside.analysis.hrtem.library import shipped
from beamside.analysis.hrtem.reference import doubts, reference
from beamside.analysis.hrtem.selfcal import SelfCalibration, calibrate
from beamside.analysis.hrtem.selfcal_groups import Groups, distinct, restored
from beamside.analysis.operators import AnalysisError
from beamside.tests.analysis.hrtem.lattices import MIX, frame

QUICK = SelfCalibration(permutations=1)
FEW = replace(
    shipped(), records={name: shipped().records[name] for name in ("Cu", "Au", "Si", "SrTiO3")}
)
"""A library of few phases."""


def folded(calibration: SelfCalibration, frames: list[xr.Dataset]) -> Groups:
    state = calibration.start()
    for number, said in enumerate(frames):
        state = calibration.add(state, said, [number])
    return state


def session(wrong: Correction, frames: int = 3, seed: int = 1, **more: object) -> list[xr.Dataset]:
    rng = np.random.default_rng(seed)
    return [frame(wrong, rng, **more) for _ in range(frames)]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "wrong",
    [
        Correction(0.0, 0.0, 0.0),
        Correction(0.08, 0.0, 0.0),
        Correction(-0.07, 0.05, -0.02),
        Correction(0.03, -0.06, 0.03),
    ],
)
def test_scale_anisotropy_and_shear_come_out(wrong: Correction) -> None:
    said = QUICK.finish(folded(QUICK, session(wrong)))
    off = np.abs(said["calibration"].values - wrong.values)
    sigma = said["calibration_sigma"].values
    assert off[0] < 0.003
    assert (off[1:] < 0.005).all()
    assert (off < 3.5 * sigma).all()
    assert (sigma < 0.004).all()
    assert np.allclose(said["matrix"].values, said["matrix"].values.T)


def test_permuted_azimuths_score_far_less() -> None:
    four = SelfCalibration(permutations=4)
    said = four.finish(folded(four, session(Correction(0.03, 0.02, 0.01))))
    assert said.attrs["p_value"] == pytest.approx(0.2)  # none of four came near
    assert said.attrs["score"] > 2 * said["score_permuted"].values.max()
    assert said.attrs["score_gain"] > 0


def test_the_best_grains_are_scored_once_however_often_it_is_asked() -> None:
    few = replace(QUICK, grains=10)
    frames = session(Correction(0.03, 0.02, 0.01))
    one = few.finish(folded(few, frames))
    hits = selfcal._scores.cache_info().hits
    two = few.finish(folded(few, frames))
    assert selfcal._scores.cache_info().hits == hits + 1
    assert two.attrs["score"] == one.attrs["score"]
    other = few.finish(folded(few, frames[:1]))
    assert selfcal._scores.cache_info().hits == hits + 1
    assert other.attrs["score"] != one.attrs["score"]


def test_without_a_grain_the_answer_is_the_header_with_its_width() -> None:
    said = QUICK.finish(QUICK.start())
    assert np.allclose(said["calibration"], 0)
    assert np.allclose(said["calibration_sigma"], QUICK.prior.values)
    assert said.attrs["note"].startswith("too little evidence")


def test_one_cubic_grain_can_not_tell_the_scale() -> None:
    """LiF at the true scale is LiH at another: the width says so."""
    said = QUICK.finish(folded(QUICK, session(Correction(0.02, 0, 0), 1, mix=(MIX[0],), many=7)))
    assert said["calibration_sigma"].values[0] > 0.01
    assert said["calibration_sigma"].values[1] < 0.015
    assert said.attrs["note"].startswith("too little evidence")


def test_grains_that_are_no_candidate_change_nothing() -> None:
    wrong, rng = Correction(-0.04, 0.02, 0.01), np.random.default_rng(3)
    frames = session(wrong, 2)
    for said in frames:
        k = (said["spot_kx"] + 1j * said["spot_ky"]).values
        odd = said["spot_grain"].values < 2
        k[odd] = k[odd] * np.exp(rng.uniform(-0.3, 0.3, odd.sum()))
        said["spot_kx"].values[:], said["spot_ky"].values[:] = k.real, k.imag
    value = QUICK.finish(folded(QUICK, frames))["calibration"].values
    assert np.abs(value - wrong.values).max() < 0.005


def test_another_phase_of_the_same_structure_is_told_and_does_not_mislead() -> None:
    """Na2O looks like Li2S but for 3 % of scale."""
    wrong = Correction(0.03, 0.01, 0.0)
    mix = (("Li2S", (0, 1, 1)), *MIX[1:])
    said = QUICK.finish(folded(QUICK, session(wrong, 3, mix=mix, strange=-0.03)))
    assert abs(said["calibration"].values[0] - wrong.scale) < 0.003
    assert "looks like Li2S" in said.attrs["alarm"]


def test_more_than_one_per_cent_is_alarming_and_less_is_not() -> None:
    loud = QUICK.finish(folded(QUICK, session(Correction(-0.03, 0.02, 0.02))))
    assert "3.0 % smaller" in loud.attrs["alarm"] or "2.9 % smaller" in loud.attrs["alarm"]
    assert "higher than wide" in loud.attrs["alarm"]
    assert "degrees off square" in loud.attrs["alarm"]
    assert loud.attrs["accepted"].startswith("no")
    quiet = QUICK.finish(folded(QUICK, session(Correction(0.004, 0.0, 0.0))))
    assert quiet.attrs["alarm"] == "none"


def test_a_correction_within_its_error_is_called_that() -> None:
    words = "nothing of it exceeds its error"
    none, some = (
        QUICK.finish(folded(QUICK, session(Correction(scale, 0.0, 0.0)))).attrs["note"]
        for scale in (0.0, 0.03)
    )
    assert words in none
    assert words not in some


def test_who_merges_what_first_does_not_matter() -> None:
    few = SelfCalibration(grains=10)
    parts = [
        few.add(few.start(), said, [number])
        for number, said in enumerate(session(Correction(0.02, 0, 0), 4))
    ]
    left = few.merge(few.merge(few.merge(parts[0], parts[1]), parts[2]), parts[3])
    right = few.merge(few.merge(parts[3], parts[1]), few.merge(parts[2], parts[0]))
    assert len(left) == 10
    assert left.frames == right.frames == 4
    for name, column in left.arrays().items():
        assert np.array_equal(column, right.arrays()[name]), name


def test_a_saved_state_goes_on() -> None:
    first, second = session(Correction(0.02, 0, 0), 2)
    state = QUICK.add(QUICK.start(), first, [0])
    again = restored({name: column.copy() for name, column in state.arrays().items()})
    one, other = (QUICK.add(taken, second, [1]).arrays() for taken in (state, again))
    for name, column in one.items():
        assert np.array_equal(column, other[name]), name


def test_a_state_of_something_else_is_refused() -> None:
    arrays = QUICK.start().arrays()
    with pytest.raises(ValueError, match="no 'snr'"):
        restored({name: column for name, column in arrays.items() if name != "snr"})
    with pytest.raises(ValueError, match="shape"):
        restored(arrays | {"frame": np.zeros(3)})


def test_a_specimen_seen_many_times_is_no_more_evidence() -> None:
    said = session(Correction(0.02, 0, 0), 1)[0]
    once = folded(QUICK, [said])
    often = folded(QUICK, [said] * 5)
    assert len(distinct(often)) == len(distinct(once)) == len(MIX)


def test_a_reference_needs_no_more_than_one_grain() -> None:
    wrong = Correction(-0.05, 0.02, -0.01)
    frames = session(wrong, 1, mix=(("Au", (0, 1, 1)),))
    said = calibrate([(frames[0], [0])], reference("Au"))
    assert np.abs(said["calibration"].values - wrong.values).max() < 0.01
    assert said.attrs["calibration_origin"] == "reference"


def test_streaks_that_a_scan_draws_through_strong_spots_are_none_of_a_reference() -> None:
    """Faint spots are left out, and grains of nothing else."""
    said = session(Correction(), 1, mix=(("Au", (0, 1, 1)), ("Au", (0, 0, 1))))[0]
    second = said["spot_grain"].values == 1
    said["spot_snr"].values[:] = np.where(second, 20.0, 20000.0)
    said["spot_snr"].values[0] = 20.0
    state = folded(reference("Au"), [said])
    assert len(state) == 1
    assert (state.k != 0).sum() == (~second).sum() - 1
    assert len(folded(QUICK, [said])) == 2


@pytest.mark.parametrize(
    ("true", "given", "words"),
    [("Cu", "Cu", ""), ("Cu", "Au", "Cu fits better"), ("Si", "Au", "of the grains fit")],
)
def test_a_wrong_reference_is_said(true: str, given: str, words: str) -> None:
    mix = tuple((true, zone) for zone in ((0, 1, 1), (0, 0, 1), (1, 1, 2)))
    one = replace(reference(given), permutations=0, library=FEW)
    state = folded(one, session(Correction(0.03, 0.01, 0.0), 1, mix=mix))
    said = "; ".join(doubts(state, one, one.finish(state)))
    assert words in said
    assert bool(words) == bool(said)


def test_single_rows_of_a_reference_count_together() -> None:
    gold, wrong = reference("Au"), Correction(0.04, -0.02, 0.01)
    grains = tuple([("Au", (0, 1, 1))] * 25)
    said = gold.finish(folded(gold, session(wrong, 2, mix=grains, many=1)))
    assert np.abs(said["calibration"].values - wrong.values).max() < 0.006
    assert (said["calibration_sigma"].values < 0.006).all()


def test_spots_in_pixels_are_refused() -> None:
    with pytest.raises(AnalysisError, match="1/px"):
        QUICK.add(QUICK.start(), session(Correction(), 1, pixel=0.03)[0], [0])


def test_settings_that_mean_nothing_are_refused() -> None:
    with pytest.raises(ValueError, match="scale_prior"):
        SelfCalibration(scale_prior=0)
    with pytest.raises(AnalysisError, match="Kryptonite"):
        SelfCalibration(candidates=("Kryptonite",)).finish(QUICK.start())
