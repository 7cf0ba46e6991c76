"""How grains are turned: by the truth of phantoms, and by turning the image."""

from __future__ import annotations

import re

import numpy as np
import pytest
import xarray as xr

from beamside.analysis.hrtem.candidates import candidates
from beamside.analysis.hrtem.mapper import PhaseMapper
from beamside.analysis.hrtem.orientation import pattern_of
from beamside.analysis.hrtem.phases import Phase
from beamside.analysis.operators import Calibration
from beamside.models.phantoms.hrtem import Microscope, Phantom, Specimen, look

PIXEL = 0.03


@pytest.fixture(scope="module")
def phantom() -> Phantom:
    specimen = Specimen(
        phases=("Li", "LiF", "Cu"), diameter=(7.0, 9.0), vacuum=0.0, rows=0.0, cover=0.5
    )
    return look(64, (768, 768), specimen, Microscope(dose=1200.0))


@pytest.fixture(scope="module")
def said(phantom: Phantom) -> xr.Dataset:
    return mapped(phantom.image)


@pytest.fixture(scope="module")
def phases() -> dict[str, Phase]:
    return {phase.name: phase for phase in candidates("li-sei", None, 8.3).phases}


def mapped(image: np.ndarray) -> xr.Dataset:
    return PhaseMapper()(image[None], Calibration((PIXEL, PIXEL)))


def sure(said: xr.Dataset) -> np.ndarray:
    return np.flatnonzero(np.isfinite(said["grain_rotation"].values))


def apart(one: float, others: np.ndarray, period: float) -> float:
    return float(np.abs((others - one + period / 2) % period - period / 2).min())


def test_the_rotation_is_the_azimuth_of_the_reference(
    phantom: Phantom, said: xr.Dataset, phases: dict[str, Phase]
) -> None:
    at = np.ix_(*((said[axis].values / PIXEL).astype(int) for axis in "yx"))
    true, found = phantom.grain_map[at], said["grain_map"].values[0]
    checked = 0
    for row in sure(said):
        number = np.bincount(true[found == row + 1]).argmax()
        phase = phases[str(said["phase"].values[said["grain_posterior"].values[row].argmax()])]
        hkl = re.findall(r"-?\d", str(said["grain_reference"].values[row]))
        length = np.linalg.norm(phase.g(np.array([int(index) for index in hkl])))
        spots = phantom.spots[phantom.spots["grain"] == number]
        spots = spots[np.abs(spots["d_nm"] * length - 1) < 0.012]
        if len(spots):
            azimuths = -np.degrees(np.arctan2(spots["ky_nm"], spots["kx_nm"]))
            period = float(said["grain_rotation_period"].values[row])
            assert apart(float(said["grain_rotation"].values[row]), azimuths, period) < 1
            checked += 1
    assert checked >= 3


def test_turning_the_image_turns_the_grains(phantom: Phantom, said: xr.Dataset) -> None:
    other = mapped(np.rot90(phantom.image).copy())
    grains = sure(other)
    compared = 0
    for row in sure(said):
        y, x = (said[f"grain_{axis}"].values[row] for axis in "yx")
        there = 768 * PIXEL - x, y
        away = np.hypot(
            other["grain_y"].values[grains] - there[0], other["grain_x"].values[grains] - there[1]
        )
        if len(away) and away.min() < 0.5:
            twin = grains[away.argmin()]
            period = float(said["grain_rotation_period"].values[row])
            turned = other["grain_rotation"].values[[twin]] - 90
            if said["grain_phase"].values[row] == other["grain_phase"].values[twin]:
                assert apart(float(said["grain_rotation"].values[row]), turned, period) < 1
                compared += 1
    assert compared >= 3


def test_the_map_holds_the_rotation_of_each_grain(said: xr.Dataset) -> None:
    numbers, turned = said["grain_map"].values[0], said["orientation_map"].values[0]
    assert np.isnan(turned[numbers == 0]).all()
    for row, rotation in enumerate(said["grain_rotation"].values):
        np.testing.assert_allclose(turned[numbers == row + 1], rotation, rtol=1e-5)


@pytest.mark.parametrize(
    ("name", "zone", "fold", "family"),
    [
        ("LiF", (0, 0, 1), 4, (0, 0, 2)),
        ("LiF", (1, 1, 1), 6, (0, 2, 2)),
        ("LiF", (0, 1, 1), 2, (0, 0, 2)),
        ("Li", (1, 1, 1), 6, (0, 1, 1)),
        ("Li2CO3", (0, 1, 0), 2, None),
    ],
)
def test_the_reference_is_the_shortest_that_no_other_is_as_long_as(
    phases: dict[str, Phase],
    name: str,
    zone: tuple[int, int, int],
    fold: int,
    family: tuple[int, ...],
) -> None:
    pattern = pattern_of(phases[name], zone)
    assert pattern is not None
    assert pattern.fold == fold
    assert pattern.reference @ zone == 0
    if family:
        assert tuple(sorted(np.abs(pattern.reference))) == family
