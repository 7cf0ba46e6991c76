"""Rings drawn by themselves: heat maps and inverse transforms in the result."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from beamside.analysis.hrtem.mapper import PhaseMapper
from beamside.analysis.operators import Calibration

PIXEL = 0.03


@pytest.fixture(scope="module")
def said() -> xr.Dataset:
    """Two frames: fringes of 0.25 nm in one disc and of 0.5 nm in another, and nothing."""
    y, x = (np.indices((500, 620)) + 0.5) * PIXEL
    images = 500 + np.random.default_rng(0).normal(0, 10, (2, *y.shape))
    left, right = (np.hypot(y - 7.5, x - at) < 3.5 for at in (4, 14))
    images[0] += left * 25 * np.cos(2 * np.pi * (2.4 * y + 3.2 * x))
    images[0] += left * 25 * np.cos(2 * np.pi * (3.2 * y - 2.4 * x))
    images[0] += right * 15 * np.cos(2 * np.pi * (1.2 * y + 1.6 * x))
    mapper = PhaseMapper(rings=3, fringes=True)
    return mapper(images.astype(np.float32), Calibration((PIXEL, PIXEL)))


def test_the_rings_of_a_frame_are_listed_the_strongest_first(said: xr.Dataset) -> None:
    assert list(said["ring_frame"].values[:2]) == [0, 0]
    assert list(said["ring_rank"].values[:2]) == [1, 2]
    np.testing.assert_allclose(said["ring_d"].values[:2], [0.25, 0.5], rtol=0.01)
    assert said["ring_n_spots"].values[0] == 2
    assert said["ring_d"].attrs["units"] == "nm"


def test_the_heat_map_is_hot_where_the_ring_has_fringes(said: xr.Dataset) -> None:
    left, right = (np.abs(said["x"].values - at) < 1.5 for at in (4, 14))
    for rank, here, there, amplitude in ((1, left, right, 50), (2, right, left, 15)):
        heat = said[f"heat_{rank}"]
        assert heat.dims == ("frame", "y", "x")
        inner = heat.values[0, 12:18]
        assert inner[:, here].mean() == pytest.approx(amplitude, rel=0.15)
        assert inner[:, there].mean() < 0.15 * amplitude


def test_the_inverse_transform_holds_the_fringes_of_its_ring_alone(said: xr.Dataset) -> None:
    fine = said["fringes_2"]
    assert fine.dims == ("frame", "fringe_y", "fringe_x")
    x = said["fringe_x"].values
    assert x[-1] == pytest.approx(620 * PIXEL, rel=0.01)
    inner = fine.values[0][np.abs(said["fringe_y"].values - 7.5) < 1.5]
    assert inner[:, np.abs(x - 14) < 1.5].std() == pytest.approx(15 / np.sqrt(2), rel=0.15)
    assert inner[:, np.abs(x - 4) < 1.5].std() < 2


def test_a_frame_without_spots_has_no_rings(said: xr.Dataset) -> None:
    assert not (said["ring_frame"].values == 1).any()
    assert not said["heat_1"].values[1].any()


def test_rings_are_drawn_only_when_asked_for() -> None:
    image = np.random.default_rng(1).poisson(90, (1, 256, 256)).astype(np.uint16)
    plain = PhaseMapper()(image, Calibration((PIXEL, PIXEL)))
    assert not [name for name in plain.variables if str(name).startswith(("ring", "heat", "frin"))]
    none = PhaseMapper(rings=2)(image, Calibration())
    assert none.sizes["ring"] == 0
    assert none["heat_2"].shape == none["confidence"].shape
