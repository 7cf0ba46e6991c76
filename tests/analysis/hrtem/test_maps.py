"""Edges of the grains in the map, where the lens has carried fringes away from them."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from beamside.analysis.hrtem.mapper import PhaseMapper
from beamside.analysis.hrtem.maps import Grid, grain_map
from beamside.analysis.operators import Calibration

PIXEL = 0.03


def test_a_grain_ends_where_its_coarse_fringes_do_though_fine_ones_are_carried_off() -> None:
    """The fine fringes are the stronger ones, and lie in two discs about the grain."""
    y, x = (np.indices((640, 640)) + 0.5) * PIXEL
    draw = np.random.default_rng(0)
    film = ndimage.gaussian_filter(draw.normal(0, 300, y.shape), 2)
    image = 1000 + film + draw.normal(0, 30, y.shape)

    def disc(shift: float) -> np.ndarray:
        return np.asarray(np.hypot(y - 9.6, x - 9.6 - shift) < 3.5)

    image += 40 * disc(0) * np.cos(2 * np.pi * (3.0 * y + 1.5 * x))
    image += 40 * (disc(-1.4) | disc(1.4)) * np.cos(2 * np.pi * (1.0 * y + 6.5 * x))
    said = PhaseMapper()(image[None], Calibration((PIXEL, PIXEL)))
    at = np.ix_(*((said[axis].values / PIXEL).astype(int) for axis in "yx"))
    true, found = disc(0)[at], said["grain_map"].values[0] > 0
    assert (true & found).sum() > 0.75 * (true | found).sum()


def test_where_fringes_of_two_grains_are_seen_the_place_is_of_those_that_say_more() -> None:
    strength = np.zeros((2, 20, 20), np.float32)
    strength[0, :, :12], strength[1, :, 8:] = 1.0, 1.0
    inside, grid = np.ones((20, 20), bool), Grid((20, 20), (10.0, 10.0))
    for power, ends in ((np.array([400.0, 30.0]), 12), (np.array([30.0, 400.0]), 8)):
        middle = grain_map(strength, power, inside, grid)[10]
        assert (middle[:ends] == 1).all()
        assert (middle[ends:] == 2).all()
    strength[0, :, 8:12] = 0.3  # below half: the other one is alone there
    assert (grain_map(strength, np.array([400.0, 30.0]), inside, grid)[10, 8:] == 2).all()
