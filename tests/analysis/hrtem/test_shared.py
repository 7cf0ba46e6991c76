"""Images from elsewhere: multislice simulations with truth, and real microscopes."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from beamside.analysis.hrtem.mapper import PhaseMapper
from beamside.analysis.hrtem.reference import reference
from beamside.analysis.hrtem.score import merge, report, score
from beamside.analysis.hrtem.selfcal import calibrate
from beamside.analysis.hrtem.truth import truth
from beamside.analysis.operators import Calibration


@pytest.fixture(scope="module")
def hrtem(shared_data: Path) -> Path:
    folder = shared_data / "hrtem"
    if not folder.is_dir():
        pytest.skip("the HRTEM images are absent")
    return folder


def apart(k: np.ndarray, said: xr.Dataset) -> np.ndarray:
    """Distance of each of `k` (complex) to each spot or its Friedel partner."""
    spots = said["spot_kx"].values + 1j * said["spot_ky"].values
    return np.asarray(np.minimum(abs(k[:, None] - spots), abs(k[:, None] + spots)))


def test_multislice_grains_are_found_and_named_among_sixteen_phases(hrtem: Path) -> None:
    tallies = []
    for name in ("s1_T300_d500", "s2_J200_d150"):
        with np.load(hrtem / "simulated" / f"{name}.npz") as arrays:
            true = truth(arrays)
            said = PhaseMapper(candidates="sei")(
                arrays["image"][None], Calibration(true.header, None, None, "header")
            )
        tallies.append(score(said, true))
    told = report(merge(tallies))
    recall = told["spots"]["recall"]
    assert recall["20-50"] >= 0.6
    assert recall["50-200"] >= 0.92
    assert recall[">200"] >= 0.95  # of 32: one lies at the tolerance
    assert told["spots"]["precision"] >= 0.88
    assert told["d_error"]["median"] < 0.0025
    assert told["identification"]["multi_spot"] >= 0.75
    assert told["identification"]["wrong_above_0_9"] <= 0.1
    assert told["vacuum_false"] <= 0.002


def test_the_simulation_without_crystals_gives_nothing(hrtem: Path) -> None:
    with np.load(hrtem / "simulated" / "s3_null_noCrystal.npz") as arrays:
        said = PhaseMapper(candidates="all")(arrays["image"][None], Calibration((0.03, 0.03)))
    assert said.sizes["spot"] == said.sizes["grain"] == said.sizes["peak"] == 0
    assert set(np.unique(said["phase_map"])) == {0, 1}


def test_what_an_expert_picked_is_among_the_strongest_spots(hrtem: Path) -> None:
    image_file = pytest.importorskip("PIL.Image")
    image = np.array(image_file.open(hrtem / "real" / "Co3O4_5pass_500k.png"))
    lines = (hrtem / "real" / "Co3O4_5pass_human_picks.csv").read_text().splitlines()
    rows = list(csv.reader(lines[1:]))
    picks = np.array([float(row[0]) + 1j * float(row[1]) for row in rows])
    said = PhaseMapper(candidates="oxides")(image[None], Calibration((0.019053, 0.019053)))
    near = apart(picks, said) < 0.06
    assert near.any(axis=1).all()
    strongest = np.argsort(-said["spot_snr"].values)[:110]
    assert near[:, strongest].any(axis=1).mean() >= 0.95


def test_strontium_titanate_is_square_despite_the_scan(hrtem: Path) -> None:
    ser = pytest.importorskip("ncempy.io.ser")
    read = ser.serReader(str(hrtem / "real" / "16_STOimage_1.ser"))
    pixel = float(read["pixelSize"][0]) * 1e9
    said = PhaseMapper(candidates="calibrants")(read["data"][None], Calibration((pixel, pixel)))
    strong = said["spot_d"].values[np.argsort(-said["spot_snr"].values)[:6]]
    for d, nominal in ((0.402, 0.3905), (0.407, 0.3905), (0.283, 0.2761), (0.289, 0.2761)):
        assert abs(strong / d - 1).min() < 0.01
        assert abs(strong / nominal - 1).min() < 0.05
    wrong = set(said["grain_phase"].values) - {2, 3 + list(said["phase"].values).index("SrTiO3")}
    assert not wrong
    # by hand: 2.9 % and 4.2 % too long along the axes, which are 1.1 degrees off square
    found = calibrate([(said, [0])], reference("SrTiO3"))
    scale, anisotropy, shear = found["calibration"].values
    assert scale == pytest.approx(np.log(0.3905**2 / (0.402 * 0.407)) / 2, abs=0.004)
    assert abs(anisotropy) == pytest.approx(np.log(0.407 / 0.402), abs=0.004)
    assert abs(np.degrees(shear)) == pytest.approx(1.1, abs=0.2)
    assert found.attrs["enough"]


def test_molybdenum_disulphide_is_hexagonal_despite_the_scan(hrtem: Path) -> None:
    dm = pytest.importorskip("ncempy.io.dm")
    read = dm.dmReader(str(hrtem / "real" / "example_Se_implanted_MoS2.dm3"))
    pixel = float(read["pixelSize"][0])
    said = PhaseMapper(candidates="calibrants")(read["data"][None], Calibration((pixel, pixel)))
    k = said["spot_kx"].values + 1j * said["spot_ky"].values
    first = k[(abs(k) > 3.6) & (abs(k) < 4.1)]
    first = first[np.argsort(np.angle(first))]
    assert len(first) == 3
    turns = np.degrees(np.diff(np.angle(first)))
    assert np.allclose(turns, 60, atol=5)
