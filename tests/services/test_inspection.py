from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from beamside.services.cli import main
from beamside.stream.decompress import encode
from beamside.stream.messages import Frame, Result, RunStart, RunStop
from beamside.stream.sinks import open_sink


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """One run of two frames, the second missing a result."""
    flags = {"flag_values": np.array([0, 3], np.uint8), "flag_meanings": "vacuum LiF"}
    data = xr.Dataset(
        {
            "profile": (("frame", "k"), np.ones((1, 4)), {"units": "1", "long_name": "profile"}),
            "grain_frame": ("grain", np.array([0, 0], np.int32)),
            "grain_phase": ("grain", np.array([3, 0], np.uint8), flags),
            "grain_area": ("grain", np.array([12.5, 3.25]), {"units": "nm2"}),
        },
        coords={"k": ("k", np.arange(4.0), {"units": "1/nm"})},
    )
    sink = open_sink(f"file:{tmp_path}")
    sink.send(
        RunStart(
            "det",
            "7",
            expected=3,
            shape=(8, 8),
            dtype="<u2",
            calibration={"pixel_size_nm": [0.03, 0.03], "origin": "settings"},
        )
    )
    for n in (0, 2):
        sink.send(Frame("det", "7", n, {"data": encode(np.full((8, 8), n, "<u2"))}))
    sink.send(Result("det", "7", (0,), "hrtem", data, {"version": "0.1.0"}))
    sink.send(RunStop("det", "7", "complete", "the end", {"received": 2, "missing": 1}))
    sink.close()
    return next(tmp_path.glob("*.nxs"))


def test_people_read_the_run_its_calibration_and_its_tables(
    archive: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["inspect", str(archive)]) == 0
    text = capsys.readouterr().out
    assert "run        7 of det: complete (the end)" in text
    assert "missing: 1" in text
    assert "pixel_size_nm: [0.03, 0.03]" in text
    assert "profile" in text
    (row,) = [line for line in text.splitlines() if "12.5" in line]
    assert "LiF" in row


def test_scripts_read_one_json_object(archive: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["inspect", str(archive), "--json"]) == 0
    said = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (said["run"], said["frames"], said["account"]["missing"]) == ("7", 2, 1)
    assert [a["name"] for a in said["analyses"]] == ["hrtem"]


def test_what_is_no_archive_is_one_plain_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "x.nxs").write_bytes(b"nothing")
    assert main(["inspect", str(tmp_path / "x.nxs")]) == 2
    said = capsys.readouterr().err
    assert said.startswith("beamside: ")
    assert len(said.splitlines()) == 1
