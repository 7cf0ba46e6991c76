"""Spelling, scale bars and pages of reports."""

from __future__ import annotations

import pytest

from beamside.services.batch.tables import shown
from beamside.services.reports.page import Page
from beamside.services.reports.scalebar import round_length
from beamside.services.reports.words import barred, formula, opposite, reflection, zone_axis


def test_formulas_have_subscripts_and_other_names_stay() -> None:
    assert [formula(name) for name in ("Li2CO3", "LiF", "unknown", "NMC-811", "graphite")] == [
        "Li₂CO₃", "LiF", "unknown", "NMC-811", "graphite",
    ]  # fmt: skip


def test_negative_indices_have_bars() -> None:
    assert barred("-202") == r"$\bar{2}02$"
    assert barred("1 0 -12") == r"$1\ 0\ \bar{12}$"
    assert zone_axis("[1 -1 0]") == r"[$1\bar{1}0$]"
    assert zone_axis("") == ""
    assert reflection("Li2O 1-11") == r"Li₂O $1\bar{1}1$"
    assert reflection("") == ""


def test_the_friedel_partner_has_the_opposite_indices() -> None:
    assert opposite("-202") == "20-2"
    assert opposite("1 0 -12") == "-1 0 12"


@pytest.mark.parametrize(
    ("most", "length"), [(7.3, 5.0), (10.0, 10.0), (0.4, 0.2), (999.0, 500.0), (2.0, 2.0)]
)
def test_a_scale_bar_is_a_round_length(most: float, length: float) -> None:
    assert round_length(most) == pytest.approx(length)


def test_nothing_that_a_file_is_called_becomes_part_of_a_page() -> None:
    page = Page("<script>alert(1)</script>")
    page.section("a & b")
    page.text("<img src=x>", "alarm")
    page.facts({"<b>": "<i>"})
    page.table(["<u>"], [["<script>"], [1.5]])
    page.figures([('p"><script>.png', "<s>")])
    page.links({"a.csv": "<q>"})
    html = page.html()
    assert "<script" not in html
    assert "<img src=x" not in html
    for tag in ("<u>", "<i>", "<s>", "<q>"):
        assert tag not in html


def test_nothing_that_a_file_is_called_runs_in_a_spreadsheet() -> None:
    assert shown("=1+1") == "'=1+1"
    assert shown("@import") == "'@import"
    assert shown(float("nan")) == ""
    assert shown(0.123456789) == "0.123457"
    assert shown(True) == "yes"
