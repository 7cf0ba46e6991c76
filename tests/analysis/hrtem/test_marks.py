"""What is marked in pictures of spectra, and how right it is."""

from __future__ import annotations

import numpy as np
import pytest

from beamside.analysis.hrtem.marks import (
    NAME,
    VIEWS,
    labelled,
    picture_logits,
    spots_of,
    whole,
)
from beamside.analysis.hrtem.network import network
from beamside.analysis.hrtem.pictures import picture_of
from beamside.analysis.hrtem.score_pictures import (
    Match,
    best_threshold,
    interval,
    match,
    pixel_dice,
    report,
    symmetric,
)


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
    logits = picture_logits(picture_of(image, 64)[None], network(NAME))[0]
    place = np.array([[32 + 0.04 * 256, 32 + 0.06 * 256], [32 - 0.04 * 256, 32 - 0.06 * 256]])
    above, f1 = best_threshold([logits], [place])
    assert f1 == 1
    assert match(spots_of(logits, above), place) == Match(2, 2, 2)


def test_a_thick_spot_is_one_spot_at_its_middle() -> None:
    y, x = np.mgrid[:64, :64]
    logits = 6.0 - np.maximum(np.abs(y - 20.0), np.abs(x - 45.4)) * 4
    logits[21, 45] = logits[20, 45] + 1e-3
    np.testing.assert_allclose(spots_of(logits, 0.0), [[20.5, 45.4]], atol=0.5)


def test_every_view_undoes_itself_and_keeps_the_middle() -> None:
    for size in (8, 9):
        picture = np.random.default_rng(size).random((2, size, size))
        for view in VIEWS:
            np.testing.assert_array_equal(view(view(picture)), picture)
            middle = np.zeros_like(picture)
            middle[:, size // 2, size // 2] = 1
            np.testing.assert_array_equal(view(middle), middle)


def test_marks_on_one_half_alone_can_not_be_met_by_what_obeys_friedel() -> None:
    one = np.array([[20.0, 40.0]])
    np.testing.assert_allclose(symmetric(one, (64, 64)), [[20, 40], [44, 24]])
    logits = np.full((64, 64), -9.0)
    logits[20, 40] = logits[44, 24] = 9
    both = symmetric(one, (64, 64))
    assert report([logits], [both], 0.0)["f1"] == 1
    said = report([logits] * 3, [one] * 3, 0.0)
    assert said["f1"] == said["symmetric_f1"] == pytest.approx(2 / 3)
    assert said["f1_interval"] == pytest.approx({"low": 2 / 3, "high": 2 / 3})


def test_where_nothing_is_marked_there_is_nothing_to_tell() -> None:
    said = report([np.full((64, 64), -9.0)], [np.zeros((0, 2))], 0.0)
    told = (said["f1"], said["precision"], said["recall"], said["symmetric_f1"])
    assert told == (None, None, None, None)


def test_the_interval_is_wide_where_pictures_differ() -> None:
    found = interval([Match(2, 2, 2), Match(0, 2, 2)] * 5)
    assert found["low"] < 0.4 < 0.6 < found["high"]


def test_pixels_are_counted_as_the_program_of_the_data_does() -> None:
    mask = np.zeros((64, 64), bool)
    mask[31:34, 31:34] = mask[19:22, 39:42] = True
    place = np.array([[20.0, 40.0]])
    assert pixel_dice(place, mask) == 1
    assert pixel_dice(place + np.array([1, 0]), mask) == pytest.approx(15 / 18)
    assert pixel_dice(place[:0], mask) == pytest.approx(2 * 9 / 27)
