"""Scoring the network on pictures and on the whole spectrum."""

from __future__ import annotations

import numpy as np
import pytest

from beamside.analysis.hrtem.crop import fourier_crop
from beamside.analysis.hrtem.network import network
from beamside.analysis.hrtem.score_network import (
    Match,
    best_threshold,
    dice,
    labelled,
    match,
    picture_logits,
    picture_of,
    segment,
    spots_of,
    whole,
)
from beamside.analysis.hrtem.tiles import Tiling
from beamside.analysis.hrtem.truth import Truth

SPOTS = [(n, "<f4") for n in ("grain", "kx_nm", "ky_nm", "d_nm", "snr_local", "snr")]


def no_image(spots: np.ndarray) -> Truth:
    blank = np.zeros((8, 8), int)
    return Truth(blank, blank, spots, (), (0.03, 0.03), (0.03, 0.03), None)


def test_spots_are_paired_one_to_one() -> None:
    true = np.array([[10.0, 10.0], [20.0, 20.0], [40.0, 40.0]])
    said = np.array([[10.5, 10.0], [11.0, 10.0], [20.0, 21.5], [50.0, 50.0]])
    found = match(said, true)
    assert found == Match(both=2, said=4, true=3)
    assert found.f1 == pytest.approx(4 / 7)
    assert (found + found).f1 == pytest.approx(4 / 7)


def test_the_direct_beam_counts_on_neither_side() -> None:
    mask = np.zeros((64, 64), bool)
    mask[31:34, 31:34] = True
    mask[10:12, 40:42] = True
    np.testing.assert_allclose(labelled(mask), [[10.5, 40.5]])
    assert len(spots_of(np.where(mask, 3.0, -3.0), 0.0)) == 4  # a plateau is not merged


def test_the_half_plane_is_mirrored_to_the_whole() -> None:
    power = np.abs(np.fft.fft2(np.random.default_rng(1).standard_normal((16, 16)))) ** 2
    full = whole(power[None, :, :9], (16, 16))[0]
    np.testing.assert_allclose(full[:, 1:], np.fft.fftshift(power)[:, 1:])


def test_a_fringe_is_found_in_a_picture_of_its_spectrum() -> None:
    rng = np.random.default_rng(4)
    y, x = np.mgrid[:256, :256]
    image = (
        100 + 10 * rng.standard_normal((256, 256)) + 4 * np.cos(2 * np.pi * (0.06 * x + 0.04 * y))
    )
    logits = picture_logits(picture_of(image, 64)[None], network())[0]
    place = np.array([[32 + 0.04 * 256, 32 + 0.06 * 256], [32 - 0.04 * 256, 32 - 0.06 * 256]])
    above, f1 = best_threshold([logits], [place])
    assert f1 == 1
    assert match(spots_of(logits, above), place) == Match(2, 2, 2)


def test_the_whole_spectrum_is_segmented_as_the_original_tool_did() -> None:
    rng = np.random.default_rng(5)
    y, x = np.mgrid[:512, :512] * 0.06
    image = rng.standard_normal((512, 512)) + 0.3 * np.cos(2 * np.pi * (3.0 * x + 2.0 * y))
    view = fourier_crop(image.astype(np.float32), (0.06, 0.06), 8.3)
    chance, cut = segment(view, (1.5, 8.3), network())
    spots = np.zeros(1, SPOTS)
    spots["kx_nm"], spots["ky_nm"], spots["snr"] = 3.0, 2.0, 1e3
    assert dice(chance > 0.5, cut, no_image(spots)) > 0.4
    assert chance.shape[0] == view.image.shape[0]


def test_dice_is_one_where_both_agree_and_undefined_without_spots() -> None:
    cut = Tiling((64, 64), (0.06, 0.06), (0,), (0,))
    spots = np.zeros(1, SPOTS)
    spots["kx_nm"], spots["ky_nm"], spots["snr"] = 10 * cut.step[1], 6 * cut.step[0], 100
    ky, kx = np.fft.fftfreq(64, 1 / 64)[:, None], np.arange(33)[None, :]
    said = np.hypot(ky - 6, kx - 10) <= 1.5
    assert dice(said, cut, no_image(spots)) == 1
    assert np.isnan(dice(np.zeros((64, 33), bool), cut, no_image(spots[:0])))
