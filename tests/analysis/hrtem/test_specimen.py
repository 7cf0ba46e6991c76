"""Where the specimen is, on a contrast that is known."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from beamside.analysis.hrtem.mapper import PhaseMapper
from beamside.analysis.hrtem.maps import Grid, grain_map
from beamside.analysis.hrtem.specimen import specimen
from beamside.analysis.operators import Calibration
from beamside.models.phantoms.hrtem import make

VACUUM, MATTER = 2.0, 12.0
SIGMA = (1.0, 1.0)


def scene(crystal: float, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Contrast of a film with vacuum at the right and two crystals, one at the edge; the truth."""
    true = np.ones((120, 120), bool)
    true[:, 90:] = False
    height = true.astype(float)
    crystals = np.zeros_like(true)
    crystals[10:60, 10:60] = crystals[70:100, 60:90] = True
    height[crystals] = crystal
    noise = np.random.default_rng(seed).normal(1, 0.07, height.shape)
    ratio = ndimage.gaussian_filter(VACUUM + (MATTER - VACUUM) * height, SIGMA) * noise
    return ratio.astype(np.float32), crystals, true


@pytest.mark.parametrize("crystal", [0.25, 0.5, 1.0])
@pytest.mark.parametrize("seed", range(3))
def test_a_crystal_in_a_thin_film_is_no_vacuum_and_the_edge_is_sharp(
    crystal: float, seed: int
) -> None:
    ratio, crystals, true = scene(crystal, seed)
    found = specimen(ratio, crystals, 20, SIGMA)
    lost = true & ~found
    assert not lost[:, :80].any()
    # Where the thin crystal at the edge meets the thick film, the film sets the half height.
    assert lost[:, :88].sum() < 20
    assert (found & ~true).sum() < 0.01 * (~true).sum()


def test_crystals_that_cover_most_of_the_film_are_no_vacuum() -> None:
    ratio, crystals, true = scene(0.25, 4)
    crystals[:, :84] = True
    ratio[:, :84] = VACUUM + 0.3 * (MATTER - VACUUM)
    found = specimen(ratio, crystals, 20, SIGMA)
    assert (found == true).mean() > 0.97


@pytest.mark.parametrize("seed", range(3))
def test_thick_crystals_without_fringes_are_no_vacuum_where_there_is_none(seed: int) -> None:
    ratio = np.full((120, 120), 17.8)
    ratio[20:70, 20:70] = ratio[90:110, 70:90] = 7.8
    noise = np.random.default_rng(seed).normal(1, 0.07, ratio.shape)
    found = specimen((ratio * noise).astype(np.float32), np.zeros(ratio.shape, bool), 20, SIGMA)
    assert found.all()


@pytest.mark.parametrize(("level", "solid"), [(1.2, False), (12.0, True)])
def test_an_image_of_one_level_is_all_specimen_or_all_vacuum(level: float, solid: bool) -> None:
    ratio = np.random.default_rng(5).normal(level, 0.05 * level, (80, 80)).astype(np.float32)
    found = specimen(ratio, np.zeros((80, 80), bool), 20, SIGMA)
    assert found.all() if solid else not found.any()


def test_grains_keep_off_the_vacuum() -> None:
    inside = np.ones((20, 20), bool)
    inside[:, 12:] = False
    numbers = grain_map(
        np.ones((1, 20, 20), np.float32), np.ones(1), inside, Grid((20, 20), (10.0, 10.0))
    )
    assert (numbers[:, :10] == 1).all()
    assert not numbers[:, 10:].any()


def test_no_phase_is_seen_in_vacuum() -> None:
    false = of = 0
    for seed in (501, 502, 503):
        phantom = make(seed, (768, 1024))
        said = PhaseMapper()(phantom.image[None], Calibration((0.03, 0.03)))
        at = np.ix_(*((said[axis].values / 0.03).astype(int) for axis in "yx"))
        vacuum = phantom.phase_map[at] == 0
        false += int((said["phase_map"].values[0][vacuum] >= 2).sum())
        of += int(vacuum.sum())
    assert of > 500
    assert false <= 0.005 * of
