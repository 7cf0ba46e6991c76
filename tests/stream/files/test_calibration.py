"""Header, user, or nothing: who says what a pixel measures."""

from __future__ import annotations

from pathlib import Path

import pytest

from beamside.stream.errors import FileError
from beamside.stream.files.calibration import PixelSize, Scale, pixel_calibration

PATH = Path("a.dm4")


def scale(value: float, unit: str) -> Scale:
    return Scale((value, 2 * value), (unit, unit), "DM tags")


def test_the_header_is_believed_where_its_unit_is_known() -> None:
    found = pixel_calibration(PATH, scale(20.0, "pm"), None)
    assert found["pixel_size_nm"] == pytest.approx([0.02, 0.04])
    assert found["origin"] == "header (DM tags)"


@pytest.mark.parametrize("unit", ["", "furlong", "1/nm", "s"])
def test_a_value_in_an_unknown_unit_is_refused_and_not_guessed(unit: str) -> None:
    with pytest.raises(FileError) as error:
        pixel_calibration(PATH, scale(8.0, unit), None)
    for part in ("a.dm4", "8", repr(unit), "--pixel-size"):
        assert part in str(error.value)


@pytest.mark.parametrize(
    ("value", "unit"), [(float("nan"), "nm"), (-1.0, "nm"), (float("inf"), "nm")]
)
def test_an_impossible_value_is_refused(value: float, unit: str) -> None:
    with pytest.raises(FileError, match="above 0 and finite"):
        pixel_calibration(PATH, scale(value, unit), None)


@pytest.mark.parametrize(
    "found",
    [
        None,
        Scale((1, 1), ("", ""), "DM tags"),
        Scale((0, 0), ("A", "A"), "MRC"),
        Scale((3, 3), ("pixels", "pixels"), "EMD"),
    ],
)
def test_a_header_that_says_nothing_leaves_the_file_uncalibrated(found: Scale | None) -> None:
    assert pixel_calibration(PATH, found, None) == {}


@pytest.mark.parametrize(("given", "wanted"), [(0.5, [0.5, 0.5]), ((0.5, 0.25), [0.5, 0.25])])
def test_the_user_wins_over_the_header_and_it_is_said(
    given: PixelSize, wanted: list[float]
) -> None:
    found = pixel_calibration(PATH, scale(8.0, "furlong"), given)
    assert found["pixel_size_nm"] == wanted
    assert found["origin"] == "given by the user (header said 8 'furlong' by 16 'furlong')"


def test_a_pixel_size_given_where_the_header_says_nothing() -> None:
    assert "header said nothing" in pixel_calibration(PATH, None, 0.5)["origin"]


@pytest.mark.parametrize("given", [0.0, -1.0, (0.5, 0.0), float("nan"), float("inf")])
def test_an_impossible_given_size_is_refused(given: PixelSize) -> None:
    with pytest.raises(FileError, match="above 0 and finite"):
        pixel_calibration(PATH, None, given)
