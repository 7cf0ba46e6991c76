from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from beamside.services.calibrating import APART, results
from beamside.services.cli import main
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
    (one, numbers), (two, others) = results(paths)
    assert one["spot_frame"].values.tolist() == two["spot_frame"].values.tolist() == [3, 3]
    assert numbers[3] == 3
    assert others[3] == APART + 3


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
