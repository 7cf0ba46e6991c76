from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import xarray as xr

from beamside.models.phantoms.hrtem import make
from beamside.services.calibrating import unscaled_lines
from beamside.services.cli import main
from beamside.services.looking import APART, Account, results
from beamside.stream.messages import Frame, Pixels, Result, RunStart, RunStop
from beamside.stream.recorder import ArchiveSink


def archived(folder: Path, run: str, data: xr.Dataset, analysis: str = "hrtem") -> Path:
    sink = ArchiveSink(folder)
    sink.send(RunStart("det", run))
    sink.send(Frame("det", run, 3, {"data": Pixels((2, 2), "<u2", "raw", bytes(8))}))
    sink.send(Result("det", run, (3,), analysis, data))
    sink.send(RunStop("det", run))
    return sink.written[0]


def spots(n: int = 2, grains: int = 1) -> xr.Dataset:
    """Some of what `PhaseMapper` says of a frame."""
    k = np.linspace(2, 3, n)
    return xr.Dataset(
        {
            "spot_frame": ("spot", np.zeros(n, np.int64)),
            "spot_kx": ("spot", k, {"units": "1/nm"}),
            "spot_ky": ("spot", k, {"units": "1/nm"}),
            "spot_k_sigma": ("spot", np.full(n, 0.01), {"units": "1/nm"}),
            "spot_snr": ("spot", np.full(n, 50.0)),
            "spot_grain": ("spot", np.full(n, grains - 1)),
            **({"grain_frame": ("grain", np.zeros(grains, np.int64))} if grains else {}),
        }
    )


def test_frames_of_several_archives_are_one_session_and_keep_apart(tmp_path: Path) -> None:
    paths = [archived(tmp_path, run, spots()) for run in "ab"]
    (one, numbers), (two, others) = results(paths, lambda path: iter(()), Account())
    assert one["spot_frame"].values.tolist() == two["spot_frame"].values.tolist() == [0, 0]
    assert (numbers, others) == ([3], [APART + 3])


def test_an_archive_without_spots_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = xr.Dataset({"total": ("frame", [1.0])})
    path = archived(tmp_path, "a", data, "sum")
    assert main(["calibrate", str(path)]) != 0
    assert "no results of 'hrtem'; it has sum" in capsys.readouterr().err


def test_too_little_evidence_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = archived(tmp_path, "a", spots(grains=0))
    assert main(["calibrate", str(path), "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["grains_used"] == 0
    assert "too little evidence" in said["note"]
    assert said["correction_sigma"][0] == pytest.approx(0.04, rel=0.1)


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two frames of a session as TIFF, which say nothing of their pixel of 0.0275 nm."""
    folder = tmp_path_factory.mktemp("session")
    paths = []
    for seed in (10, 50):
        true = make(
            seed, (768, 768), phases=("Li2CO3", "LiOH", "Li3N"), pixel_nm=0.0275, dose=2000.0
        )
        paths.append(folder / f"{seed}.tif")
        tifffile.imwrite(paths[-1], true.image)
    return paths


def said(capsys: pytest.CaptureFixture[str], *argv: str) -> dict[str, Any]:
    assert main(["calibrate", *argv, "--json"]) == 0
    result: dict[str, Any] = json.loads(capsys.readouterr().out)
    return result


def test_image_files_without_a_pixel_size_give_it_away_by_ratios_and_angles(
    images: list[Path], capsys: pytest.CaptureFixture[str]
) -> None:
    told = said(capsys, *map(str, images), "--uncalibrated")
    assert told["frames"] == 2
    assert told["pixels"][0]["nm"] == pytest.approx(0.0275, rel=0.01)
    assert told["pixels"][0]["probability"] > 0.5
    there = sum(told["phase_grains"][name] for name in ("Li2CO3", "LiOH", "Li3N"))
    assert there > 0.5 * sum(told["phase_grains"].values())
    assert len(told["database_sha256"]) == 64
    words = "\n".join(unscaled_lines(told))
    assert "unknown" in words
    assert "nm  p = " in words


def test_image_files_with_a_wrong_pixel_size_are_calibrated(
    images: list[Path], capsys: pytest.CaptureFixture[str]
) -> None:
    told = said(capsys, *map(str, images), "--pixel-size", "0.0283nm")
    assert told["scale"] == pytest.approx(0.0275 / 0.0283, abs=0.008)
    reference = said(  # the image last, where a person writes it
        capsys,
        *("--pixel-size", "0.0283nm", "--reference", "--phases", "Li2CO3", "LiOH", "Li3N"),
        str(images[0]),
    )
    assert reference["scale"] == pytest.approx(0.0275 / 0.0283, abs=0.008)
    assert reference["calibration_origin"] == "reference"


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        ([], "it says no pixel size: give one with --pixel-size"),
        (["--pixel-size", "0.03"], "unit"),
        (["--pixel-size=-3nm"], "above 0"),
        (["--uncalibrated", "--reference"], "--uncalibrated goes without"),
        (["--uncalibrated", "--phases", "Kryptonite"], "no phase or set 'Kryptonite'"),
    ],
)
def test_what_can_not_be_calibrated_says_why(
    images: list[Path], capsys: pytest.CaptureFixture[str], argv: list[str], words: str
) -> None:
    assert main(["calibrate", str(images[0]), *argv]) == 2
    assert words in capsys.readouterr().err


def test_files_that_are_no_evidence_are_named_and_the_others_used(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    image = make(3, (384, 384), n_grains=2, dose=2000.0).image
    for name in ("good", "copy"):
        tifffile.imwrite(tmp_path / f"{name}.tif", image)
    (tmp_path / "cut.tif").write_bytes((tmp_path / "good.tif").read_bytes()[:1000])
    paths = [str(tmp_path / f"{name}.tif") for name in ("cut", "good", "copy")]
    assert main(["calibrate", *paths, "--pixel-size", "0.03nm", "--json"]) == 1
    told = json.loads(capsys.readouterr().out)
    assert told["frames"] == 1
    assert list(told["refused"]) == paths[:1]
    assert told["same"] == {paths[2]: paths[1]}


def test_archived_results_in_pixels_are_for_the_uncalibrated_mode_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = spots()
    data["grain_area"] = ("grain", np.ones(1))
    path = archived(tmp_path, "a", data)
    assert main(["calibrate", str(path), "--uncalibrated"]) == 2
    assert "these spots are calibrated" in capsys.readouterr().err
    for name in ("spot_kx", "spot_ky", "spot_k_sigma"):
        data[name].attrs["units"] = "1/px"
    path = archived(tmp_path, "b", data)
    assert main(["calibrate", str(path)]) == 2
    assert "the spots are in 1/px" in capsys.readouterr().err
    told = said(capsys, str(path), "--uncalibrated")
    assert told["grains"] == 0
    assert told["pixels"] == []
