"""The correction of the pixel grid, and which one is applied."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.linalg import expm

from beamside.analysis.hrtem.applied import LEAST, USUAL, accuracy, chosen, sheared
from beamside.analysis.hrtem.correction import Correction, between, inverses, matrices, straightened


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(1)


def test_the_matrix_is_the_exponential_of_its_three_numbers(rng: np.random.Generator) -> None:
    for s, a, g in rng.uniform(-0.1, 0.1, (20, 3)):
        generator = [[s + a / 2, g / 2], [g / 2, s - a / 2]]
        assert np.allclose(matrices(np.array([s, a, g])), expm(np.array(generator)))


def test_straightened_k_is_the_inverse_matrix_times_k(rng: np.random.Generator) -> None:
    one = Correction(0.05, -0.04, 0.03)
    k = rng.standard_normal(30) + 1j * rng.standard_normal(30)
    y, x = np.linalg.inv(one.matrix) @ np.stack([k.imag, k.real])
    assert np.allclose(straightened(k, one.values), x + 1j * y)
    assert np.allclose(one.k(k), x + 1j * y)


def test_two_vectors_fix_the_correction_however_the_crystal_is_turned(
    rng: np.random.Generator,
) -> None:
    values = rng.uniform(-0.1, 0.1, (40, 3))
    k = rng.standard_normal((40, 2)) + 1j * rng.standard_normal((40, 2))
    true = straightened(k, values[:, None])
    turned = true * np.exp(1j * rng.uniform(0, 6, (40, 1)))
    assert np.allclose(between(k, turned), values)
    assert np.allclose(between(k, turned.conj()), values)


def test_a_positive_scale_means_that_pixels_are_larger_than_the_header_says() -> None:
    pixel = Correction(0.02, 0.01, 0.0).pixel((0.03, 0.03))
    assert pixel == pytest.approx((0.03 * np.exp(0.025), 0.03 * np.exp(0.015)))


def test_true_pixel_and_shear_together_are_the_whole_correction(rng: np.random.Generator) -> None:
    one = Correction(0.04, -0.05, 0.03)
    k = 4 * (rng.standard_normal(20) + 1j * rng.standard_normal(20))
    stretch = np.divide(one.pixel((1.0, 1.0)), 1.0)
    measured = k.real / stretch[1] + 1j * k.imag / stretch[0]
    assert np.allclose(sheared(measured, one), one.k(k))


def test_nothing_is_applied_unless_somebody_says_so() -> None:
    assert chosen("header", (0.02, 0, 0)).nothing
    assert chosen("accepted", (0.02, 0.01, 0)) == Correction(0.02, 0.01, 0)
    assert chosen((0.03, 0.0, 0.0)) == Correction(0.03, 0.0, 0.0)


def test_nothing_is_corrected_before_somebody_accepts_it() -> None:
    assert chosen("accepted") == Correction()
    assert chosen("header", (0.02, 0.01, 0)) == Correction()


def test_what_a_correction_leaves_is_as_it_was_said() -> None:
    assert accuracy("accepted").values == pytest.approx(3 * [USUAL])
    assert accuracy("accepted", (0.002, 0.005, 1e-5)).values == pytest.approx([0.002, 0.005, LEAST])
    assert accuracy((0.03, 0.0, 0.0)).values == pytest.approx(3 * [USUAL])
    assert accuracy((0.03, 0.0, 0.0, 0.004, 0.002, 0.002)).scale == pytest.approx(0.004)


@pytest.mark.parametrize("setting", ["self", (0.1, 0.2), (1.03, 0.0, 0.0), (np.nan, 0.0, 0.0)])
def test_a_setting_that_means_nothing_is_refused(setting: object) -> None:
    with pytest.raises(ValueError, match="calibration"):
        chosen(setting)  # type: ignore[arg-type]


def test_inverses_by_cofactors_are_inverses() -> None:
    draw = np.random.default_rng(0).normal(size=(50, 3, 3)) * (1, 30, 1000)
    precision = draw.transpose(0, 2, 1) @ draw
    back = inverses(precision) @ precision
    np.testing.assert_allclose(back, np.broadcast_to(np.eye(3), back.shape), atol=1e-4)
    np.testing.assert_allclose(inverses(precision), np.linalg.inv(precision), rtol=1e-6)
