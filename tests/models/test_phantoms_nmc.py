"""Generated slices: reproducible, labelled without gaps, as varied as promised."""

from __future__ import annotations

import numpy as np
import pytest

from beamside.models.normalise import normalised, percentiles
from beamside.models.phantoms.nmc import nmc_slice
from beamside.models.rays import closeness, star_distances


def make(seed: int, **given: float) -> tuple[np.ndarray, np.ndarray]:
    made = nmc_slice(np.random.default_rng(seed), (128, 160), **given)
    return made.image, made.labels


def test_the_same_seed_gives_the_same_slice_and_another_seed_another() -> None:
    (image, labels), (again, labels_again), (other, _) = make(1), make(1), make(2)
    np.testing.assert_array_equal(image, again)
    np.testing.assert_array_equal(labels, labels_again)
    assert not np.array_equal(image, other)


@pytest.mark.parametrize("seed", range(12))
def test_every_slice_is_finite_and_numbered_without_gaps(seed: int) -> None:
    image, labels = make(seed)
    assert image.shape == labels.shape == (128, 160)
    assert np.isfinite(image).all()
    assert image.std() > 0
    assert set(np.unique(labels)) == set(range(labels.max() + 1)) or labels.min() > 0


def test_sizes_and_fill_are_as_asked() -> None:
    few = [make(seed, diameter=30.0, fill=0.1)[1] for seed in range(8)]
    many = [make(seed, diameter=30.0, fill=0.8)[1] for seed in range(8)]
    covered = [np.mean([(labels > 0).mean() for labels in some]) for some in (few, many)]
    assert covered[0] < 0.3 < 0.45 < covered[1]
    whole = [n for labels in many for n in np.bincount(labels[:, 30:-30].ravel())[1:] if n > 300]
    assert 20 < 2 * np.sqrt(np.median(whole) / np.pi) < 42
    assert not make(1, diameter=30.0, fill=0.0)[1].any() or make(1, fill=0.0)[1].max() < 4


def test_particles_differ_from_their_surroundings_by_either_sign() -> None:
    signs = []
    for seed in range(12):
        image, labels = make(seed, diameter=40.0, fill=0.4)
        if 0.1 < (labels > 0).mean() < 0.9:
            signs.append(np.sign(np.median(image[labels > 0]) - np.median(image[labels == 0])))
    assert 1 <= signs.count(-1.0) < signs.count(1.0)


def test_a_single_pixel_is_a_slice_and_none_is_refused() -> None:
    assert nmc_slice(np.random.default_rng(1), (1, 1)).labels.shape == (1, 1)
    with pytest.raises(ValueError, match="at least one pixel"):
        nmc_slice(np.random.default_rng(1), (0, 5))


def test_rays_of_a_square_end_at_its_edge() -> None:
    labels = np.zeros((21, 21), np.int32)
    labels[5:16, 5:16] = 4
    dist = star_distances(labels, np.array([[10, 10], [0, 0], [10, 14]]), 8)
    np.testing.assert_allclose(dist[0, ::2], 5.5, atol=1e-5)
    np.testing.assert_allclose(dist[0, 1::2], 5.5 * np.sqrt(2), rtol=0.1)
    assert not dist[1].any()
    np.testing.assert_allclose(dist[2, [0, 4]], [1.5, 9.5], atol=1e-5)


def test_closeness_is_one_in_the_middle_of_each_particle_whatever_touches_it() -> None:
    labels = np.zeros((20, 40), np.int32)
    labels[3:16, 3:16], labels[3:16, 16:30] = 1, 2
    close = closeness(labels)
    assert close[9, 9] == close[9, 22] == 1.0
    assert close[9, 15] < 0.2
    assert close[9, 16] < 0.2
    assert not close[labels == 0].any()


@pytest.mark.parametrize("kind", [np.uint8, np.uint16, np.float32])
def test_percentiles_are_numpys(kind: type) -> None:
    image: np.ndarray = np.random.default_rng(1).integers(0, 200, (37, 53)).astype(kind)
    np.testing.assert_allclose(
        percentiles(image, (1, 50, 99.8)), np.percentile(image, (1, 50, 99.8)), rtol=1e-5
    )
    scaled = normalised(image)
    np.testing.assert_allclose(np.percentile(scaled, (1, 99.8)), [0, 1], atol=1e-5)
