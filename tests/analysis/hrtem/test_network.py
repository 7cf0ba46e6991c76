"""The spot network's second look: reflections are believed, noise is not."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest

from beamside.analysis.hrtem.crop import fourier_crop
from beamside.analysis.hrtem.judging import (
    Judged,
    calibration,
    candidates_of,
    expected_error,
    judged,
)
from beamside.analysis.hrtem.network import (
    Network,
    network,
    rescore,
    second_look,
    thresholds,
    weigh,
)
from beamside.analysis.hrtem.truth import Truth, truth
from beamside.models.phantoms.hrtem import Phantom, make

pytest.importorskip("torch")


@pytest.fixture(scope="module")
def judge() -> Network:
    return network()


@pytest.fixture(scope="module")
def crystals() -> Phantom:
    return make(seed=411, shape=(512, 512), phases=("LiF", "Li2O"), dose=600.0)


def known(phantom: Phantom) -> Truth:
    arrays = {name: getattr(phantom, name) for name in ("phase_map", "grain_map", "spots")}
    return truth({**arrays, "meta": np.array(json.dumps(phantom.meta))})


def test_reflections_are_likelier_than_noise(judge: Network, crystals: Phantom) -> None:
    answers = judged(crystals.image.astype(np.float32), known(crystals), judge)
    chance = judge.probability(answers.logit)
    assert answers.real.sum() > 10
    assert np.median(chance[answers.real]) > 0.8
    assert np.median(chance[~answers.real]) < 0.1


def test_each_candidate_gets_a_probability_and_evidence(judge: Network, crystals: Phantom) -> None:
    view = fourier_crop(crystals.image.astype(np.float32), (0.03, 0.03), 8.3)
    z, cut, _, found = candidates_of(view, 7.7)
    chance, weighed = rescore(z, cut, found, judge), weigh(z, cut, found, judge)
    assert chance.shape == weighed.z.shape == found.z.shape
    assert ((chance >= 0) & (chance <= 1)).all()
    assert np.corrcoef(np.log(found.z), weighed.z)[0, 1] > 0.3
    np.testing.assert_array_equal(weighed.kx, found.kx)


def test_half_precision_says_the_same(judge: Network, crystals: Phantom) -> None:
    view = fourier_crop(crystals.image.astype(np.float32), (0.03, 0.03), 8.3)
    z, cut, _, found = candidates_of(view, 7.7)
    full = rescore(z, cut, found, judge)
    half = rescore(z, cut, found, Network(judge.net, judge.card, half=True))
    assert np.abs(full - half).max() < 0.1


def test_noise_alone_gives_little_evidence(judge: Network) -> None:
    noise = np.random.default_rng(2).standard_normal((512, 512)).astype(np.float32)
    view = fourier_crop(noise, (0.03, 0.03), 8.3)
    z, cut, bins, found = candidates_of(view, 7.7)
    weighed = weigh(z, cut, found, judge)
    looks = float(np.prod(cut.grid) * bins.inside.sum())
    assert weighed.z.max(initial=0) < thresholds(0.01, looks)[0]


def test_a_second_look_keeps_reflections_and_drops_noise(crystals: Phantom) -> None:
    view = fourier_crop(crystals.image.astype(np.float32), (0.03, 0.03), 8.3)
    z, cut, bins, found = candidates_of(view, 7.7)
    looks = float(np.prod(cut.grid) * bins.inside.sum())
    kept = second_look(z, cut, found, thresholds(0.1, looks)[1])
    assert 5 < len(kept) < len(found)
    assert (kept.z > thresholds(0.1, looks)[1]).all()


def test_no_candidates_need_no_network(judge: Network, crystals: Phantom) -> None:
    view = fourier_crop(crystals.image.astype(np.float32), (0.03, 0.03), 8.3)
    z, cut, _, found = candidates_of(view, 7.7)
    assert len(rescore(z, cut, found.keep(np.zeros(len(found), bool)), judge)) == 0


def test_calibration_finds_the_temperature_that_made_the_truth() -> None:
    rng = np.random.default_rng(3)
    logit = rng.normal(0, 4, 20_000)
    real = rng.random(len(logit)) < 1 / (1 + np.exp(-(logit / 2 - 1)))
    noise = rng.exponential(2.0, 100_000)  # z + logit exceeds x with exp(-x / 2)
    crystals = Judged(logit, logit, real, 1.0)
    nulls = Judged(noise, np.zeros_like(noise), np.zeros(len(noise), bool), float(len(noise)))
    numbers = calibration([crystals], [nulls])
    assert numbers["temperature"] == pytest.approx(2, rel=0.1)
    assert numbers["shift"] == pytest.approx(-1, abs=0.1)
    assert numbers["evidence_slope"] == pytest.approx(0.5, rel=0.25)
    assert numbers["ece"] < 0.02


def test_the_calibration_error_of_a_liar_is_large() -> None:
    assert expected_error(np.full(100, 0.95), np.zeros(100, bool)) == pytest.approx(0.95)


def test_torch_is_imported_only_when_the_network_is_asked() -> None:
    code = (
        "import sys, beamside.analysis.hrtem.network, beamside.analysis.hrtem\n"
        "print('torch' in sys.modules, 'safetensors' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]
