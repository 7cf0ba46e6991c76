from __future__ import annotations

import numpy as np
import pytest

from beamside.analysis.decisions.peak import NEAR, next_place, peak


def quality(x: np.ndarray | float, best: float, width: float) -> np.ndarray:
    return np.exp(-0.5 * ((np.asarray(x) - best) / width) ** 2)


@pytest.mark.parametrize("best", [-83.0, -31.4, 0.0, 12.5, 77.7])
@pytest.mark.parametrize("width", [20.0, 40.0, 60.0])
def test_the_maximum_is_found_with_few_looks(best: float, width: float) -> None:
    random = np.random.default_rng(int(best + width) + 100)
    places: list[float] = []
    values: list[float] = []
    while len(places) < 10:
        place = next_place(np.array(places), np.array(values), -100, 100, 2.0)
        if place is None:
            break
        places.append(place)
        values.append(float(quality(place, best, width)) + 0.001 * random.normal())
    reach = 1.5 * 200 / NEAR
    assert abs(peak(np.array(places), np.array(values), reach).place - best) < 2.0


def test_a_maximum_at_the_end_of_the_range_is_not_bracketed() -> None:
    places = np.linspace(0, 4, 5)
    found = peak(places, places**2)
    assert found.place == 4
    assert np.isinf(found.sigma)


def test_values_that_are_no_numbers_are_left_out() -> None:
    places = np.array([-2.0, -1, 0, 1, 2])
    values = np.array([np.nan, 0.5, 1.0, 0.5, 0.1])
    assert peak(places, values).place == pytest.approx(0, abs=0.2)


def test_nothing_measured_is_refused() -> None:
    with pytest.raises(ValueError, match="no place has a value"):
        peak(np.array([1.0]), np.array([np.nan]))
