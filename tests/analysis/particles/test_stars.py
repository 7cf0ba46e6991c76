"""From maps to particles: what the official package answers, and quicker.

`official.npz` was made with stardist 0.9.2 (`tests/models/official/make.py`): candidates on a noisy
generated slice and 250 stars at random, which of them its suppression keeps at three thresholds,
its drawing of the result, its distances along rays, and its scores.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from beamside.analysis.particles import greedy, suppression
from beamside.analysis.particles.drawing import draw
from beamside.analysis.particles.matching import overlaps, report, tallies
from beamside.analysis.particles.refinement import refined
from beamside.analysis.particles.selection import select
from beamside.analysis.particles.sizing import areas
from beamside.analysis.particles.stars import Maps, Stars, candidates
from beamside.models.phantoms.nmc import nmc_slice
from beamside.models.rays import closeness, star_distances

Arrays = dict[str, np.ndarray]


@pytest.fixture(scope="module")
def official() -> Iterator[Arrays]:
    with np.load(Path(__file__).with_name("official.npz")) as file:
        yield {name: file[name] for name in file.files}


def stars(arrays: Arrays, kind: str = "") -> Stars:
    points = arrays[f"{kind}points"].astype(np.float32)
    return Stars(points, arrays[f"{kind}dist"], arrays[f"{kind}prob"])


def ideal(seed: int, shape: tuple[int, int], diameter: float) -> tuple[Maps, np.ndarray]:
    """What a perfect network would say of a generated slice, and the truth."""
    made = nmc_slice(np.random.default_rng(seed), shape, diameter=diameter, fill=0.6)
    prob = closeness(made.labels)[::2, ::2]
    places = np.argwhere(np.ones(prob.shape, bool)) * 2
    dist = star_distances(made.labels, places, 16).reshape(*prob.shape, 16)
    ripple = np.random.default_rng(seed).uniform(-0.02, 0.02, prob.shape).astype(np.float32)
    return Maps(prob + ripple, np.maximum(dist, 1e-3), (2, 2), 1.0), made.labels


def agreement(one: np.ndarray, two: np.ndarray) -> float:
    return report(tallies(one, two))["ap0.5"] or 0.0


@pytest.mark.parametrize("kind", ["", "random_"])
def test_the_same_stars_are_kept_as_by_the_official_package(official: Arrays, kind: str) -> None:
    given = stars(official, kind)
    for tenths in (2, 4):
        kept = suppression.suppress(given, tenths / 10)
        expected = given.prob[official[f"{kind}kept_{tenths}"]]
        np.testing.assert_array_equal(np.sort(kept.prob), np.sort(expected))
        assert (np.diff(kept.prob) <= 0).all()


def test_where_outlines_cross_often_the_official_rounding_shows(official: Arrays) -> None:
    given = stars(official, "random_")
    kept = suppression.suppress(given, 0.6).prob
    expected = given.prob[official["random_kept_6"]]
    assert len(set(kept) ^ set(expected)) <= 8  # it rounds crossings to whole pixels


def test_stars_are_drawn_as_by_the_official_package(official: Arrays) -> None:
    kept = suppression.suppress(stars(official), 0.6)
    labels = draw(kept.corners(), official["labels"].shape)
    assert ((labels > 0) != (official["labels"] > 0)).mean() < 0.01
    assert report(tallies(official["labels"], labels))["ap0.9"] == 1.0


def test_rays_are_as_long_as_in_the_official_package(official: Arrays) -> None:
    rays = official["distances"].shape[1]
    dist = star_distances(official["true"].astype(np.int32), official["places"], rays)
    np.testing.assert_allclose(dist, official["distances"], atol=1e-4)


def test_scores_are_those_of_the_official_package(official: Arrays) -> None:
    said = report(tallies(official["true"], official["labels"]))
    expected = [said["ap0.5"], said["ap0.75"], said["ap0.9"]]
    np.testing.assert_allclose(np.array(expected, float), official["ap"], atol=1e-4)
    assert said["mean_iou"] == pytest.approx(float(official["mean_iou"]), abs=1e-3)


def test_shared_areas_of_squares_and_of_a_notched_square() -> None:
    square = np.array([[0, 0], [0, 4], [4, 4], [4, 0]], float)
    notched = np.array([[0, 0], [0, 4], [2, 2], [4, 0]], float)  # half of it: a triangle
    moves = np.array([[0, 0], [1, 2], [9, 9], [0, 0]], float)[:, None]
    first = np.stack([square, square, square, notched])
    second = np.stack([square] * 4) + moves
    np.testing.assert_allclose(np.abs(areas(first)), [16, 16, 16, 8])
    room = np.empty((2, 4, 4))
    aside = np.array(greedy.ASIDE)
    for one, two, area in zip(first, second, [16, 6, 0, 8], strict=True):
        assert greedy.shared(one, two + aside, *room) == pytest.approx(area, abs=0.01)
        assert greedy.shared(two, one + aside, *room) == pytest.approx(area, abs=0.01)


def test_discs_share_what_many_points_say() -> None:
    rng = np.random.default_rng(1)
    one, two, apart = rng.uniform(1, 3, 8), rng.uniform(1, 3, 8), rng.uniform(0, 7, 8)
    y, x = rng.uniform(-3, 3, (2, 400_000))
    within = np.hypot(y, x) < one[:, None]
    within &= np.hypot(y, x - apart[:, None]) < two[:, None]
    said = [greedy.lens(*sizes) for sizes in zip(apart, one, two, strict=True)]
    np.testing.assert_allclose(said, within.mean(axis=1) * 36, atol=0.15)


def test_the_quick_selection_agrees_with_every_candidate_looked_at() -> None:
    for seed, diameter in ((1, 24.0), (2, 50.0)):
        maps, true = ideal(seed, (160, 200), diameter)
        quick, exact = (select(maps, 0.4, 0.4, exact=exact) for exact in (False, True))
        drawn = [draw(one.corners(), true.shape) for one in (quick, exact)]
        assert agreement(*drawn) >= 0.98
        assert agreement(true, drawn[1]) >= 0.85  # slivers between particles are no stars


def test_five_thousand_particles_are_told_apart() -> None:
    y, x = np.mgrid[10:1010:14, 10:1010:14].reshape(2, -1)[:, :5000]
    points = np.stack([y, x], axis=1).astype(np.float32)
    twice = np.concatenate([points, points + 1])
    prob = np.linspace(1, 0.5, len(twice)).astype(np.float32)
    given = Stars(twice, np.full((len(twice), 16), 6, np.float32), prob)
    assert len(suppression.suppress(given, 0.4)) == 5000


def test_nothing_gives_nothing() -> None:
    maps = Maps(np.zeros((4, 5), np.float32), np.ones((4, 5, 8), np.float32), (2, 2), 0.5)
    assert len(select(maps, 0.5, 0.4)) == len(select(maps, 0.5, 0.4, exact=True)) == 0
    assert not draw(select(maps, 0.5, 0.4).corners(), (8, 10)).any()


def test_a_star_larger_than_the_image_covers_it() -> None:
    big = Stars(np.array([[5, 5]], np.float32), np.full((1, 16), 500, np.float32), np.ones(1))
    assert (draw(big.corners(), (20, 30)) == 1).all()


def test_offsets_lead_to_the_centroid() -> None:
    labels = np.zeros((60, 80), np.int32)
    y, x = np.mgrid[:60, :80]
    labels[((y - 30) / 20) ** 2 + ((x - 45) / 26) ** 2 < 1] = 1
    places = np.array([[30, 45], [24, 56], [38, 30]])
    dist = star_distances(labels, places, 64)
    maps = Maps(np.ones((1, 3), np.float32), dist[None], (1, 1), 1.0)
    np.testing.assert_allclose(places + maps.offsets()[0], [[30, 45]] * 3, atol=0.7)


def test_places_near_an_edge_correct_it() -> None:
    y, x = np.mgrid[:40, :50] * 2
    labels = (np.hypot(y - 40, x - 50) < 30).astype(np.int32)
    places = np.stack([y, x], axis=-1).reshape(-1, 2)
    big = np.zeros((80, 100), np.int32)
    big[np.hypot(*(np.mgrid[:80, :100] - np.array([40, 50])[:, None, None])) < 30] = 1
    true = star_distances(big, places, 32)
    error = np.random.default_rng(1).normal(
        0, 0.15, true.shape
    )  # of a far edge more than of a near
    dist = np.maximum(true * (1 + error), 1).astype(np.float32).reshape(40, 50, 32)
    maps = Maps(labels * np.float32(0.9), dist, (2, 2), 1.0)
    one = Stars(np.array([[40, 50]], np.float32), dist[20, 25][None], np.ones(1, np.float32))
    before, after = (np.abs(s.dist - true[20 * 50 + 25]).mean() for s in (one, refined(one, maps)))
    assert after < 0.4 * before
    assert len(refined(one.keep(np.zeros(0, int)), maps)) == 0
    alone = Maps(np.zeros((40, 50), np.float32), dist, (2, 2), 1.0)
    np.testing.assert_array_equal(refined(one, alone).dist, one.dist)


def test_candidates_keep_away_from_the_edge_and_come_in_order() -> None:
    prob = np.random.default_rng(1).random((20, 30)).astype(np.float32)
    maps = Maps(prob, np.ones((20, 30, 8), np.float32), (2, 4), 1.0)
    found = candidates(maps, 0.3)
    assert found.points.min(axis=0).tolist() == [4, 8]
    assert found.points.max(axis=0).tolist() == [34, 108]
    assert (np.diff(found.prob) <= 0).all()
    assert 0 < len(candidates(maps, 0.3, reduced=True)) < len(found) / 4
    padded = candidates(replace(maps, block=(16, 124)), 0.3)  # four and one places were added
    assert padded.points.max(axis=0).tolist() == [38, 112]


def test_ignored_predictions_are_excused_and_invalid_places_not_looked_at() -> None:
    true = np.zeros((40, 40), int)
    true[5:15, 5:15] = 7
    said = true.copy()
    said[25:35, 25:35] = 3
    ignore = np.zeros(true.shape, bool)
    ignore[25:30, 25:40] = True  # half of the prediction
    assert report(tallies(true, said))["ap0.5"] == 0.5
    assert report(tallies(true, said, ignore))["ap_ignoring0.5"] == 1.0
    assert report(tallies(true, said, ignore))["ap0.5"] == 0.5
    assert report(tallies(true, said, valid=~(said == 3)))["ap0.5"] == 1.0
    pairs = overlaps(true, said)
    assert list(zip(pairs.true, pairs.said, pairs.iou, strict=True)) == [(0, 1, 1.0)]
    assert pairs.true_area.tolist() == [100]
    assert pairs.said_area.tolist() == [100, 100]


def test_two_predictions_of_one_particle_count_once() -> None:
    true = np.ones((10, 10), int)
    said = np.ones((10, 10), int)
    said[:, 6:] = 2
    told = report(tallies(true, said))
    assert told["recall"] == 1.0
    assert told["precision"] == 0.5
    assert told["ap0.75"] == 0.0


def test_nothing_to_count_is_none() -> None:
    empty = np.zeros((5, 5), int)
    assert report(tallies(empty, empty))["ap0.5"] is None
    assert report(tallies(np.ones((5, 5), int), empty))["recall"] == 0.0
