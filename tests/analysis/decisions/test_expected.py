from __future__ import annotations

import numpy as np
import pytest

from beamside.analysis.decisions import expected

RANDOM = np.random.default_rng(0)


def hills(at: np.ndarray) -> np.ndarray:
    return np.asarray(np.sin(at[:, 0] / 20) * np.cos(at[:, 1] / 15))


def test_what_is_expected_is_near_the_truth_and_sigma_says_how_near() -> None:
    places = RANDOM.random((120, 2)) * 100
    values = hills(places) + 0.05 * RANDOM.normal(size=120)
    at = RANDOM.random((500, 2)) * 100
    found = expected(places, values, at)
    error = found.mean - hills(at)
    assert np.sqrt(np.mean(error**2)) < 0.1
    assert 0.85 < np.mean(np.abs(error) < 2 * found.sigma) <= 1


def test_nobody_knows_what_is_far_away() -> None:
    places = RANDOM.random((60, 2)) * 50
    found = expected(places, hills(places), np.array([[25.0, 25.0], [400.0, 400.0]]))
    assert found.sigma[0] < 0.2 * found.sigma[1]


def test_values_that_are_no_numbers_and_equal_values_teach_what_they_can() -> None:
    places = RANDOM.random((9, 2))
    values = np.full(9, 3.0)
    values[4] = np.nan
    found = expected(places, values, places)
    assert np.allclose(found.mean, 3)
    assert np.all(found.sigma == 0)


def test_too_few_and_too_many_are_refused() -> None:
    for n in (2, 1001):
        with pytest.raises(ValueError, match="3 to 1000"):
            expected(np.zeros((n, 2)), np.zeros(n), np.zeros((1, 2)))
