"""A pixel grid that is wrong, sheared too, and what becomes of it when that is known."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from beamside.analysis.hrtem.correction import Correction, straightened
from beamside.analysis.hrtem.mapper import PhaseMapper
from beamside.analysis.hrtem.selfcal_groups import taken
from beamside.analysis.operators import Calibration
from beamside.tests.analysis.hrtem.lattices import seen, zone

WRONG = Correction(0.02, -0.015, 0.03)
HEADER = 0.025
SIZE = 512
TRUE = zone("LiF", (0, 1, 1), 0.4)


@pytest.fixture(scope="module")
def image() -> np.ndarray:
    """A grain of LiF in an amorphous film, on a grid that the header calls square."""
    rng = np.random.default_rng(4)
    y, x = np.mgrid[:SIZE, :SIZE] * HEADER
    fringes = sum(np.cos(2 * np.pi * (k.imag * y + k.real * x)) for k in seen(TRUE, WRONG))
    inside = 1 / (1 + np.exp((np.hypot(y - 6.2, x - 6.6) - 4.5) / 0.15))
    film = rng.poisson(400, (SIZE, SIZE)) + 20 * inside * fringes
    return np.asarray(film, np.float32)


def mapped(image: np.ndarray, **settings: object) -> xr.Dataset:
    size = Calibration((HEADER, HEADER), 300.0, None, "header", **settings)  # type: ignore[arg-type]
    return PhaseMapper(candidates=("LiF", "LiH", "Li2O"))(image[None], size)


def misplaced(said: xr.Dataset, expected: np.ndarray) -> np.ndarray:
    """How far the nearest spot is from each expected one, over |k|."""
    k = (said["spot_kx"] + 1j * said["spot_ky"]).values
    both = np.concatenate([k, -k])
    off = np.abs(both[None] - expected[:, None]).min(axis=1)
    return np.asarray(off / np.abs(expected))


def test_with_the_accepted_correction_lengths_and_angles_are_right(image: np.ndarray) -> None:
    values = tuple(float(v) for v in WRONG.values)
    said = mapped(image, correction=values, accepted="accepted by ann at noon")
    assert misplaced(said, TRUE).max() < 0.003
    spots = said["spot_d"].values[said["spot_label"].values == "LiF 111"]
    assert np.allclose(spots, 0.2325, rtol=0.003) or not len(spots)
    assert said.attrs["correction"] == list(WRONG.values)
    assert said.attrs["calibration_origin"] == "header, corrected: accepted by ann at noon"
    assert float(said["correction_shear"][0]) == 0.03
    (first,) = said["grain_phase"].values[:1]
    assert said["grain_phase"].attrs["flag_meanings"].split()[first] == "LiF"


def test_without_it_they_are_as_the_header_says(image: np.ndarray) -> None:
    said = mapped(image)
    assert misplaced(said, seen(TRUE, WRONG)).max() < 0.003
    assert misplaced(said, TRUE).max() > 0.02
    assert said.attrs["correction"] == [0, 0, 0]
    assert said.attrs["calibration_origin"] == "header"


def test_scale_and_anisotropy_alone_leave_the_angles_wrong(image: np.ndarray) -> None:
    part = Correction(WRONG.scale, WRONG.anisotropy, 0.0)
    said = mapped(image, correction=tuple(float(v) for v in part.values))
    assert misplaced(said, TRUE).max() > 0.008


def test_the_header_setting_ignores_what_was_accepted(image: np.ndarray) -> None:
    size = Calibration((HEADER, HEADER), correction=(0.02, -0.015, 0.03))
    said = PhaseMapper(candidates=("LiF",), calibration="header")(image[None], size)
    assert said.attrs["correction"] == [0, 0, 0]


def test_the_self_calibration_sees_the_header_behind_any_correction(image: np.ndarray) -> None:
    """So it may go on when a correction is accepted in the middle of a run."""
    plain = taken(mapped(image), [0])
    values = tuple(float(v) for v in WRONG.values)
    corrected = taken(mapped(image, correction=values), [0])
    assert np.allclose(corrected.applied, WRONG.values)
    assert not plain.applied.any()
    for state in (plain, corrected):
        k = state.k[0][state.k[0] != 0]
        off = [min(abs(k - g).min(), abs(k + g).min()) for g in seen(TRUE, WRONG)[:2]]
        assert max(off) < 0.015
        true = straightened(k, WRONG.values)
        assert min(abs(abs(true) - abs(TRUE[0]))) < 0.015
