"""Identification by ratios and angles alone."""

from __future__ import annotations

import numpy as np
import pytest

from beamside.analysis.hrtem.correction import Correction
from beamside.analysis.hrtem.uncalibrated import Uncalibrated
from beamside.analysis.operators import AnalysisError
from beamside.tests.analysis.hrtem.lattices import MIX, frame


@pytest.mark.parametrize("pixel", [0.016, 0.05])
def test_phases_and_pixel_come_out_without_any_scale(pixel: float) -> None:
    rng, one = np.random.default_rng(2), Uncalibrated()
    state = one.start()
    for number in range(2):
        said = frame(Correction(0.0, 0.02, -0.01), rng, pixel=pixel)
        state = one.add(state, said, [number])
    told = one.finish(state)
    assert told["pixel"].values[0] == pytest.approx(pixel, rel=0.003)
    assert told["pixel_probability"].values[0] > 0.9
    wanted = [MIX[row][0] for row in told["grain_row"].values]
    assert np.mean(told["grain_phase"].values == wanted) > 0.9
    # A phase of the same structure with another cell can never be ruled out.
    assert told["grain_posterior"].values.max() < 0.9


def test_one_cubic_grain_fits_every_phase_of_its_lattice() -> None:
    one, rng = Uncalibrated(), np.random.default_rng(2)
    said = frame(Correction(), rng, (("LiF", (0, 1, 1)),), pixel=0.03)
    told = one.finish(one.add(one.start(), said, [0]))
    assert told["grain_posterior"].values.max() < 0.9
    assert len(told["grain_candidates"].values[0].split(",")) >= 3


def test_nothing_seen_is_nothing_said() -> None:
    told = Uncalibrated().finish(Uncalibrated().start())
    assert told.sizes["grain"] == told.sizes["option"] == 0


def test_calibrated_spots_are_refused() -> None:
    said = frame(Correction(), np.random.default_rng(0))
    with pytest.raises(AnalysisError, match="calibrated"):
        Uncalibrated().add(Uncalibrated().start(), said, [0])
