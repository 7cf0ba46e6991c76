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
    with pytest.raises(LookupError, match=r"no analysis 'nope'; installed: .*hrtem, sum"):
        operators.load("nope")


def test_an_unknown_setting_says_what_is_allowed() -> None:
    with pytest.raises(ValueError, match="'sum' has no setting 'ofset'; allowed: offset"):
        operators.load("sum", {"ofset": 1})


def test_counts_are_exact_for_every_pixel_type() -> None:
    images = np.random.default_rng(1).integers(0, 65535, (3, 33, 47), dtype=np.uint16)
    data = operators.load("sum")(images, Calibration())
    assert data["total"].values.tolist() == images.astype(object).sum(axis=(1, 2)).tolist()
    assert data["maximum"].values.tolist() == images.max(axis=(1, 2)).tolist()
