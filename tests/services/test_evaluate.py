from __future__ import annotations

import argparse
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from beamside.analysis import operators
from beamside.analysis.hrtem.pictures import picture_of
from beamside.analysis.operators import Calibration
from beamside.models.phantoms.hrtem import Phantom, make
from beamside.services.evaluate import command, evaluate, read, table
from beamside.services.evaluate_spectra import evaluate as evaluate_spectra
from beamside.stream.errors import FileError

KEYS = {
    "spots": {"recall", "precision", "false_per_null"},
    "d_error": {"median", "p90"},
    "identification": {"multi_spot", "single_row", "wrong_above_0_9"},
    "calibration": {"scale_error", "anisotropy_error"},
}


@dataclass(frozen=True)
class Oracle:
    """Knows every phantom by heart, so that what is tested is the way there."""

    phantoms: dict[bytes, Phantom]
    told: list[Calibration]

    def __call__(self, images: np.ndarray, calibration: Calibration) -> xr.Dataset:
        self.told.append(calibration)
        phantom = self.phantoms[images[0].tobytes()]
        header = phantom.meta["px_nm_header"]
        labels = phantom.meta["labels"]
        spots = phantom.spots[phantom.spots["snr_local"] >= 10]
        ratio = phantom.meta["px_nm_true"] / header
        grains = [g for g in phantom.meta["grains"] if (phantom.grain_map == g["id"]).any()]
        number = np.zeros(phantom.grain_map.max(initial=0) + 1, int)
        for i, grain in enumerate(grains):
            number[grain["id"]] = i + 1
        phases = labels[2:]
        posterior = np.array([[float(p == g["phase"]) for p in phases] for g in grains])
        label = phantom.phase_map + (phantom.phase_map > 1).astype(np.uint8)
        flags = {
            "flag_values": np.arange(len(labels) + 1),
            "flag_meanings": " ".join(["vacuum", "amorphous", "unknown", *phases]),
        }
        at = (np.arange(images.shape[1]) + 0.5) * header
        return xr.Dataset(
            {
                "phase_map": (("frame", "y", "x"), label[None], flags),
                "grain_map": (("frame", "y", "x"), number[phantom.grain_map][None]),
                "spot_frame": ("spot", np.zeros(len(spots), int)),
                "spot_ky": ("spot", spots["ky_nm"] * ratio),
                "spot_kx": ("spot", spots["kx_nm"] * ratio),
                "spot_d": ("spot", spots["d_nm"] / ratio),
                "spot_y": ("spot", np.zeros(len(spots))),
                "spot_x": ("spot", np.zeros(len(spots))),
                "grain_frame": ("grain", np.zeros(len(grains), int)),
                "grain_candidates": ("grain", np.array([g["phase"] for g in grains], "<U9")),
                "grain_posterior": (
                    ("grain", "phase"),
                    posterior.reshape(len(grains), len(phases)),
                ),
            },
            coords={"y": at, "x": at, "phase": np.array(phases)},
        )


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[Path], list[Phantom]]:
    phantoms = [
        make(1, (512, 512)),
        make(2, (512, 512), header_scale_error=0.03),
        make(3, (512, 512), null=True),
    ]
    folder = tmp_path_factory.mktemp("truth")
    paths = [folder / f"{i}.npz" for i in range(len(phantoms))]
    for path, phantom in zip(paths, phantoms, strict=True):
        phantom.save(path)
    return paths, phantoms


@pytest.fixture
def oracle(files: tuple[list[Path], list[Phantom]], monkeypatch: pytest.MonkeyPatch) -> Oracle:
    made = Oracle({phantom.image.tobytes(): phantom for phantom in files[1]}, [])
    monkeypatch.setattr(operators, "load", lambda name, settings, gifts: made)
    return made


def test_one_who_knows_the_truth_is_always_right(
    files: tuple[list[Path], list[Phantom]], oracle: Oracle
) -> None:
    result = evaluate(files[0], {})
    assert {name: set(result[name]) for name in KEYS} == KEYS
    assert result["spots"]["precision"] == 1.0
    assert set(result["spots"]["recall"].values()) <= {1.0, None}
    assert result["spots"]["false_per_null"] == 0.0
    assert result["identification"]["wrong_above_0_9"] == 0.0
    assert result["vacuum_false"] == 0.0
    assert set(result["iou"].values()) == {1.0}
    assert [told.pixel_size for told in oracle.told] == [
        (0.03, 0.03),
        pytest.approx((0.0309, 0.0309)),
        (0.03, 0.03),
    ]
    assert {told.voltage for told in oracle.told} == {300.0}


@pytest.mark.usefixtures("oracle")
def test_the_command_prints_one_json_object_or_a_table(
    files: tuple[list[Path], list[Phantom]], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    args = argparse.Namespace(
        packings=None,
        truth=files[0],
        assignments=["k_max=8.0"],
        json=True,
        out=None,
        analysis="hrtem",
    )
    assert command(args) == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["vacuum_false"] == 0.0
    args = argparse.Namespace(
        packings=None,
        truth=files[0],
        assignments=[],
        json=False,
        out=tmp_path / "kept.json",
        analysis="hrtem",
    )
    assert command(args) == 0
    assert set(json.loads(args.out.read_text())) == {"command", "date", "machine", "result"}
    assert "spots precision" in capsys.readouterr().out


def test_the_table_shows_a_dash_where_nothing_was_counted() -> None:
    shown = table({"spots": {"precision": None, "false_per_null": 0.25}, "vacuum_false": 0.0})
    assert shown.splitlines()[0].split() == ["spots", "precision", "-"]
    assert shown.splitlines()[1].split()[-1] == "0.25"


def test_a_setting_the_analysis_does_not_have_is_refused(
    files: tuple[list[Path], list[Phantom]],
) -> None:
    with pytest.raises(ValueError, match="no setting 'magic'"):
        evaluate(files[0], {"magic": 1})


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileError, match=r"nowhere\.npz: no such file"):
        read(tmp_path / "nowhere.npz")


def test_a_file_that_is_no_npz_is_named(tmp_path: Path) -> None:
    path = tmp_path / "text.npz"
    path.write_text("not a zip")
    with pytest.raises(FileError, match=r"text\.npz is no npz file"):
        read(path)


def test_pickles_are_never_opened(tmp_path: Path) -> None:
    path = tmp_path / "pickle.npz"
    np.savez(path, image=np.array([{"a": 1}], dtype=object))
    with pytest.raises(FileError, match="pickle"):
        read(path)


def test_a_file_without_truth_says_what_is_missing(tmp_path: Path) -> None:
    path = tmp_path / "image.npz"
    np.savez(path, image=np.zeros((8, 8), np.uint16))
    with pytest.raises(FileError, match="no 'phase_map' in it"):
        read(path)


def test_maps_of_another_shape_than_the_image_are_refused(
    files: tuple[list[Path], list[Phantom]], tmp_path: Path
) -> None:
    with np.load(files[0][0], allow_pickle=False) as file:
        arrays = dict(file)
    path = tmp_path / "cut.npz"
    np.savez(path, **{**arrays, "image": arrays["image"][:-1]})
    with pytest.raises(FileError, match="one shape"):
        read(path)


def test_the_shared_simulations_are_read(shared_data: Path) -> None:
    folder = shared_data / "hrtem" / "simulated"
    image, true = read(folder / "s1_T300_d500.npz")
    assert image.shape == true.phase_map.shape == (1024, 1024)
    assert true.header == true.pixels == (0.03, 0.03)
    assert read(folder / "s3_null_noCrystal.npz")[1].null


def test_marks_in_pictures_are_scored_at_the_threshold_of_the_card(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    rng = np.random.default_rng(3)
    y, x = np.mgrid[:256, :256]
    fringes = 6 * np.cos(2 * np.pi * (0.06 * x + 0.04 * y))
    image = 100 + 10 * rng.standard_normal((256, 256)) + fringes
    label = np.full((64, 64), 255, np.uint8)
    for sign in (-1, 0, 1):
        row, column = round(32 + sign * 0.04 * 256), round(32 + sign * 0.06 * 256)
        label[row - 1 : row + 2, column - 1 : column + 2] = 0
    path = tmp_path / "pictures.npz"
    np.savez(path, fft=picture_of(image, 64)[None], label=label[None])
    said = evaluate_spectra([path], {})
    assert (said["pictures"], said["spots"]) == (1, 2)
    assert said["f1"] == said["symmetric_f1"] == 1
    assert said["pixel_dice"] > 0.6
    with pytest.raises(ValueError, match="no setting 'k_max'"):
        evaluate_spectra([path], {"k_max": 8.3})
    np.savez(path, fft=image, label=image)
    with pytest.raises(FileError, match="both must be"):
        evaluate_spectra([path], {})
