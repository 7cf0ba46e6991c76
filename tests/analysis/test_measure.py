"""Numbers read off images whose numbers are known."""

from __future__ import annotations

import numpy as np
import pytest

from beamside.analysis.measure import Box, profile, statistics


def test_masked_and_infinite_pixels_do_not_count() -> None:
    image = np.full((4, 4), 7, "<u4")
    image[0, 0] = np.iinfo("<u4").max
    assert statistics(image, Box(0, 0, 4, 4)).count == 15
    assert statistics(image, Box(0, 0, 4, 4)).max == 7
    empty = statistics(np.full((2, 2), np.inf), Box(0, 0, 2, 2))
    assert empty.count == 0
    assert np.isnan(empty.mean)


def test_a_slanted_line_over_a_ramp_is_a_ramp() -> None:
    y, x = np.mgrid[:50, :50].astype(float)
    found = profile(3 * y + 2 * x, (5.5, 3.25, 40.0, 30.5), width=5)
    true = 3 * (5.5 + 34.5 * found.along) + 2 * (3.25 + 27.25 * found.along)
    assert found.values == pytest.approx(true)
    assert len(found.values) == 45


def test_a_line_of_no_length_and_a_line_beside_the_image() -> None:
    image = np.ones((3, 3))
    assert profile(image, (1, 1, 1, 1)).values.tolist() == [1, 1]
    assert np.isnan(profile(image, (9, 9, 12, 9)).values).all()
    with pytest.raises(ValueError, match="no pixel"):
        Box(5, 5, 9, 9).within((3, 3))
