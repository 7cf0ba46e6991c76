"""The operator as a whole: its form, its answers on phantoms, and images that are not good."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import xarray as xr
from scipy import ndimage

import beamside.analysis.hrtem.frame as frame_module
from beamside.analysis.hrtem.mapper import PhaseMapper
from beamside.analysis.operators import AnalysisError, Calibration, load
from beamside.models.phantoms.hrtem import Phantom, make

HEADER = Calibration((0.03, 0.03), 300.0, None, "header")
CLASSES = "vacuum amorphous unknown Li Li2O LiOH LiF Li2CO3 LiH Li3N Li2S Li2O2 Cu"


@pytest.fixture(scope="module")
def phantom() -> Phantom:
    return make(21, (768, 768), phases=("LiF", "Li2CO3", "LiOH"), dose=800.0)


@pytest.fixture(scope="module")
def said(phantom: Phantom) -> xr.Dataset:
    return PhaseMapper()(phantom.image[None], HEADER)


FORM: dict[str, tuple[tuple[str, ...], str]] = {
    "phase_map": (("frame", "y", "x"), "u1"),
    "confidence": (("frame", "y", "x"), "f4"),
    "grain_map": (("frame", "y", "x"), "i2"),
    "orientation_map": (("frame", "y", "x"), "f4"),
    "spectrum": (("frame", "ky", "kx"), "f4"),
    "profile_mean": (("frame", "k"), "f4"),
    "profile_max": (("frame", "k"), "f4"),
    "phase_fraction": (("frame", "phase"), "f4"),
    "phase_fraction_sigma": (("frame", "phase"), "f4"),
    "crystalline_fraction": (("frame",), "f4"),
    "crystalline_fraction_sigma": (("frame",), "f4"),
    "spot_frame": (("spot",), "i4"),
    "spot_ky": (("spot",), "f8"),
    "spot_kx": (("spot",), "f8"),
    "spot_d": (("spot",), "f8"),
    "spot_k_sigma": (("spot",), "f8"),
    "spot_snr": (("spot",), "f8"),
    "spot_y": (("spot",), "f8"),
    "spot_x": (("spot",), "f8"),
    "spot_grain": (("spot",), "i4"),
    "spot_label": (("spot",), "U"),
    "grain_frame": (("grain",), "i4"),
    "grain_phase": (("grain",), "u1"),
    "grain_probability": (("grain",), "f4"),
    "grain_runner_up": (("grain",), "u1"),
    "grain_runner_up_probability": (("grain",), "f4"),
    "grain_kind": (("grain",), "u1"),
    "grain_candidates": (("grain",), "U"),
    "grain_y": (("grain",), "f8"),
    "grain_x": (("grain",), "f8"),
    "grain_area": (("grain",), "f8"),
    "grain_n_spots": (("grain",), "i4"),
    "grain_residual": (("grain",), "f4"),
    "grain_zone": (("grain",), "U"),
    "grain_rotation": (("grain",), "f8"),
    "grain_rotation_sigma": (("grain",), "f8"),
    "grain_rotation_period": (("grain",), "f8"),
    "grain_reference": (("grain",), "U"),
    "grain_strain_yy": (("grain",), "f4"),
    "grain_strain_xx": (("grain",), "f4"),
    "grain_strain_yx": (("grain",), "f4"),
    "grain_strain_yy_sigma": (("grain",), "f4"),
    "grain_strain_xx_sigma": (("grain",), "f4"),
    "grain_strain_yx_sigma": (("grain",), "f4"),
    "grain_posterior": (("grain", "phase"), "f4"),
    "specimen": (("frame",), "u1"),
    "amorphous_area": (("frame",), "f4"),
    "peak_frame": (("peak",), "i4"),
    "peak_k": (("peak",), "f8"),
    "peak_d": (("peak",), "f8"),
    "peak_height": (("peak",), "f8"),
    "peak_label": (("peak",), "U"),
}


def check_form(said: xr.Dataset) -> None:
    for name, (dims, dtype) in FORM.items():
        variable = said[name]
        assert variable.dims == dims, name
        kind = variable.dtype.str.lstrip("<|")
        assert kind == dtype or (dtype == "U" and variable.dtype.kind == "U"), name
        assert variable.attrs["long_name"], name


def test_the_result_has_the_documented_form(said: xr.Dataset) -> None:
    check_form(said)
    assert said["phase_map"].attrs["flag_meanings"] == CLASSES
    assert list(said["phase_map"].attrs["flag_values"]) == list(range(13))
    assert max(said.sizes["ky"], said.sizes["kx"]) <= 512
    assert said["spot_ky"].attrs["units"] == said["k"].attrs["units"] == "1/nm"
    assert said["y"].attrs["units"] == said["spot_d"].attrs["units"] == "nm"
    assert len(said.attrs["database_sha256"]) == 64


def test_nothing_found_has_the_same_form() -> None:
    empty = PhaseMapper()(np.full((2, 200, 240), 7, np.uint16), HEADER)
    check_form(empty)
    assert empty.sizes["spot"] == empty.sizes["grain"] == empty.sizes["peak"] == 0
    assert empty.sizes["frame"] == 2
    assert "all pixels are equal" in empty.attrs["note"]


def test_coordinates_are_the_centres_of_equal_pixels_over_the_whole_field(said: xr.Dataset) -> None:
    field = 768 * 0.03
    for axis in ("y", "x"):
        centres = said[axis].values
        step = field / len(centres)
        assert np.allclose(centres, (np.arange(len(centres)) + 0.5) * step)


def test_tables_and_maps_refer_to_each_other(said: xr.Dataset) -> None:
    numbers = np.unique(said["grain_map"].values)
    assert set(numbers) == set(range(said.sizes["grain"] + 1))
    labels, grains = said["phase_map"].values[0], said["grain_map"].values[0]
    for row in range(said.sizes["grain"]):
        assert (labels[grains == row + 1] == said["grain_phase"].values[row]).all()
        area = (grains == row + 1).sum() * (768 * 0.03 / len(labels)) ** 2
        assert said["grain_area"].values[row] == pytest.approx(area, rel=1e-6)
    rows = said["spot_grain"].values
    assert ((rows >= -1) & (rows < said.sizes["grain"])).all()
    assert (labels[grains == 0] < 2).all()
    assert np.allclose(said["spot_d"], 1 / np.hypot(said["spot_ky"], said["spot_kx"]))


def test_probabilities_are_probabilities(said: xr.Dataset) -> None:
    assert (said["grain_posterior"].values.sum(axis=1) <= 1 + 1e-5).all()
    confidence = said["confidence"].values
    assert confidence.min() >= 0
    assert confidence.max() <= 1
    assert said["phase_fraction"].values.sum() <= 1
    named = said["grain_phase"].values > 2
    best = said["grain_posterior"].values.max(axis=1)
    assert np.allclose(said["grain_probability"].values[named], best[named])
    for number, own in enumerate(said["grain_probability"].values, 1):  # of the label, unknown too
        assert np.allclose(confidence[said["grain_map"].values == number], own)


def test_large_grains_are_named_and_found_where_they_are(
    phantom: Phantom, said: xr.Dataset
) -> None:
    names = said["phase_map"].attrs["flag_meanings"].split()
    step = 768 / said.sizes["y"]
    rows = ((np.arange(said.sizes["y"]) + 0.5) * step).astype(int)
    truth = phantom.phase_map[np.ix_(rows, rows)]
    labels = said["phase_map"].values[0]
    right = wrong = 0
    for index, phase in enumerate(phantom.meta["labels"][2:], 2):
        here = truth == index
        right += int((labels[here] == names.index(phase)).sum())
        wrong += int(((labels[here] > 2) & (labels[here] != names.index(phase))).sum())
    assert right > 0.2 * (truth > 1).sum()
    assert wrong < 0.2 * right
    assert (labels[truth == 0] > 1).mean() < 0.02
    assert (labels[truth == 0] == 0).mean() > 0.8
    assert (labels[truth == 1] == 1).mean() > 0.7


def test_what_is_said_with_confidence_is_right() -> None:
    """Of the answers given with p > 0.9 hardly any is wrong, on phantoms with header errors too."""
    answers = []
    phases = ("Li", "Li2O", "LiF", "Li2CO3", "LiOH", "Li2S")
    for seed, error in ((31, 0.0), (32, 0.015), (33, -0.02), (34, 0.0)):
        true = make(seed, (1024, 1024), phases=phases, header_scale_error=error)
        header = true.meta["px_nm_header"]
        said = PhaseMapper()(true.image[None], Calibration((header, header)))
        grains = said["grain_map"].values[0]
        step = 1024 / len(grains)
        rows = ((np.arange(len(grains)) + 0.5) * step).astype(int)
        truth = true.phase_map[np.ix_(rows, rows)]
        for row, posterior in enumerate(said["grain_posterior"].values):
            under = np.bincount(truth[grains == row + 1], minlength=8)[2:]
            if posterior.max() > 0.9 and under.any():
                name = str(said["phase"].values[posterior.argmax()])
                answers.append(name == phases[int(under.argmax())])
    assert len(answers) >= 6
    assert answers.count(False) <= 1


def test_a_specimen_without_crystals_has_no_phases() -> None:
    spots = grains = 0
    for seed in range(3):
        true = make(seed, (768, 768), null=True)
        said = PhaseMapper()(true.image[None], HEADER)
        spots, grains = spots + said.sizes["spot"], grains + int((said["phase_map"] > 2).sum())
        outside = ndimage.zoom(true.phase_map == 0, said.sizes["y"] / 768, order=0)
        if not said.sizes["grain"]:
            assert said["specimen"].values[0] == 1  # amorphous, and how much of it
            film = (true.phase_map == 1).sum() * 0.03**2
            assert said["amorphous_area"].values[0] == pytest.approx(film, rel=0.2)
        assert (said["phase_map"].values[0][outside] == 0).mean() > 0.8
    assert spots <= 1
    assert grains == 0


def test_a_batch_says_what_its_images_say_alone(phantom: Phantom) -> None:
    images = np.stack([phantom.image[:400, :400], phantom.image[368:, 368:]])
    both = PhaseMapper()(images, HEADER)
    for number in (0, 1):
        alone = PhaseMapper()(images[number : number + 1], HEADER)
        assert np.array_equal(both["phase_map"][number], alone["phase_map"][0])
        here = both["spot_frame"].values == number
        assert np.array_equal(both["spot_kx"].values[here], alone["spot_kx"].values)
    first = int((both["grain_frame"] == 0).sum())
    second = both["spot_grain"].values[both["spot_frame"].values == 1]
    assert (second[second >= 0] >= first).all()


def test_an_image_that_shows_nothing_costs_the_others_of_its_batch_nothing(
    phantom: Phantom,
) -> None:
    image = phantom.image[:400, :400]
    both = PhaseMapper()(np.stack([np.full_like(image, 9), image]), HEADER)
    assert "frame 0: all pixels are equal" in both.attrs["note"]
    alone = PhaseMapper()(image[None], HEADER)
    assert np.array_equal(both["phase_map"][1], alone["phase_map"][0])


def test_brightness_gain_and_dtype_change_nothing(phantom: Phantom) -> None:
    image = phantom.image[None, :512, :512]
    plain = PhaseMapper()(image, HEADER)
    for other in (
        image.astype(np.int32) * 3 + 1000,
        image.astype(np.float64),
        image.astype(">u2"),
        image.astype(np.int64),
    ):
        said = PhaseMapper()(other, HEADER)
        assert said.sizes["spot"] == plain.sizes["spot"]
        assert np.allclose(said["spot_kx"], plain["spot_kx"], atol=1e-3)


def test_turning_the_image_turns_the_spots(phantom: Phantom) -> None:
    image = phantom.image[:512, :512]
    plain, turned = (PhaseMapper()(i[None], HEADER) for i in (image, np.rot90(image).copy()))
    k = plain["spot_kx"].values + 1j * plain["spot_ky"].values
    other = turned["spot_kx"].values + 1j * turned["spot_ky"].values
    strong = plain["spot_snr"].values > 60
    expected = k[strong] * np.exp(-0.5j * np.pi)
    apart = np.minimum(abs(expected[:, None] - other), abs(expected[:, None] + other))
    assert apart.min(axis=1).max() < 0.02


def test_without_calibration_everything_is_in_pixels(
    phantom: Phantom, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = PhaseMapper()(phantom.image[None], Calibration())
    check_form(said)
    assert said.sizes["spot"] > 5
    assert said["spot_d"].attrs["units"] == "px"
    assert said["k"].attrs["units"] == "1/px"
    assert "pixel size is unknown" in said.attrs["note"]
    d = said["spot_d"].values * 0.03
    # without a pixel size nothing is known of the lens, so what it moved stays moved in both
    monkeypatch.setattr(frame_module, "lens_of", lambda view, power: None)
    named = PhaseMapper()(phantom.image[None], HEADER)
    strong = named["spot_d"].values[named["spot_snr"].values > 300]
    assert len(strong)
    assert all(abs(d / one - 1).min() < 0.01 for one in strong)


def test_without_calibration_ratios_and_angles_say_what_they_can() -> None:
    """A rich frame gives its pixel size away; in a batch each image speaks for itself."""
    rich = make(10, (768, 768), phases=("Li2CO3", "LiOH", "Li3N"), dose=2000.0)
    empty = np.full_like(rich.image, 7)
    said = PhaseMapper()(np.stack([empty, rich.image]), Calibration())
    assert np.isnan(said["pixel"].values[0]).all()
    assert said["pixel"].values[1, 0] == pytest.approx(0.03, rel=0.01)
    assert said["pixel"].attrs["units"] == "nm"
    assert 0.5 < said["pixel_probability"].values[1, 0] <= 1
    assert (said["pixel_probability"].values[1, 1:] <= said["pixel_probability"].values[1, 0]).all()
    rows = ((np.arange(said.sizes["y"]) + 0.5) * 768 / said.sizes["y"]).astype(int)
    truth, grains = rich.phase_map[np.ix_(rows, rows)], said["grain_map"].values[1]
    labels, likely = rich.meta["labels"], 0
    first = int((said["grain_frame"] == 0).sum())
    for row, posterior in enumerate(said["grain_posterior"].values[first:]):
        under = np.bincount(truth[grains == row + 1], minlength=len(labels))
        name = str(said["phase"].values[posterior.argmax()])
        if posterior.max() > 0.5:
            likely += 1
            assert name in labels, name
            assert under[labels.index(name)] > 0
    assert likely >= 2
    single = said["grain_kind"].values < 2
    assert single.any()  # of which nothing is known, not even that they are no candidates
    posterior = said["grain_posterior"].values[single]
    assert np.allclose(posterior, posterior.mean())
    assert (said["grain_probability"].values[single] < 0.5).all()
    alone = PhaseMapper()(rich.image[None], Calibration())
    assert np.array_equal(alone["phase_map"].values[0], said["phase_map"].values[1])


def test_pixels_that_are_not_finite_are_filled_and_told(phantom: Phantom) -> None:
    image = phantom.image[None, :512, :512].astype(np.float32)
    image[0, 5, 7] = np.nan
    image[0, 100:104, 300:310] = np.inf
    said = PhaseMapper()(image, HEADER)
    assert "41 pixels were not finite" in said.attrs["note"]
    assert np.isfinite(said["spectrum"].values).all()


def test_saturation_is_told(phantom: Phantom) -> None:
    image = np.minimum(phantom.image, np.quantile(phantom.image, 0.9))
    assert "saturated" in PhaseMapper()(image[None], HEADER).attrs["note"]


def test_a_second_exposure_is_told_and_brings_no_sure_phases_that_are_not_there(
    phantom: Phantom,
) -> None:
    image = phantom.image.astype(np.float32)
    said = PhaseMapper()((image + np.roll(image, (37, -81), (0, 1)))[None], HEADER)
    assert "a copy of itself 2.7 nm away, a second exposure" in said.attrs["note"]
    sure = said["grain_posterior"].values.max(axis=1, initial=0) > 0.9
    named = said["phase"].values[said["grain_posterior"].values.argmax(axis=1)[sure]]
    assert set(named) <= {"LiF", "Li2CO3", "LiOH"}
    plain = PhaseMapper()(image[None], HEADER)
    assert "second exposure" not in plain.attrs.get("note", "")
    assert said.sizes["grain"] < 2 * plain.sizes["grain"]


def test_scan_lines_and_8_bits_are_told(phantom: Phantom) -> None:
    image = phantom.image[:500, :640].astype(np.float32)
    lines = image.std() * np.random.default_rng(3).standard_normal((500, 1))
    assert "rows have offsets" in PhaseMapper()((image + lines)[None], HEADER).attrs["note"]
    columns = (image + lines).T[None]
    assert "columns have offsets" in PhaseMapper()(columns, HEADER).attrs["note"]
    assert "note" not in PhaseMapper()(image[None], HEADER).attrs
    eight = (255 * (image - image.min()) / np.ptp(image)).astype(np.uint8)
    assert "8 bits" in PhaseMapper()(eight[None], HEADER).attrs["note"]


@pytest.mark.slow
def test_a_frame_of_8192_pixels_is_answered_within_memory() -> None:
    image = np.random.default_rng(0).poisson(40, (1, 8192, 8192)).astype(np.uint16)
    said = PhaseMapper()(image, HEADER)
    assert said.sizes["spot"] <= 2
    assert max(said.sizes["ky"], said.sizes["kx"]) <= 512


@pytest.mark.parametrize(
    "shape", [(64, 64), (65, 67), (33, 40), (127, 1023), (1021, 509), (64, 2048)]
)
def test_any_size_is_answered(shape: tuple[int, int]) -> None:
    image = np.random.default_rng(0).poisson(100, (1, *shape)).astype(np.uint16)
    said = PhaseMapper()(image, HEADER)
    check_form(said)
    assert said.sizes["spot"] == 0
    small = min(shape) * 0.03 < 7.7
    assert ("less than the 7.7 nm in which spots" in said.attrs.get("note", "")) is small


def test_a_crystal_smaller_than_a_window_is_seen(phantom: Phantom) -> None:
    y, x = np.mgrid[:96, :96] * 0.03
    image = 500 + 60 * np.cos(2 * np.pi * (4.0 * y + 2.0 * x))
    said = PhaseMapper()(np.random.default_rng(1).poisson(image)[None], HEADER)
    assert said.sizes["spot"] == 1
    assert said["spot_d"].values[0] == pytest.approx(1 / np.hypot(4, 2), rel=0.02)


@pytest.mark.parametrize(
    ("image", "pixel", "words"),
    [
        (np.zeros((256, 256)), 0.03, "must be grey"),
        (np.zeros((1, 64, 64, 3)), 0.03, "must be grey"),
        (np.zeros((0, 64, 64)), 0.03, "must be grey"),
        (np.zeros((1, 16, 500)), 0.03, "too small"),
        (np.zeros((1, 64, 64), complex), 0.03, "real numbers"),
        (np.full((1, 64, 64), np.nan), 0.03, "no finite pixel"),
        (np.zeros((1, 256, 256)), 0.5, "shows no lattice"),
        (np.zeros((1, 256, 256)), 1e-6, "the field is"),
        (np.zeros((1, 256, 256)), 1e3, "shows no lattice"),
        (np.zeros((1, 256, 256)), 1e-9, "the field is"),
        (np.zeros((1, 256, 256)), 0.0, "must be positive"),
        (np.zeros((1, 256, 256)), -0.03, "must be positive"),
        (np.zeros((1, 256, 256)), float("inf"), "must be positive"),
        (np.zeros((1, 256, 256)), float("nan"), "must be positive"),
    ],
)
def test_what_can_not_be_analysed_says_why(image: np.ndarray, pixel: float, words: str) -> None:
    with pytest.raises(AnalysisError, match=words):
        PhaseMapper()(image, Calibration((pixel, pixel)))


@pytest.mark.parametrize(
    "settings",
    [
        {"false_alarms": 0},
        {"k_max": 1.0},
        {"windows": ()},
        {"label_above": 1.5},
        {"workers": 0},
        {"rings": -1},
        {"scale_tolerance": -1},
        {"strain_tolerance": float("inf")},
        {"k_max": 1e9},
        {"windows": (1e-9,)},
        {"map_pixel": 1e-9},
        {"temperature": -3.0},
        {"temperature": float("nan")},
    ],
)
def test_a_setting_that_means_nothing_is_refused_by_name(settings: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(settings))):
        PhaseMapper(**settings)


def test_an_unknown_candidate_is_refused_with_the_ones_there_are() -> None:
    with pytest.raises(AnalysisError, match="no phase or set 'Unobtainium'"):
        PhaseMapper(candidates=("Unobtainium",))(np.zeros((1, 256, 256)), HEADER)


def test_it_is_found_by_name_with_settings() -> None:
    mapper = load("hrtem", {"candidates": "oxides", "false_alarms": 0.01})
    assert mapper == PhaseMapper(candidates="oxides", false_alarms=0.01)


@pytest.mark.parametrize("k_max", [4.0, 8.3])
def test_what_is_analysed_before_the_first_frame_holds_a_grain(
    k_max: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[xr.Dataset] = []
    call = PhaseMapper.__call__

    def heard(*given: Any) -> xr.Dataset:
        said.append(call(*given))
        return said[-1]

    monkeypatch.setattr(PhaseMapper, "__call__", heard)
    PhaseMapper(k_max=k_max).prepare()
    assert said[0].sizes["spot"] >= 2
    assert said[0].sizes["grain"] == 1
