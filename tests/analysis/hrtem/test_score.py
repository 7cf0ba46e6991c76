from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
import xarray as xr

from beamside.analysis.hrtem.score import Tally, merge, report, score
from beamside.analysis.hrtem.truth import Truth, truth

PIXEL = 0.05
LABELS = ["vacuum", "amorphous", "LiF", "Li"]
ROWS = [
    # grain, phase, kx, ky, snr_local: a cubic zone of LiF, one row of Li, and a faint one
    (1, 2, 4.3, 0.0, 500.0),
    (1, 2, 0.0, 4.3, 100.0),
    (1, 2, 4.3, 4.3, 30.0),
    (2, 3, 2.5, 3.1, 45.0),
    (2, 3, 5.0, 6.2, 15.0),
    (2, 3, 3.1, -2.5, 8.0),
]


def arrays(**changes: Any) -> dict[str, np.ndarray]:
    phase_map = np.ones((400, 400), np.uint8)
    grain_map = np.zeros((400, 400), np.int16)
    phase_map[:, :60] = 0
    phase_map[100:200, 100:200], grain_map[100:200, 100:200] = 2, 1
    phase_map[250:350, 250:350], grain_map[250:350, 250:350] = 3, 2
    names = ("grain", "phase", "kx_nm", "ky_nm", "snr_local", "d_nm")
    spots = np.zeros(2 * len(ROWS), [(name, "<f4") for name in names])
    for i, (grain, phase, kx, ky, snr) in enumerate(ROWS):
        for j, sign in enumerate((1, -1)):
            spots[2 * i + j] = (grain, phase, sign * kx, sign * ky, snr, 1 / np.hypot(kx, ky))
    meta = {"px_nm_true": PIXEL, "px_nm_header": PIXEL, "labels": LABELS, **changes}
    return {
        "phase_map": phase_map,
        "grain_map": grain_map,
        "spots": spots,
        "meta": np.array(json.dumps(meta)),
    }


def empty() -> Truth:
    nothing = arrays()
    nothing["spots"] = nothing["spots"][:0]
    nothing["grain_map"][:] = 0
    nothing["phase_map"][nothing["phase_map"] > 1] = 1
    return truth(nothing)


def perfect(header: float = PIXEL) -> xr.Dataset:
    """What an operator that makes no mistake says, on a map of 4 x 4 pixels a cell."""
    true = truth(arrays())
    phase = np.array([0, 1, 4, 3], np.uint8)[true.phase_map[2::4, 2::4]]
    ky = np.array([row[3] for row in ROWS[:5]]) * PIXEL / header
    kx = np.array([row[2] for row in ROWS[:5]]) * PIXEL / header
    place = np.array([7.5, 7.5, 7.5, 15.0, 15.0]) * header / PIXEL
    at = (np.arange(100) + 0.5) * 4 * header
    meanings = "vacuum amorphous unknown Li LiF"
    return xr.Dataset(
        {
            "phase_map": (
                ("frame", "y", "x"),
                phase[None],
                {"flag_values": np.arange(5, dtype=np.uint8), "flag_meanings": meanings},
            ),
            "grain_map": (("frame", "y", "x"), true.grain_map[None, 2::4, 2::4]),
            "spot_frame": ("spot", np.zeros(5, np.int32)),
            "spot_ky": ("spot", ky),
            "spot_kx": ("spot", kx),
            "spot_d": ("spot", 1 / np.hypot(kx, ky)),
            "spot_y": ("spot", place),
            "spot_x": ("spot", place),
            "grain_frame": ("grain", np.zeros(2, np.int32)),
            "grain_candidates": ("grain", np.array(["LiF", "Li,LiF"])),
            "grain_posterior": (("grain", "phase"), np.array([[0.02, 0.95], [0.5, 0.4]], "<f4")),
        },
        coords={"y": at, "x": at, "phase": np.array(["Li", "LiF"])},
    )


def told(said: xr.Dataset, true: Truth | None = None, **options: Any) -> dict[str, Any]:
    return report(score(said, truth(arrays()) if true is None else true, **options))


def test_a_perfect_answer_scores_one_everywhere() -> None:
    result = told(perfect())
    assert result["spots"] == {
        "recall": {"10-20": 1.0, "20-50": 1.0, "50-200": 1.0, ">200": 1.0},
        "precision": 1.0,
        "false_per_null": None,
    }
    assert result["d_error"]["p90"] < 1e-6
    assert result["identification"] == {
        "multi_spot": 1.0,
        "single_row": 1.0,
        "wrong_above_0_9": 0.0,
    }
    assert result["iou"] == {"LiF": 1.0, "Li": 1.0}
    assert result["vacuum_false"] == 0.0
    assert result["calibration"] == {"scale_error": None, "anisotropy_error": None}
    json.dumps(result, allow_nan=False)


def test_an_answer_with_nothing_in_it_finds_nothing_and_divides_by_nothing() -> None:
    said = perfect().isel(spot=slice(0), grain=slice(0))
    said["phase_map"][:], said["grain_map"][:] = 1, 0
    result = told(said)
    assert set(result["spots"]["recall"].values()) == {0.0}
    assert result["spots"]["precision"] is None
    assert result["d_error"] == {"median": None, "p90": None}
    assert result["identification"]["multi_spot"] == 0.0
    assert result["identification"]["wrong_above_0_9"] is None
    assert result["iou"] == {"LiF": 0.0, "Li": 0.0}


def test_recall_is_told_by_the_true_spots_strength_and_faint_ones_are_not_asked_for() -> None:
    result = told(perfect().isel(spot=[0, 2]))
    assert result["spots"]["recall"] == {"10-20": 0.0, "20-50": 0.5, "50-200": 0.0, ">200": 1.0}


def test_the_other_half_of_a_friedel_pair_is_the_same_spot() -> None:
    said = perfect()
    for name in ("spot_kx", "spot_ky"):
        said[name] = -said[name]
    assert told(said)["spots"]["precision"] == 1.0


@pytest.mark.parametrize(("tolerance", "recalled"), [(0.06, 0.0), (0.09, 1.0)])
def test_a_spot_counts_within_the_tolerance(tolerance: float, recalled: float) -> None:
    said = perfect()
    said["spot_kx"][0] += 0.08
    result = told(said, tolerance=tolerance)
    assert result["spots"]["recall"][">200"] == recalled
    assert result["spots"]["precision"] == (1.0 if recalled else 0.8)


def test_sums_of_a_grains_spots_are_explained_but_not_measured() -> None:
    said = perfect()
    said["spot_kx"][0], said["spot_ky"][0] = 8.6, 0.0
    result = told(said)
    assert result["spots"]["precision"] == 1.0
    assert result["spots"]["recall"][">200"] == 0.0
    said["spot_kx"][0], said["spot_ky"][0] = 4.3 + 2.5, 3.1
    assert told(said)["spots"]["precision"] == 0.8


def test_d_errors_are_those_of_the_spot_of_the_grain_at_that_place() -> None:
    said = perfect()
    said["spot_d"] = said["spot_d"] * 1.01
    assert told(said)["d_error"]["median"] == pytest.approx(0.01, rel=1e-4)


def test_spots_on_an_image_without_crystals_are_false() -> None:
    said = perfect()
    result = report(merge([score(said, empty()), score(said.isel(spot=slice(1)), empty())]))
    assert result["spots"]["false_per_null"] == 3.0
    assert result["spots"]["precision"] is None
    assert result["identification"]["wrong_above_0_9"] == 1.0


def test_a_multi_spot_grain_needs_the_right_phase_on_top() -> None:
    said = perfect()
    said["grain_posterior"][0] = [0.55, 0.4]
    assert told(said)["identification"]["multi_spot"] == 0.0
    said["grain_posterior"][0] = [0.1, 0.4]
    assert told(said)["identification"]["multi_spot"] == 0.0, "unknown has 0.5"
    said["grain_posterior"][0] = [0.1, 0.46]
    assert told(said)["identification"]["multi_spot"] == 1.0


def test_a_single_row_needs_the_truth_among_its_candidates() -> None:
    said = perfect()
    said["grain_posterior"][1] = [0.1, 0.6]
    assert told(said)["identification"]["single_row"] == 1.0
    said["grain_candidates"][1] = "LiF"
    assert told(said)["identification"]["single_row"] == 0.0


def test_a_sure_answer_is_wrong_on_another_phase_and_on_no_grain_at_all() -> None:
    said = perfect()
    said["grain_posterior"][1] = [0.02, 0.97]
    assert told(said)["identification"]["wrong_above_0_9"] == 0.5
    said["grain_map"] = said["grain_map"].roll(y=30)
    assert told(said)["identification"]["wrong_above_0_9"] == 1.0


def test_overlap_and_vacuum_are_counted_on_the_map() -> None:
    said = perfect()
    said["phase_map"][0, :, :5] = 4
    said["phase_map"][0, 25:50, 25:37] = 1
    result = told(said)
    assert result["vacuum_false"] == pytest.approx(1 / 3)
    assert result["iou"]["LiF"] == pytest.approx(25 * 13 / (25 * 25 + 500))
    assert result["iou"]["Li"] == 1.0


def test_a_wrong_header_shows_in_d_but_not_in_what_was_found() -> None:
    true = truth(arrays(px_nm_header=PIXEL * 1.03))
    said = perfect(PIXEL * 1.03).assign_attrs(scale=[1 / 1.03 * 1.002])
    result = told(said, true)
    assert result["spots"]["precision"] == 1.0
    assert result["iou"] == {"LiF": 1.0, "Li": 1.0}
    assert result["d_error"]["median"] == pytest.approx(0.03, rel=1e-3)
    assert result["calibration"]["scale_error"] == pytest.approx(0.002, rel=1e-3)


def test_a_scale_error_may_be_told_instead_of_a_scale_and_an_anisotropy_beside() -> None:
    true = truth(arrays(px_nm_header=PIXEL / 1.02, anisotropy_true=0.04))
    said = perfect(PIXEL / 1.02).assign_attrs(scale_error=0.02, anisotropy=0.035)
    result = told(said, true)
    assert result["calibration"]["scale_error"] == pytest.approx(0, abs=1e-9)
    assert result["calibration"]["anisotropy_error"] == pytest.approx(0.005)


def test_images_are_pooled_not_averaged() -> None:
    one = Tally({"precision": (1, 1)}, {"d": (0.1,)})
    many = Tally({"precision": (0, 9)}, {"d": (0.3, 0.3)})
    result = report(merge([one, many]))
    assert result["spots"]["precision"] == 0.1
    assert result["d_error"]["median"] == 0.3


@pytest.mark.parametrize("name", ["phase_map", "spots", "meta"])
def test_arrays_without_truth_are_refused_by_name(name: str) -> None:
    some = arrays()
    del some[name]
    with pytest.raises(ValueError, match=name):
        truth(some)


def test_truth_without_labels_or_strengths_is_refused_by_name() -> None:
    some = arrays()
    some["meta"] = np.array(json.dumps({"px_nm_true": 1, "px_nm_header": 1}))
    with pytest.raises(ValueError, match="labels"):
        truth(some)
    other = arrays()
    other["spots"] = other["spots"][["grain", "kx_nm", "ky_nm", "d_nm"]]
    with pytest.raises(ValueError, match="snr_local"):
        truth(other)


def test_wrong_answers_are_told_by_the_probability_they_were_given_with() -> None:
    said = perfect()
    said["grain_posterior"][:] = np.array([[0.02, 0.95], [0.15, 0.85]], "<f4")
    reliability = told(said)["reliability"]
    assert reliability["answers"]["0.9-1"] == 1
    assert reliability["wrong"]["0.9-1"] == 0.0
    assert reliability["answers"]["0.8-0.9"] == 1
    assert reliability["wrong"]["0.8-0.9"] == 1.0  # Li, called LiF
    assert reliability["expected_calibration_error"] == pytest.approx((0.05 + 0.85) / 2, abs=1e-3)
