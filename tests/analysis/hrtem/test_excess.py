"""Spectra to look at, rings to compare them with, and the histogram of spacings."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from beamside.analysis.hrtem.excess import excess
from beamside.analysis.hrtem.rings import rings
from beamside.analysis.hrtem.spacings import NOBODY, Spacings


def test_rings_of_the_lens_go_and_spots_stay() -> None:
    k = np.linspace(-8, 8, 201)
    radius = np.hypot(k[:, None], k[None, :])
    power = 1e4 * np.exp(-radius) * (1 + 0.9 * np.cos(3 * radius))
    power *= np.random.default_rng(1).exponential(size=power.shape) / np.log(2)
    power[40, 120] += 200 * power[np.abs(radius - radius[40, 120]) < 0.2].mean()
    over = excess(np.log10(power), k, k)
    inside = (radius > 1) & (radius < 8)
    assert over.dtype == np.float32
    assert abs(np.median(over[inside])) < 0.03
    assert int(np.argmax(over)) == 40 * 201 + 120
    for low in range(1, 8):  # flat at all k
        assert abs(np.median(over[(radius >= low) & (radius < low + 1)])) < 0.05


def test_rings_are_the_strongest_families_with_their_usual_indices() -> None:
    found = rings("LiF", None, 6.0)
    assert [ring.label for ring in found] == ["111", "200"]
    assert 1 / found[1].k == pytest.approx(0.20135, rel=1e-3)
    assert found[1].strength == 1.0
    assert [ring.label for ring in rings("Li", None, 8.3, 2)] == ["110", "200"]


def test_rings_follow_the_temperature_of_the_specimen() -> None:
    warm, cold = (rings("Li", kelvin, 5.0)[0].k for kelvin in (298.0, 100.0))
    assert cold / warm == pytest.approx(1.01, abs=0.006)
    assert cold > warm


def test_spots_are_counted_by_phase() -> None:
    spacings = Spacings()
    said = xr.Dataset(
        {
            "spot_d": ("spot", [0.2013, 0.2014, 0.2325, 9.0]),
            "spot_label": ("spot", np.array(["LiF 200", "LiF 020", "", ""])),
        }
    )
    spacings.add(said)
    spacings.add(said)
    assert {name: int(count.sum()) for name, count in spacings.counts.items()} == {
        "LiF": 4,
        NOBODY: 2,
    }
    most = int(np.argmax(spacings.counts["LiF"]))
    assert spacings.edges[most] <= 0.2014 < spacings.edges[most + 1] + 0.002
