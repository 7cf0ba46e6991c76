from __future__ import annotations

import numpy as np
import pytest

from beamside.analysis.particles.oddities import between, odd_slices
from beamside.tests.analysis.particles.cut import packed


@pytest.fixture
def grey() -> np.ndarray:
    labels = packed(seed=2, fill=0.3, side=40, radius=9)
    noise = np.random.default_rng(0).normal(0, 8, labels.shape)
    return np.asarray(np.clip(np.where(labels > 0, 150, 60) + noise, 0, 255), np.uint8)


def test_slices_that_do_not_belong_are_named_and_others_are_not(grey: np.ndarray) -> None:
    assert odd_slices(grey) == {}
    grey[10] = 60
    grey[15], grey[16] = 255 - grey[15], 255 - grey[16]
    grey[25] = 255
    grey[30] = grey[30] // 4
    grey[20] = np.random.default_rng(1).integers(0, 255, grey[20].shape)
    found = odd_slices(grey, missing=[11, 26])
    assert {n: why.split()[0] for n, why in found.items()} == {
        10: "blank:", 15: "inverted:", 16: "inverted:", 20: "it", 25: "blank:", 30: "much",
    }  # fmt: skip


def test_blank_ends_and_volumes_of_nothing_are_no_oddity(grey: np.ndarray) -> None:
    grey[:6], grey[-1] = 60, 255
    assert odd_slices(grey) == {}
    assert odd_slices(np.random.default_rng(0).normal(0, 1, (20, 16, 16))) == {}
    assert odd_slices(np.full((9, 4, 300), np.nan)) == {}


def test_bad_slices_become_the_way_between_good_ones() -> None:
    values = np.repeat(np.array([0, 9, 9, 30, 5], np.uint8), 4).reshape(5, 2, 2)
    told = {n: image[0, 0] for n, image in between(values, [1, 2, 4])}
    assert told == {1: 10, 2: 20, 4: 30}
    assert dict(between(values, range(5))) == {}
