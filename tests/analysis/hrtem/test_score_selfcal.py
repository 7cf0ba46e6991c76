"""How right a self-calibration is told to be; and how right it is on phantoms."""

from __future__ import annotations

import json

import numpy as np
import pytest

from beamside.analysis.hrtem.correction import Correction
from beamside.analysis.hrtem.mapper import PhaseMapper
from beamside.analysis.hrtem.score import merge
from beamside.analysis.hrtem.score_selfcal import report_sessions, score_session, true_correction
from beamside.analysis.hrtem.selfcal import SelfCalibration
from beamside.analysis.hrtem.truth import truth
from beamside.analysis.operators import Calibration
from beamside.models.phantoms.grains import Specimen
from beamside.models.phantoms.optics import Microscope
from beamside.models.phantoms.phantom import look
from beamside.tests.analysis.hrtem.lattices import frame


def test_errors_of_sessions_are_pooled() -> None:
    rng, tallies = np.random.default_rng(4), []
    for true in (Correction(0.05, 0.02, 0.0), Correction(-0.03, 0.0, 0.02)):
        frames = [frame(true, rng) for _ in range(2)]
        tallies.append(score_session(SelfCalibration(), frames, true))
    told = report_sessions(merge(tallies))["self_calibration"]
    assert told["sessions"] == 2
    for name in ("scale", "anisotropy", "shear"):
        assert 0 <= told[name]["median"] <= told[name]["p90"] < 0.005
        assert 0 <= told[name]["within_2_sigma"] <= 1


def test_no_session_is_told_as_none() -> None:
    told = report_sessions(merge([]))["self_calibration"]
    assert told["sessions"] == 0
    assert told["scale"]["median"] is None


@pytest.mark.slow
def test_a_session_of_phantoms_gives_back_what_is_wrong_with_its_header() -> None:
    specimen = Specimen(phases=("Li", "LiOH", "Li2CO3", "Li2O"), cover=0.5, vacuum=0.05)
    frames = []
    for seed in (31, 32, 33):
        microscope = Microscope(dose=1500.0, header_scale_error=0.06, anisotropy=-0.04)
        phantom = look(seed, (896, 896), specimen, microscope)
        arrays = {name: getattr(phantom, name) for name in ("phase_map", "grain_map", "spots")}
        header = phantom.meta["px_nm_header"]
        said = PhaseMapper()(phantom.image[None], Calibration((header, header)))
        frames.append(said)
    meta = json.dumps(phantom.meta)
    true = true_correction(truth(arrays | {"meta": np.array(meta)}))
    assert true.scale == pytest.approx(-np.log(1.06))
    told = report_sessions(score_session(SelfCalibration(), frames, true))["self_calibration"]
    assert told["scale"]["p90"] < 0.003
    assert told["anisotropy"]["p90"] < 0.005
    assert told["shear"]["p90"] < 0.005
