"""Previews keep values, whatever the image."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from beamside.analysis.preview import LEVELS, Preview, preview, quantise, shrink, window


def decoded(shown: Preview) -> np.ndarray:
    values = shown.offset + shown.scale * shown.pixels.astype(float)
    return np.where(shown.pixels == 0, np.nan, values)


@settings(max_examples=60, deadline=None)
@given(
    hnp.arrays(
        st.sampled_from([np.uint8, np.int16, np.uint32, np.float32, np.float64]),
        hnp.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=40),
    ),
    st.integers(1, 50),
)
def test_any_image_has_a_preview_of_the_right_size(image: np.ndarray, size: int) -> None:
    with np.errstate(over="ignore", invalid="ignore"):
        shown = preview(image, size)
    assert max(shown.pixels.shape) <= size
    assert shown.pixels.shape == tuple(-(-n // shown.step) for n in image.shape)
    assert shown.pixels.dtype == np.uint8
    assert np.isfinite([shown.low, shown.high]).all()


@settings(max_examples=40, deadline=None)
@given(hnp.arrays(np.float64, (9, 7), elements=st.floats(-1e6, 1e6, allow_subnormal=False)))
def test_values_come_back_within_half_a_step(image: np.ndarray) -> None:
    low, high = float(image.min()), float(image.max())
    codes, scale, offset = quantise(image, low, high)
    assert codes.min() >= 1
    error = np.abs(offset + scale * codes - image).max()
    assert error <= 0.5 * scale + 1e-6 * max(abs(low), abs(high))


def test_a_constant_image_keeps_its_value() -> None:
    shown = preview(np.full((5, 5), 42, "<u2"), 16)
    assert np.array_equal(decoded(shown), np.full((5, 5), 42.0))
    assert shown.low == shown.high == 42


def test_a_few_bright_pixels_on_a_flat_image_stay_bright() -> None:
    image = np.zeros((300, 300), "<u2")
    image[5, 7] = 1000
    shown = preview(image, 512)
    assert decoded(shown)[5, 7] == pytest.approx(1000, rel=0.01)
    assert decoded(shown)[0, 0] == 0


def test_pixels_without_value_stay_without_value() -> None:
    image = np.ones((4, 4))
    image[0, 0] = np.nan
    image[1, 1] = np.inf
    shown = preview(image, 16)
    assert np.isnan(decoded(shown)[[0, 1], [0, 1]]).all()
    assert decoded(shown)[3, 3] == 1
    empty = preview(np.full((4, 4), np.nan), 16)
    assert (empty.pixels == 0).all()
    assert (empty.low, empty.high) == (0, 1)


def test_means_leave_out_pixels_without_value() -> None:
    image = np.ones((4, 4), np.float32)
    image[0, 0] = np.nan
    image[2:, 2:] = np.nan
    small, step = shrink(image, 2)
    assert step == 2
    assert small[0].tolist() == [1, 1]
    assert np.isnan(small[1, 1])


def test_masked_pixels_of_wide_detectors_have_no_value() -> None:
    image = np.full((8, 8), 7, "<u4")
    image[2, 2] = 2**32 - 1
    shown = preview(image, 16)
    assert shown.pixels[2, 2] == 0
    assert decoded(shown)[0, 0] == 7
    assert shown.high == 7


def test_the_window_leaves_out_hot_pixels() -> None:
    rng = np.random.default_rng(5)
    image = rng.normal(100, 10, (1000, 1000))
    image[::100, ::100] = 60000
    low, high = window(image)
    assert 60 < low < 75
    assert 125 < high < 150


def test_complex_and_boolean_images_are_seen() -> None:
    assert preview(np.full((3, 3), 3 + 4j), 16).low == 5
    assert preview(np.eye(4, dtype=bool), 16).high == 1
    with pytest.raises(ValueError, match="two dimensions"):
        preview(np.zeros((2, 2, 2)), 16)


def test_values_are_given_as_they_are_when_asked_for() -> None:
    image = np.arange(16, dtype="<u2").reshape(4, 4)
    shown = preview(image, 16, quantised=False)
    assert shown.pixels.dtype == np.float32
    assert np.array_equal(shown.pixels, image)


@pytest.mark.parametrize("dtype", ["<u2", "<i2", "|u1", "|i1"])
def test_the_window_of_whole_numbers_is_that_of_their_percentiles(dtype: str) -> None:
    rng = np.random.default_rng(3)
    for shape in ((1, 2), (7, 5), (300, 700)):
        image = (rng.poisson(30, shape) - 20).astype(dtype)
        for percentiles in ((0.1, 99.9), (0, 100), (33.3, 50.01)):
            sample = image[:: max(1, shape[0] // 256), :: max(1, shape[1] // 256)]
            truth = np.percentile(sample.astype(float), percentiles)
            if truth[0] < truth[1]:
                assert window(image, percentiles) == tuple(truth)


@pytest.mark.parametrize("dtype", ["<u2", "<i4", "<f4", "<f8", ">u2"])
def test_codes_are_the_same_however_many_pixels_there_are(dtype: str) -> None:
    rng = np.random.default_rng(4)
    image = rng.normal(1000, 100, (500, 401)).astype(dtype)
    codes, scale, offset = quantise(image, 800, 1200)
    kind = np.float32 if image.dtype.itemsize <= (4 if image.dtype.kind == "f" else 2) else float
    levels = (image.astype(kind) - kind(800)) * kind(1 / scale)
    assert np.array_equal(codes, (np.clip(levels, 0, LEVELS) + kind(1.5)).astype(np.uint8))
    assert codes[::3, 5].tolist() == quantise(image[::3, 5:6], 800, 1200)[0][:, 0].tolist()
    assert offset == 800 - scale


def test_fine_codes_give_the_values_back_as_far_as_they_reach() -> None:
    rng = np.random.default_rng(5)
    image = rng.normal(100, 10, (64, 64)).astype("<f4")
    image[0, :3] = np.nan, 1e9, 300
    shown = preview(image, 64, fine=True, limits=(90, 110), beyond=250)
    assert shown.pixels.dtype == np.uint16
    values = decoded(shown)
    assert np.isnan(values[0, 0])
    assert values[0, 1] == pytest.approx(110 + 250 * 20)  # no further
    rest = np.abs(values - image)[1:]
    assert rest.max() <= shown.scale / 2 + 1e-3
    near = preview(image[1:], 64, fine=True, limits=(90, 110), beyond=250)
    assert near.scale < shown.scale / 50  # as far as there are values
    assert (near.low, near.high) == (90, 110)
