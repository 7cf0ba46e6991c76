"""The heat map of components and the inverse transform of single spots."""

from __future__ import annotations

import numpy as np
import pytest

from beamside.analysis.hrtem.views import component_image, component_map
from beamside.analysis.operators import AnalysisError

PIXEL = (0.03, 0.03)
K = np.array([1.0]), np.array([4.0])


@pytest.fixture(scope="module")
def image() -> np.ndarray:
    """Fringes of amplitude 20 in the left upper quarter, others in the right lower one."""
    y, x = (np.indices((512, 600)) + 0.5) * 0.03
    counts = 500 + np.random.default_rng(0).normal(0, 10, y.shape)
    counts[:256, :300] += 20 * np.cos(2 * np.pi * (y + 4 * x))[:256, :300]
    counts[256:, 300:] += 20 * np.cos(2 * np.pi * (3 * y - 2 * x))[256:, 300:]
    return np.asarray(counts, np.uint16)


def test_the_heat_map_is_the_amplitude_where_the_component_is(image: np.ndarray) -> None:
    heat = component_map(image, PIXEL, *K)
    assert heat.shape == image.shape
    assert heat[60:200, 60:240].mean() == pytest.approx(20, rel=0.1)
    assert heat[320:450, 360:540].mean() < 2


def test_friedel_partners_give_the_same_heat_map(image: np.ndarray) -> None:
    there = component_map(image, PIXEL, *K, shape=(64, 75))
    back = component_map(image, PIXEL, -K[0], -K[1], shape=(64, 75))
    np.testing.assert_allclose(there, back, rtol=1e-4)


def test_the_inverse_transform_shows_the_fringes_and_nothing_else(image: np.ndarray) -> None:
    fringes = component_image(image, PIXEL, *K)
    y, x = (np.indices((512, 600)) + 0.5) * 0.03
    wanted = 20 * np.cos(2 * np.pi * (y + 4 * x))
    inner = np.s_[60:200, 60:240]
    assert np.abs(fringes[inner] - wanted[inner]).mean() < 4
    assert np.abs(fringes[320:450, 360:540]).mean() < 2


def test_a_spot_beyond_the_image_is_refused(image: np.ndarray) -> None:
    with pytest.raises(AnalysisError, match="beyond this image"):
        component_map(image, PIXEL, np.array([0.0]), np.array([20.0]))
    with pytest.raises(AnalysisError, match="one at least"):
        component_image(image, PIXEL, np.zeros(0), np.zeros(0))
