"""Generated spectra: the same for the same seed, and their labels are where the spots are."""

from __future__ import annotations

import numpy as np
import pytest

from beamside.models.inputs import (
    CHANNELS,
    MARGIN,
    encode,
    encode_pictures,
    fold,
    from_display,
    unfold,
)
from beamside.models.phantoms.fields import field
from beamside.models.phantoms.labels import Rule, labelled
from beamside.models.phantoms.shown import VISIBLE, marked, surroundings
from beamside.models.phantoms.spectra import Samples, displays, tiles


def rng(seed: int = 1) -> np.random.Generator:
    return np.random.default_rng(seed)


@pytest.mark.parametrize("make", [tiles, displays, marked])
def test_the_same_seed_gives_the_same_spectra(make: object) -> None:
    one, same, other = (make(rng(seed), 3) for seed in (4, 4, 5))  # type: ignore[operator]
    for name in Samples.__slots__:
        np.testing.assert_array_equal(getattr(one, name), getattr(same, name))
    assert not np.array_equal(one.inputs, other.inputs)


def test_tiles_and_pictures_have_the_shapes_that_the_network_takes() -> None:
    cut, shown, seen = tiles(rng(), 2, of_each=3), displays(rng(), 2), marked(rng(), 2)
    assert cut.inputs.shape == (6, CHANNELS, 128, 72)
    assert shown.inputs.shape == seen.inputs.shape == (2, CHANNELS, 64, 40)
    for samples in (cut, shown, seen):
        assert samples.inputs.dtype == np.float32
        assert np.isfinite(samples.inputs).all()
        assert samples.target.shape == samples.weight.shape == samples.inputs[:, 0].shape
        assert set(np.unique(samples.target)) <= {0, 1}


def test_labelled_spots_stand_out_and_the_rest_is_noise() -> None:
    samples = tiles(rng(2), 25)
    z = np.exp(samples.inputs[:, 0])
    spots, rest = samples.target > 0, (samples.weight > 0) & (samples.target == 0)
    assert spots.sum() > 100
    assert np.median(z[spots]) > 7
    assert 0.9 < np.median(z[rest]) / np.log(2) < 1.1
    assert np.mean(z[rest] > 7) < 0.02


def test_nothing_is_asked_where_the_power_is_not_known() -> None:
    samples = tiles(rng(3), 2)
    corner = samples.weight[:, :8, -8:]
    assert not corner.any()


def test_fields_have_noise_of_the_power_that_their_lens_says() -> None:
    for seed in range(40):
        one = field(rng(seed), 128)
        if not len(one.fringes):
            power = np.abs(np.fft.rfft2(one.image - one.image.mean())) ** 2 / one.image.size
            ky, kx = np.fft.fftfreq(128)[32:50, None], np.fft.rfftfreq(128)[None, 20:50]
            expected = one.lens.film_power(ky, kx) + one.lens.shot(ky, kx)
            ratio = np.median(power[32:50, 20:50] / expected) / np.log(2)
            assert 0.5 < ratio < 1.3
            return
    pytest.fail("no field without crystals in 40")


def test_what_the_network_sees_is_the_half_plane_with_its_friedel_margin() -> None:
    power = np.abs(np.fft.fft2(rng().standard_normal((16, 16)))) ** 2
    seen = unfold(power[None, :, :9])[0]
    whole = np.fft.fftshift(power)
    np.testing.assert_allclose(seen[:, MARGIN : MARGIN + 8], whole[:, 8:])
    np.testing.assert_allclose(seen[:, 1:MARGIN], whole[:, 1:8])
    np.testing.assert_array_equal(fold(seen[None], (16, 9))[0], power[:, :9])


def test_neighbours_are_the_eight_tiles_around() -> None:
    z = rng().exponential(size=(12, 16, 9)).astype(np.float32)
    seen = encode(z, (3, 4))
    around = z.reshape(3, 4, 16, 9)[[0, 0, 1, 2, 2], [0, 1, 1, 0, 1]]  # of the tile (1, 0)
    np.testing.assert_allclose(fold(seen[:, 1], (16, 9))[4], np.log(around.mean(0)), rtol=1e-5)
    np.testing.assert_allclose(fold(seen[:, 2], (16, 9))[4], np.log(around.max(0)), rtol=1e-5)
    np.testing.assert_array_equal(encode(z, (3, 4), np.array([4])), seen[4:5])


def test_a_picture_of_noise_gives_back_the_statistics_of_noise() -> None:
    amplitude = np.abs(np.fft.fftshift(np.fft.fft2(rng().standard_normal((20, 64, 64)))))
    picture = np.rint(25 * np.log1p(amplitude)).astype(np.uint8)
    z = from_display(picture)
    known = z[z > 0]
    assert abs(np.median(known) / np.log(2) - 1) < 0.15
    assert abs(known.mean() - 1) < 0.15


def test_what_a_person_would_mark_stands_out_of_its_surroundings() -> None:
    samples = marked(rng(7), 40)
    spots, rest = samples.target > 0, (samples.weight > 0) & (samples.target == 0)
    assert spots.sum() > 50
    contrast = samples.inputs[:, 2]
    # The centres are bright; their edges are part of the spots too.
    assert np.median(contrast[spots]) > np.quantile(contrast[rest], 0.99)


def test_a_streak_is_the_surroundings_of_what_lies_on_it() -> None:
    z = np.ones((1, 64, 32), np.float32)
    z[0, :, 10:13] = 20
    level = surroundings(z)[0]
    assert level[20, 25] == pytest.approx(1 / np.log(2), rel=1e-5)
    assert level[20, 11] >= level[20, 25]
    assert (surroundings(np.zeros_like(z)) == 1).all()


def test_a_spot_that_its_surroundings_hide_is_not_asked_about() -> None:
    z = np.ones((1, 64, 32), np.float32)
    z[0, 10, 8] = 40
    inputs = np.zeros((1, CHANNELS, 64, 40), np.float32)
    spots, rule = [np.array([[10.0, 8.0, 30.0]])], Rule(8, 4, VISIBLE, missed=10)
    seen = labelled(inputs, z, spots, rule, clear=z)
    assert seen.target[0, 42, 8 + MARGIN] == 1
    hidden = labelled(inputs, z, spots, rule, clear=z / 4)
    assert not hidden.target.any()
    assert hidden.weight[0, 42, 8 + MARGIN] == 0
    missed = labelled(inputs, np.minimum(z, 5), spots, rule, clear=z)
    assert missed.weight[0, 42, 8 + MARGIN] == 1


def test_a_picture_shows_itself_and_its_contrast_to_the_network() -> None:
    picture = np.full((1, 64, 64), 50, np.uint8)
    picture[0, 32 + 9, 32 + 5] = picture[0, 32 - 9, 32 - 5] = 250
    seen = encode_pictures(picture)[0]
    assert seen.shape == (CHANNELS, 64, 40)
    assert seen[1, 32 + 9, MARGIN + 5] == pytest.approx(2.5)
    assert seen[1, 32, MARGIN + 20] == pytest.approx(0.5)
    assert seen[2, 32 + 9, MARGIN + 5] == pytest.approx(200 / 30)
    assert seen[2, 32, MARGIN + 20] == 0
