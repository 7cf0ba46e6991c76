"""`beamside train`: weights and a card that says where they come from."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from beamside.models.weights import load
from beamside.services.cli import main

pytest.importorskip("torch")


@pytest.mark.slow
@pytest.mark.parametrize("name", ["hrtem-unet", "hrtem-pictures"])
def test_a_quick_run_writes_weights_and_their_card(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["train", name, "--quick", "--out", str(tmp_path), "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    _, card = load(name, tmp_path)
    assert said["sha256"] == card.sha256
    assert card.facts["recipe"]["seed"] == 1
    assert [step for step, _ in card.facts["curve"]] == [25, 30]
