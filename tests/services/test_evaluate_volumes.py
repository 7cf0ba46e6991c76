from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from beamside.analysis import operators
from beamside.analysis.particles.matching import tallies
from beamside.analysis.particles.overlapping import volume_tallies
from beamside.services import evaluate_packings
from beamside.services.cli import main
from beamside.tests.analysis.particles.cut import packed
from beamside.tests.services.particles.test_volume import Looking

LABELS = packed(seed=2, fill=0.3, side=48, radius=9)


def test_a_volume_is_scored_in_three_dimensions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(operators, "load", lambda *_, **__: Looking())
    path = tmp_path / "volume.npz"
    np.savez(path, volume=LABELS.astype(np.uint16), labels=LABELS)
    assert main(["evaluate", "particles", str(path), "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["volumes"] == 1
    assert said["slices"] == 0
    assert said["ap0.5"] > 0.8
    assert said["particles"] == LABELS.max()


def test_volumes_without_truth_or_among_slices_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bare, odd, flat = (tmp_path / name for name in ("bare.npz", "odd.npz", "flat.npz"))
    np.savez(bare, volume=LABELS)
    np.savez(odd, volume=LABELS, labels=LABELS[:4])
    np.savez(flat, img=LABELS[0], labels=LABELS[0])
    for given, words in (
        ([bare], "no volume with truth"),
        ([odd], "of one shape"),
        ([odd, flat], "score them apart"),
    ):
        assert main(["evaluate", "particles", *map(str, given), "--json"]) != 0
        assert words in capsys.readouterr().err


def test_packings_are_generated_and_scored_by_method_missed_part_and_fill(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(evaluate_packings, "SHAPE", (40, 44, 36))
    monkeypatch.setattr(evaluate_packings, "RADIUS", 9.0)
    monkeypatch.setattr(evaluate_packings, "KINDS", ("balls",))
    monkeypatch.setattr(evaluate_packings, "grey", lambda _, labels: labels.astype(np.uint16))
    monkeypatch.setattr(operators, "load", lambda *_, **__: Looking())
    kept = tmp_path / "kept.json"
    assert main(["evaluate", "particles", "--packings", "1", "--out", str(kept), "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert json.loads(kept.read_text())["result"] == said
    assert said["packings"]["each"] == 1
    for part in (*said["fusion"].values(), *said["linking"].values(), said["network"]):
        assert set(part) == {"fill 0.25", "fill 0.5"}
        assert all(one["particles"] > 0 for one in part.values())
    assert said["fusion"]["missed 0.1"]["fill 0.25"]["ap0.5"] > 0.7
    assert said["network"]["fill 0.5"]["ap0.5"] > 0.7


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (["hrtem", "--packings", "1"], "--packings are of particles"),
        (["particles", "--packings", "0"], "at least 1 packing"),
        (["particles"], "give files with truth, or for particles --packings N"),
        (["particles", "a.npz", "--packings", "1"], "give files with truth, or for particles"),
    ],
)
def test_packings_that_cannot_be_are_refused(
    given: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["evaluate", *given]) != 0
    assert words in capsys.readouterr().err


def test_volumes_are_matched_as_slices_are() -> None:
    said = np.roll(LABELS, 2, axis=0) * 3
    said[:20][LABELS[:20] == 5] = 7
    flat = tallies(LABELS, said)
    for least, one in volume_tallies(LABELS, said).items():
        same = flat[least]
        assert (one.hits, one.false, one.missed) == (same.hits, same.false, same.missed)
        assert one.overlap == pytest.approx(same.overlap)
