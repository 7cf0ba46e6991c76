"""Lengths with units."""

from __future__ import annotations

import pytest

from beamside.stream.files.units import in_nm, parse_length


@pytest.mark.parametrize(
    ("text", "nm"),
    [
        ("0.019053nm", 0.019053),
        ("0.019053 nm", 0.019053),
        (" 19.053pm ", 0.019053),
        ("1.9053e-2nm", 0.019053),
        (".5nm", 0.5),
        ("3um", 3000),
        ("3\u00b5m", 3000),
        ("3\u03bcm", 3000),
        ("0.3A", 0.03),
        ("0.3\u00c5", 0.03),
        ("0.3\u212b", 0.03),
        ("0.3 angstrom", 0.03),
        ("2Nanometers", 2),
        ("2e-11m", 0.02),
        ("1e-3mm", 1000),
        ("1e-4cm", 1000),
    ],
)
def test_a_length_is_given_in_nm(text: str, nm: float) -> None:
    assert parse_length(text) == pytest.approx(nm, rel=1e-12)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("0.02", "unit is missing"),
        ("", "no length"),
        ("nm", "no length"),
        ("0.02 furlong", "furlong"),
        ("0.02NM", "'NM' is no known unit"),
        ("2Mm", "'Mm' is no known unit"),
        ("0.02 1/nm", "one over a length"),
        ("0.02nm^-1", "one over a length"),
        ("0nm", "above 0"),
        ("-1nm", "above 0"),
        ("1e999nm", "above 0 and finite"),
        ("nan nm", "no length"),
        ("1..2nm", "no known unit"),
        ("1nm 2nm", "no known unit"),
    ],
)
def test_what_is_no_length_is_refused_with_the_reason(text: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        parse_length(text)


def test_the_allowed_units_are_named() -> None:
    with pytest.raises(ValueError, match="allowed: nm, pm, um"):
        in_nm(8.0, "bananas")
