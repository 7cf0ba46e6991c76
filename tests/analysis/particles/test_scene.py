"""A volume seen from outside: what is in front is seen, light falls from above."""

from __future__ import annotations

import numpy as np
import pytest

from beamside.analysis.particles.scene import Scene

pytest.importorskip("numba")


def balls(*places: tuple[int, int, int], radius: int = 5) -> np.ndarray:
    z, y, x = np.indices((40, 40, 40))
    labels = np.zeros(z.shape, np.int32)
    for number, (a, b, c) in enumerate(places, 1):
        labels[(z - a) ** 2 + (y - b) ** 2 + (x - c) ** 2 <= radius**2] = number
    return labels


def test_the_nearer_particle_hides_the_one_behind_it() -> None:
    labels = balls((20, 8, 20), (20, 32, 20))
    look = Scene(azimuth=0, elevation=0, pixels=80, opened=False)
    seen = look(labels)["seen"].values
    assert set(np.unique(seen)) == {0, 1}
    behind = Scene(azimuth=180, elevation=0, pixels=80, opened=False)(labels)["seen"].values
    assert set(np.unique(behind)) == {0, 2}


def test_a_ball_has_its_size_in_the_picture_and_is_brightest_above() -> None:
    said = Scene(azimuth=0, elevation=0, pixels=80, opened=False)(balls((20, 20, 20), radius=10))
    seen, shade = said["seen"].values > 0, said["shade"].values
    assert seen.sum() == pytest.approx(np.pi * 20**2, rel=0.05), "2 points for a cell"
    rows = np.flatnonzero(seen.any(axis=1))
    middle = rows.mean()
    upper, lower = (
        shade[: int(middle)][seen[: int(middle)]],
        shade[int(middle) :][seen[int(middle) :]],
    )
    assert upper.mean() > 1.3 * lower.mean()
    assert shade[~seen].max() == 0


def test_voxels_that_are_no_cubes_are_seen_in_their_proportions() -> None:
    look = Scene(azimuth=0, elevation=0, pixels=80, opened=False)
    seen = look(balls((20, 20, 20), radius=10), (2.0, 1.0, 1.0))["seen"].values > 0
    rows, columns = (np.ptp(np.flatnonzero(seen.any(axis=axis))) for axis in (1, 0))
    assert rows == pytest.approx(2 * columns, rel=0.1)


def test_the_nearest_corner_can_be_cut_out() -> None:
    labels = np.ones((24, 24, 24), np.int32)
    labels[6:18, 6:18, 6:18] = 2
    whole, opened = (Scene(pixels=60, opened=cut)(labels)["seen"].values for cut in (False, True))
    assert 2 not in whole
    assert (opened == 2).sum() > 50
    assert ((whole > 0) == (opened > 0)).mean() > 0.97, "the outline stays"


def test_nothing_is_seen_of_nothing() -> None:
    said = Scene(pixels=40)(np.zeros((5, 6, 7), np.int32))
    assert not said["seen"].values.any()
    assert not said["shade"].values.any()
