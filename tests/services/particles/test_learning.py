"""`beamside train nmc-stardist`, `models` and `evaluate particles`, from the command line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from beamside.models.weights import load_stardist
from beamside.services.annotated import annotated
from beamside.services.cli import main
from beamside.services.evaluate_particles import evaluate, read
from beamside.stream.errors import FileError

pytest.importorskip("torch")

OFFICIAL = Path(__file__).parents[2] / "models" / "official"


def said(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    facts: dict[str, Any] = json.loads(capsys.readouterr().out.splitlines()[-1])
    return facts


def slice_(edge: int = 96) -> tuple[np.ndarray, np.ndarray]:
    y, x = np.mgrid[:edge, :edge]
    labels = np.zeros((edge, edge), np.uint16)
    for number, (cy, cx) in enumerate(((24, 24), (24, 70), (70, 24), (70, 70)), 1):
        labels[np.hypot(y - cy, x - cx) < 16] = number
    noise = np.random.default_rng(1).normal(0, 5, labels.shape)
    return (60 + 120 * (labels > 0) + noise).clip(0, 255).astype(np.uint8), labels


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Three pictures with images of labels beside them."""
    folder = tmp_path / "mine"
    folder.mkdir()
    image, labels = slice_()
    for n in range(3):
        tifffile.imwrite(folder / f"p{n}.tif", np.rot90(image, n))
        tifffile.imwrite(folder / f"p{n}_labels.tif", np.rot90(labels, n))
    return folder


@pytest.mark.timeout(180)
def test_a_quick_training_writes_weights_and_their_card(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["train", "nmc-stardist", "--quick", "--out", str(tmp_path), "--json"]) == 0
    _, card = load_stardist("nmc-stardist", tmp_path)
    assert said(capsys)["sha256"] == card.sha256
    assert "generated slices only" in card.facts["trained_on"]
    assert 0 < card.number("thresholds", "prob") < 1
    assert "ap0.75" in card.facts["metrics"]


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_it_goes_on_with_pictures_of_your_own(
    pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["train", "nmc-stardist", "--data", str(pictures), "--steps", "4"]
    assert main([*command, "--out", str(tmp_path / "out"), "--json"]) == 0
    _, card = load_stardist("mine-stardist", tmp_path / "out")
    assert "2 of 3 annotated pictures" in card.facts["trained_on"]
    assert len(card.facts["curve"][0]) == 3  # step, loss, loss on what is held back
    assert card.facts["metrics"]["ap0.5"] == 1.0


def test_pictures_are_read_whatever_their_form(pictures: Path, tmp_path: Path) -> None:
    assert [one.name for one in annotated(pictures)] == ["p0.tif", "p1.tif", "p2.tif"]
    for name in ("images", "labels"):
        (tmp_path / "two" / name).mkdir(parents=True)
        tifffile.imwrite(tmp_path / "two" / name / "a.tif", slice_()[name == "labels"])
    assert annotated(tmp_path / "two")[0].labels.max() == 4
    outline = {"name": "polygon", "all_points_x": [8, 40, 40, 8], "all_points_y": [8, 8, 40, 40]}
    regions = [{"shape_attributes": outline}]
    via = tmp_path / "via"
    via.mkdir()
    tifffile.imwrite(via / "a.tif", slice_()[0])
    (via / "via.json").write_text(json.dumps({"a": {"filename": "a.tif", "regions": regions}}))
    drawn = annotated(via)[0].labels
    assert 32**2 <= np.count_nonzero(drawn) <= 33**2
    assert drawn.max() == 1


def test_folders_that_teach_nothing_are_refused_in_words(pictures: Path, tmp_path: Path) -> None:
    with pytest.raises(FileError, match="no such folder"):
        annotated(tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises(FileError, match="holds no annotated picture: give a folder with"):
        annotated(tmp_path / "empty")
    tifffile.imwrite(pictures / "p1_labels.tif", np.zeros((5, 5), np.uint8))
    with pytest.raises(FileError, match=r"p1\.tif is \(96, 96\)"):
        annotated(pictures)
    for path in pictures.glob("*_labels.tif"):
        tifffile.imwrite(path, np.zeros((96, 96), np.uint8))
    with pytest.raises(FileError, match="none of the 3 pictures"):
        annotated(pictures)


def test_an_official_model_is_imported_and_shown(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["models", "import-stardist", str(OFFICIAL), "--out", str(tmp_path), "--json"]
    assert main(command) == 0
    card = said(capsys)
    assert card["name"] == "official"
    assert card["thresholds"] == {"prob": 0.55, "nms": 0.35}
    assert main(["models", "show", str(tmp_path), "--json"]) == 0
    assert said(capsys) == card
    assert main([*command, "--sha256", "0" * 64]) == 2
    assert "it is another file" in capsys.readouterr().err


def test_slices_are_scored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from beamside.analysis import operators
    from beamside.analysis.particles.finder import ParticleFinder

    told = []

    def load(name: str, settings: dict[str, Any]) -> ParticleFinder:
        told.append((name, settings))
        return ParticleFinder(**settings)

    monkeypatch.setattr(operators, "load", load)
    image, labels = slice_()
    path = tmp_path / "t.npz"
    ignore = np.zeros(labels.shape, bool)
    np.savez(path, img=image, labels=labels * 7, ignore=ignore, pixel_size_nm=50.0, particle_px=32)
    result = evaluate([path, path], {})
    assert told[0] == ("particles", {"particle_px": 32.0})
    assert {"ap0.5", "ap0.75", "ap_ignoring0.5", "precision", "recall", "mean_iou"} <= set(result)
    assert result["ap0.5"] == result["ap_ignoring0.75"] == 1.0
    assert result["particles"] == 8
    assert (result["mean_iou"] or 0) > 0.8
    evaluate([path], {"particle_um": 1.6})
    assert told[-1] == ("particles", {"particle_um": 1.6})


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ({"img": np.zeros((4, 4))}, "no 'labels'"),
        ({"img": np.zeros((4, 4)), "labels": np.zeros((4, 5), int)}, "labels"),
        ({"img": np.zeros((4, 4, 3)), "labels": np.zeros((4, 4), int)}, "must be grey"),
        ({"img": np.zeros((4, 4)), "labels": np.zeros((4, 4))}, "whole numbers"),
        (
            {"img": np.zeros((4, 4)), "labels": np.zeros((4, 4), int), "particle_px": -3.0},
            "particle_px must be one number above 0",
        ),
        ({"volume": np.zeros((2, 2, 2))}, "no 'img' in it"),
    ],
)
def test_files_without_truth_are_refused_in_words(
    tmp_path: Path, arrays: dict[str, np.ndarray], words: str
) -> None:
    np.savez(tmp_path / "t.npz", **arrays)  # type: ignore[arg-type]
    with pytest.raises(FileError, match=words):
        read(tmp_path / "t.npz")


def test_files_that_are_no_npz_are_refused_in_words(tmp_path: Path) -> None:
    (tmp_path / "t.npz").write_bytes(b"PK not really")
    with pytest.raises(FileError, match="give npz files"):
        read(tmp_path / "t.npz")
    with pytest.raises(FileError, match="no such file"):
        read(tmp_path / "nowhere.npz")
