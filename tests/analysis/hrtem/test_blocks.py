"""What is computed in pieces that fit a cache is what it would be at once."""

from __future__ import annotations

import numpy as np
import pytest

from beamside.analysis.hrtem import boxes, maps, pixels, refine
from beamside.analysis.hrtem.crop import fourier_crop
from beamside.analysis.hrtem.envelopes import envelopes, envelopes_within, fringes, plane
from beamside.analysis.hrtem.regions import Regions, bounds, regions
from beamside.analysis.hrtem.spectrum import power_spectrum
from beamside.analysis.hrtem.tiles import hann, tile_power, tiling

PIXEL = (0.03, 0.031)


def noise(shape: tuple[int, int], seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(100, 10, shape).astype(np.float32)


def test_the_survey_of_the_pixels_is_theirs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pixels, "BLOCK", 1000)
    image = np.minimum(noise((333, 210)), 115)
    seen = pixels._survey(image)
    assert (seen.low, seen.top) == (image.min(), image.max())
    assert seen.clipped == (image == image.max()).sum() > 100
    np.testing.assert_allclose(seen.rows, image.mean(axis=1), rtol=1e-6)
    np.testing.assert_allclose(seen.columns, image.mean(axis=0), rtol=1e-6)


def test_the_power_spectrum_is_that_of_the_windowed_image() -> None:
    view = fourier_crop(noise((300, 260)), PIXEL, 8.3)
    ny, nx = view.image.shape
    windowed = view.image * hann(ny)[:, None] * hann(nx)
    wanted = np.abs(np.fft.rfft2(windowed.astype(float))) ** 2 / view.image.size
    np.testing.assert_allclose(power_spectrum(view) * view.image.size, wanted, rtol=1e-3, atol=1e-3)


def test_the_power_of_a_tile_is_that_of_its_windowed_pixels() -> None:
    view = fourier_crop(noise((400, 400)), PIXEL, 8.3)
    cut = tiling(view, 3.1)
    ny, nx = cut.shape
    power = tile_power(view.image, cut, nx // 2 + 1)
    top, left = cut.rows[2], cut.columns[1]
    tile = view.image[top : top + ny, left : left + nx] * hann(ny)[:, None] * hann(nx)
    wanted = np.abs(np.fft.rfft2(tile.astype(float))) ** 2 / (ny * nx)
    np.testing.assert_allclose(power[2 * cut.grid[1] + 1], wanted, rtol=1e-3, atol=1e-3)


def test_sums_over_blocks_are_the_waves_times_the_pixels() -> None:
    view = fourier_crop(noise((400, 360)), PIXEL, 8.3)
    place, lengths = (np.array([5.1, 0.4]), np.array([4.2, 9.9])), (np.array([3.0, 2.2]),) * 2
    k = (np.array([2.5, -3.1]), np.array([3.3, 4.0]))
    y, x = (refine._axis(view, n, place[n], lengths[n], k[n]) for n in (0, 1))
    total = refine._sums(view.image, y, x).sum(axis=(1, 2))
    for n in range(2):
        waves = y.wave[n].ravel(), x.wave[n].ravel()
        part = view.image[y.first[n] :, x.first[n] :][: len(waves[0]), : len(waves[1])]
        along_y, along_x = (v[:many] for v, many in zip(waves, part.shape, strict=True))
        wanted = along_y.astype(complex) @ part @ along_x
        assert abs(total[n] - wanted) < 1e-5 * np.abs(part).sum()


def test_envelopes_within_boxes_are_those_of_the_plane() -> None:
    source = plane(fourier_crop(noise((300, 260)), PIXEL, 8.3), 0.3, 0.6)
    ky, kx = np.array([2.5, -3.1, 0.3]), np.array([3.3, 4.0, 0.1])
    boxes = [(slice(2, 9), slice(0, 30)), (slice(5, 6), slice(3, 8)), (slice(0, 200), slice(4, 9))]
    whole = envelopes(source, ky, kx)
    for power, full, box in zip(envelopes_within(source, ky, kx, boxes), whole, boxes, strict=True):
        np.testing.assert_allclose(power, full[box], rtol=1e-3, atol=1e-4 * full.max())


def test_an_envelope_goes_on_periodically_beyond_the_plane() -> None:
    source = plane(fourier_crop(noise((300, 260)), PIXEL, 8.3), 0.3, 0.6)
    ky, kx = np.array([2.5]), np.array([3.3])
    whole = envelopes(source, ky, kx)[0]
    all_of_it = (slice(0, whole.shape[0]), slice(0, whole.shape[1]))
    wide = fringes(source, ky, kx).power(0, all_of_it, 1)
    np.testing.assert_allclose(wide, np.pad(whole, 1, mode="wrap"), atol=1e-4 * whole.max())


def test_regions_cut_in_boxes_are_those_of_the_whole_plane(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(3)
    y, x = np.indices((60, 70))
    power = rng.exponential(0.2, (4, 60, 70)).astype(np.float32)
    power[0] += 40 * np.exp(-((y - 8) ** 2 + (x - 9) ** 2) / 30)
    power[1] += 200 * np.exp(-((y - 30) ** 2 + (x - 20) ** 2) / 30)  # and a weaker one beside it
    power[1] += 40 * np.exp(-((y - 30) ** 2 + (x - 39) ** 2) / 30)
    power[2] += 60 * np.exp(-((y - 58) ** 2) / 9)  # longer than any box
    support = boxes.seen_at(
        np.array([0, 1, 1, 2, 3]),
        (np.array([8.0, 30, 30, 58, 20]), np.array([9.0, 20, 39, 40, 20])),
        np.full(5, 5.0),
        (60, 70),
        (1.0, 1.0),
    )
    wide = np.pad(power, ((0, 0), (1, 1), (1, 1)), mode="wrap")
    asked: list[int] = []

    def within(row: int, box: tuple[slice, slice]) -> np.ndarray:
        asked.append(box[0].stop - box[0].start)
        return wide[row, box[0].start : box[0].stop + 2, box[1].start : box[1].stop + 2]

    def cut() -> Regions:
        return regions(within, np.ones(4), support, (1.0, 1.0))

    in_boxes = cut()
    assert min(asked) == 32 < max(asked)
    monkeypatch.setattr(boxes, "STEP", 70)
    whole = cut()
    assert whole.component.tolist() == in_boxes.component.tolist() == [0, 1, 2, 1]
    assert (whole.mask != in_boxes.mask).nnz == 0
    for name in ("peak", "y", "x", "sigma_y", "sigma_x"):
        np.testing.assert_allclose(getattr(whole, name), getattr(in_boxes, name), rtol=1e-6)


def test_bounds_hold_places_and_margin_and_end_with_the_plane() -> None:
    places = np.ravel_multi_index(([1, 4], [7, 2]), (10, 8))
    assert bounds(places, (10, 8)) == (slice(1, 5), slice(2, 8))
    box = bounds(places, (10, 8), 2)
    assert np.zeros((10, 8))[box].shape == (7, 8)


def test_a_wider_mask_has_what_is_some_steps_away() -> None:
    mask = np.zeros((5, 6), bool)
    mask[0, 4] = True
    assert maps._wider(mask, 1).sum() == 4
    y, x = np.indices(mask.shape)
    assert np.array_equal(maps._wider(mask, 2), y + np.abs(x - 4) <= 2)
