from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from beamside.analysis import operators
from beamside.analysis.operators import Calibration

PLUGIN = """
from dataclasses import dataclass
import xarray as xr

@dataclass(frozen=True)
class Brightness:
    offset: float = 0.0

    def __call__(self, images, calibration):
        mean = images.mean(axis=(1, 2)) - self.offset
        return xr.Dataset({"brightness": ("frame", mean, {"units": "counts"})})
"""


@pytest.fixture
def plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An installed distribution with one file, as pip leaves it."""
    (tmp_path / "brightness_plugin.py").write_text(PLUGIN)
    info = tmp_path / "brightness_plugin-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: brightness-plugin\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[beamside.analyses]\nbrightness = brightness_plugin:Brightness\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    sys.modules.pop("brightness_plugin", None)


@pytest.mark.usefixtures("plugin")
def test_an_analysis_of_one_file_is_found_by_name() -> None:
    assert "brightness" in operators.names()
    operator = operators.load("brightness", {"offset": 1.0})
    data = operator(np.full((2, 4, 4), 3.0), Calibration())
    assert data["brightness"].values.tolist() == [2.0, 2.0]


def test_an_unknown_name_says_what_is_installed() -> None:
    with pytest.raises(LookupError, match=r"no analysis 'nope'; installed: .*hrtem.*sum"):
        operators.load("nope")


def test_an_unknown_setting_says_what_is_allowed() -> None:
    with pytest.raises(ValueError, match="'sum' has no setting 'ofset'; allowed: offset"):
        operators.load("sum", {"ofset": 1})


def test_counts_are_exact_for_every_pixel_type() -> None:
    images = np.random.default_rng(1).integers(0, 65535, (3, 33, 47), dtype=np.uint16)
    data = operators.load("sum")(images, Calibration())
    assert data["total"].values.tolist() == images.astype(object).sum(axis=(1, 2)).tolist()
    assert data["maximum"].values.tolist() == images.max(axis=(1, 2)).tolist()


class Part:
    """Has what a RunOperator has, and no more."""

    def start(self) -> None: ...

    add = merge = finish = save = restore = start


def test_over_most_analyses_nothing_grows() -> None:
    assert operators.over_run(operators.load("sum"), Calibration()) == {}


@pytest.mark.parametrize(
    ("given", "error", "words"),
    [
        ([1], TypeError, "gave a list; it gives a mapping"),
        ({"Big name": Part()}, ValueError, "'Big name' is no name"),
        ({"part": object()}, TypeError, r"'part' has no start\(\)"),
    ],
)
def test_what_grows_is_checked_by_name_and_methods(
    given: object, error: type[Exception], words: str
) -> None:
    class Wrong:
        def over_run(self, calibration: Calibration) -> object:
            return given

    with pytest.raises(error, match=words):
        operators.over_run(Wrong(), Calibration())  # type: ignore[arg-type]


def test_the_self_calibration_grows_over_a_run_of_hrtem_images() -> None:
    mapper = operators.load("hrtem", {"candidates": ["LiF"], "k_max": 7.0})
    sized = Calibration(pixel_size=(0.02, 0.02), temperature=100.0)
    grown = operators.over_run(mapper, sized)
    assert set(grown) == {"calibration", "map"}
    own = grown["calibration"]
    assert (own.temperature, own.k_max) == (100.0, 7.0)  # type: ignore[attr-defined]
    assert operators.over_run(mapper, Calibration()) == {}  # nothing says what a pixel is
