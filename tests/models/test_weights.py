"""Weights on disk: what was saved is loaded, anything else is refused."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from beamside.models.weights import SHIPPED, WeightsError, load, read_card, save

torch = pytest.importorskip("torch")

from beamside.models.unet import UNet, predict  # noqa: E402


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    torch.manual_seed(3)
    save(UNet(4), {"note": "untrained"}, "small", tmp_path)
    return tmp_path


def test_what_was_saved_is_loaded(folder: Path) -> None:
    inputs = np.random.default_rng(1).standard_normal((2, 4, 16, 16)).astype(np.float32)
    net, card = load("small", folder)
    torch.manual_seed(3)
    np.testing.assert_array_equal(predict(net, inputs), predict(UNet(4), inputs))
    assert card.facts["note"] == "untrained"


def test_changed_weights_are_refused(folder: Path) -> None:
    path = folder / "small.safetensors"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(WeightsError, match="sha256"):
        load("small", folder)


def test_weights_of_another_shape_are_refused(folder: Path) -> None:
    card = folder / "small.json"
    card.write_text(json.dumps({**json.loads(card.read_text()), "width": 8}))
    with pytest.raises(WeightsError, match="don't fit"):
        load("small", folder)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"sha256": "x"}'])
def test_a_broken_card_is_refused(folder: Path, text: str) -> None:
    (folder / "small.json").write_text(text)
    with pytest.raises(WeightsError, match=r"small\.json"):
        load("small", folder)


def test_an_unknown_name_says_what_there_is(folder: Path) -> None:
    with pytest.raises(WeightsError, match=r"no network 'large'.*there are: small"):
        load("large", folder)


def test_an_uncalibrated_card_says_so(folder: Path) -> None:
    with pytest.raises(WeightsError, match="not calibrated"):
        read_card("small", folder).number("calibration", "temperature")


def test_the_shipped_network_is_small_trained_on_generated_spectra_only_and_calibrated() -> None:
    net, card = load("hrtem-unet")
    assert card.facts["recipe"]["generator"].startswith("spectra")
    assert "generated spectra only" in card.facts["trained_on"]
    assert card.number("calibration", "temperature") > 0
    assert (SHIPPED / "hrtem-unet.safetensors").stat().st_size < 3e6
    assert net.width == card.facts["width"]


def test_the_network_for_pictures_has_learned_from_generated_pictures_only() -> None:
    _, card = load("hrtem-pictures")
    assert card.facts["recipe"]["generator"].startswith("pictures")
    assert "generated spectra only" in card.facts["trained_on"]
    assert np.isfinite(card.number("calibration", "picture_threshold"))
    with pytest.raises(WeightsError, match="no calibration picture_threshold"):
        load("hrtem-unet")[1].number("calibration", "picture_threshold")
