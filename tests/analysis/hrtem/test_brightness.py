"""Strengths of spots, at the ends of what numbers can be."""

from __future__ import annotations

import numpy as np
import pytest

from beamside.analysis.hrtem.brightness import brightness
from beamside.analysis.hrtem.candidates import Sheets


@pytest.mark.parametrize("strength", [-20.0, 0.0, 20.0, 60.0])
def test_no_strength_is_too_odd_to_be_weighed(strength: float) -> None:
    spots = np.full((1, 3), strength)
    power = np.log(np.array([[1e-2, 1.0, 0.5]]))
    used, second = np.ones((1, 3), bool), np.zeros((1, 3), bool)
    k = np.array([[20.0, 3.0, 4.0]])
    sheets = Sheets(np.array([[0.0, -1.0, -np.inf]]), np.array([[3.0, 4.0, 0.0]]))
    said = brightness(spots, power, second, used, k, np.array([0]), sheets)
    assert not np.isnan(said).any()
