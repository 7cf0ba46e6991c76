"""Shares of the specimen's area and what they may be wrong by."""

from __future__ import annotations

import numpy as np
import pytest

from beamside.analysis.hrtem.fractions import MISSED, boundary, fractions
from beamside.analysis.hrtem.maps import Grid

GRID = Grid((100, 120), (50.0, 60.0))


@pytest.fixture
def discs() -> np.ndarray:
    """Two discs of 6 nm radius."""
    y, x = (np.indices(GRID.shape) + 0.5) * 0.5
    numbers = np.where(np.hypot(y - 15, x - 15) < 6, 1, 0)
    return np.where(np.hypot(y - 35, x - 40) < 6, 2, numbers).astype(np.int16)


def test_each_grain_counts_by_its_posterior_and_vacuum_does_not(discs: np.ndarray) -> None:
    inside = np.ones(GRID.shape, bool)
    inside[:, 100:] = False
    said = fractions(discs, inside, np.array([[1.0, 0.0], [0.25, 0.5]]), GRID, 0.3)
    disc = np.pi * 36 / (50 * 50)
    np.testing.assert_allclose(said.phases, [1.25 * disc, 0.5 * disc], rtol=0.02)
    assert said.crystalline == pytest.approx(2 * disc, rel=0.02)
    assert said.specimen == pytest.approx(2500)


def test_the_length_of_a_boundary_is_that_of_a_circle(discs: np.ndarray) -> None:
    np.testing.assert_allclose(boundary(discs, 2, GRID), 2 * np.pi * 6, rtol=0.06)


def test_the_doubt_is_that_of_phases_of_edges_and_of_what_was_missed(discs: np.ndarray) -> None:
    inside = np.ones(GRID.shape, bool)
    sure = fractions(discs, inside, np.array([[1.0, 0.0], [1.0, 0.0]]), GRID, 0.3)
    edges = 0.3 * 2 * 2 * np.pi * 6 / 3000
    missed = np.sqrt(MISSED / 2) * sure.crystalline
    assert sure.sigma == pytest.approx([np.hypot(edges, missed), missed], rel=0.06)
    assert sure.crystalline_sigma == pytest.approx(edges, rel=0.06)
    doubtful = fractions(discs, inside, np.array([[0.5], [0.5]]), GRID, 0.3)
    drawn = np.random.default_rng(0).random((20000, 2)) < 0.5
    spread = (drawn * np.pi * 36 / 3000).sum(axis=1).std()
    assert doubtful.sigma[0] == pytest.approx(
        np.sqrt(spread**2 + edges**2 / 4 + missed**2), rel=0.05
    )


def test_in_a_single_crystal_there_is_no_room_for_others() -> None:
    whole = np.ones(GRID.shape, np.int16)
    said = fractions(whole, whole > 0, np.array([[1.0, 0.0]]), GRID, 0.3)
    np.testing.assert_allclose([said.phases, said.sigma], [[1, 0], [0, 0]], atol=1e-9)


def test_a_frame_of_vacuum_has_no_fraction() -> None:
    said = fractions(
        np.zeros(GRID.shape, np.int16), np.zeros(GRID.shape, bool), np.zeros((0, 3)), GRID, 0.3
    )
    assert not said.phases.any()
    assert said.crystalline == said.specimen == 0
