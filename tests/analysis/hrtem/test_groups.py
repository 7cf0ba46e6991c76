"""Groups of regions that cover the same place."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse

from beamside.analysis.hrtem import groups
from beamside.analysis.hrtem.detect import gathered
from beamside.analysis.hrtem.lens import Lens
from beamside.analysis.hrtem.regions import Regions


def discs(seed: int) -> sparse.csr_array:
    """Regions of a crowded field: a few about each place, of which some touch."""
    draw = np.random.default_rng(seed)
    y, x = np.indices((60, 60)).reshape(2, 1, -1)
    places = np.repeat(draw.uniform(0, 60, (30, 2)), 4, axis=0) + draw.normal(0, 1.2, (120, 2))
    radius = draw.uniform(2, 5, (120, 1))
    inside = np.hypot(y - places[:, :1], x - places[:, 1:]) < radius
    return sparse.csr_array(inside.astype(np.float32))


@pytest.mark.parametrize("seed", range(3))
def test_groups_do_not_depend_on_how_many_are_formed_at_once(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    mask = discs(seed)
    together = groups.group(mask)
    monkeypatch.setattr(groups, "PACK", 1)
    alone = groups.group(mask)
    assert np.array_equal(alone[:, None] == alone, together[:, None] == together)
    assert 10 < together.max() + 1 < 120


def test_what_covers_one_place_is_one_group_and_what_only_touches_is_not() -> None:
    mask = np.zeros((4, 40), np.float32)
    mask[0, :20] = mask[1, 1:21] = mask[2, 19:40] = mask[3, 20:40] = 1
    number = groups.group(sparse.csr_array(mask))
    assert number[0] == number[1] != number[2] == number[3]
    assert not len(groups.group(sparse.csr_array((0, 40), dtype=np.float32)))


def test_the_regions_of_a_grain_are_put_where_those_of_small_k_are() -> None:
    mask = np.zeros((3, 40), np.float32)
    mask[0, :20] = mask[1, 2:22] = mask[2, 24:40] = 1
    flat = np.ones(3)
    seen = Regions(
        np.arange(3),
        sparse.csr_array(mask),
        25 * flat,
        np.array([3.0, 5.0, 9.0]),
        flat,
        np.array([1.0, 2.0, 1.0]),
        flat,
    )
    lens = Lens((-60.0, 1.2, 0.0, 0.0), 7.0)
    one = gathered(seen, np.array([2.0, 6.0, 6.0]), lens)
    assert one.y == pytest.approx([3, 3, 9], abs=0.1)
    assert one.sigma_y == pytest.approx([1, 1, 1], abs=0.05)
    assert np.array_equal(gathered(seen, np.array([2.0, 2.5, 2.0]), lens).y, seen.y)
