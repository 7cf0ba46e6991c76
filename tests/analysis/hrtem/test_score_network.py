"""The network on the whole spectrum."""

from __future__ import annotations

import numpy as np

from beamside.analysis.hrtem.crop import fourier_crop
from beamside.analysis.hrtem.network import network
from beamside.analysis.hrtem.score_network import dice, segment
from beamside.analysis.hrtem.tiles import Tiling
from beamside.analysis.hrtem.truth import Truth

SPOTS = [(n, "<f4") for n in ("grain", "kx_nm", "ky_nm", "d_nm", "snr_local", "snr")]


def no_image(spots: np.ndarray) -> Truth:
    blank = np.zeros((8, 8), int)
    return Truth(blank, blank, spots, (), (0.03, 0.03), (0.03, 0.03), None)


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
