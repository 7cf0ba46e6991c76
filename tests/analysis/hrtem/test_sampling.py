"""The windows for images without a pixel size follow what is seen in them."""

from __future__ import annotations

import numpy as np
import pytest

from beamside.analysis.hrtem.mapper import PhaseMapper
from beamside.analysis.hrtem.sampling import window_of
from beamside.analysis.operators import Calibration
from beamside.tests.analysis.hrtem.test_detection import fringes, noise

STEP = 0.1
RATE = 0.1


def lattice(period: float, size: int = 640) -> np.ndarray:
    """Noise, and three gratings of `period` px in one grain of a dozen periods."""
    image = noise((size, size), 5)
    for turn in (0.1, 1.2, 2.2):
        k = np.exp(1j * turn) / period / STEP
        centre, radius = (300 * STEP, 300 * STEP), 8 * period * STEP
        image += 2 * fringes((size, size), k.imag, k.real, centre, radius, (STEP, STEP))
    return image


@pytest.mark.parametrize(("period", "window"), [(5.0, 128), (25.0, 512)])
def test_windows_are_some_dozen_spacings_wide(period: float, window: float) -> None:
    assert window_of([lattice(period)], RATE) == window


def test_without_crystals_the_smallest_windows_are_taken() -> None:
    assert window_of([noise((300, 600), 6)], RATE) == 128


def test_small_images_have_no_choice() -> None:
    assert window_of([noise((200, 200), 6)], RATE) == 128


def test_waves_of_many_pixels_are_found_without_a_pixel_size() -> None:
    said = PhaseMapper()(lattice(25.0)[None], Calibration(None))
    assert said.sizes["spot"] == 3
    k = np.hypot(said["spot_ky"].values, said["spot_kx"].values)
    assert 1 / k == pytest.approx(25, rel=0.01)
    assert said["spot_grain"].values.tolist() == [0, 0, 0]
