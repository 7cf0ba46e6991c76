from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

from beamside.services.acceptance import NotAcceptedError, accepted, in_force, withdrawn
from beamside.services.cli import main
from beamside.stream import journal
from beamside.stream.messages import Frame, Pixels, Result, RunStart, RunStop
from beamside.stream.recorder import ArchiveSink

PROPOSAL = {
    "pixel_size_nm": [0.02, 0.02],
    "correction": [0.03, -0.01, 0.002],
    "correction_sigma": [0.002, 0.002, 0.002],
    "enough": True,
    "analysis": "hrtem.calibration",
    "run": "7",
}


def test_what_was_accepted_last_for_a_pixel_size_is_in_force() -> None:
    first = accepted(PROPOSAL, "ann", "page")
    other = accepted(PROPOSAL | {"pixel_size_nm": [0.05, 0.05]}, "bob", "page")
    second = accepted(PROPOSAL, "cy", "page", correction=[0.01, 0, 0])
    gone = withdrawn([0.02, 0.02], "ann", "page")
    same = [0.02 * (1 + 1e-8), 0.02]
    assert in_force([], same) is None
    assert in_force([first, other], same) == first
    assert in_force([first, other, second], same)["correction"] == [0.01, 0.0, 0.0]  # type: ignore[index]
    assert in_force([first, other, gone], same) is None
    assert in_force([first, other, gone], [0.05, 0.05]) == other
    assert in_force([first], [0.0201, 0.02]) is None
    assert in_force([first], None) is None


def test_an_acceptance_says_who_when_and_what() -> None:
    event = accepted(PROPOSAL, "  ann\n b ", "page")
    assert (event["by"], event["via"], event["run"]) == ("ann b", "page", "7")
    assert event["correction_sigma"] == PROPOSAL["correction_sigma"]
    assert event["at"].endswith("+00:00")


@pytest.mark.parametrize(
    ("change", "correction", "words"),
    [
        ({"enough": False}, None, "the evidence is too little"),
        ({"pixel_size_nm": None}, None, "no pixel size"),
        ({}, [0.4, 0, 0], "three numbers"),
        ({}, [0.3, 0, 0], "three numbers"),  # the analysis takes no more than what is below
        ({}, [0.1, 0], "three numbers"),
        ({}, [True, 0, 0], "three numbers"),
        ({}, [float("nan"), 0, 0], "three numbers"),
        ({}, "0.1", "three numbers"),
    ],
)
def test_what_makes_no_sense_is_not_accepted(
    change: dict[str, Any], correction: Any, words: str
) -> None:
    with pytest.raises(NotAcceptedError, match=words):
        accepted(PROPOSAL | change, "ann", "page", correction=correction)


def test_a_file_that_somebody_edited_is_read_with_suspicion(tmp_path: Path) -> None:
    file = tmp_path / "calibration.jsonl"
    event = accepted(PROPOSAL, "ann", "page")
    journal.append(file, event)
    with file.open("ab") as opened:
        opened.write(b'\xff\n[1]\n{"event": "accept", "pixel_size_nm": [0.02, 0.02], ')
    journal.append(file, {"event": "accept", "pixel_size_nm": [0.02, 0.02], "correction": [9, 9]})
    assert len(journal.read(file)) == 2
    assert in_force(journal.read(file), [0.02, 0.02]) == event


def archived(folder: Path, run: str = "a", pixel: float = 0.02) -> Path:
    """An archive whose frame holds no grain."""
    none = np.zeros(0)
    data = xr.Dataset(
        {
            **{f"spot_{name}": ("spot", none) for name in ("kx", "ky", "k_sigma", "snr")},
            "spot_frame": ("spot", none.astype(int)),
            "spot_grain": ("spot", none.astype(int)),
        }
    )
    sink = ArchiveSink(folder)
    sink.send(RunStart("det", run, calibration={"pixel_size_nm": [pixel, pixel]}))
    sink.send(Frame("det", run, 3, {"data": Pixels((2, 2), "<u2", "raw", bytes(8))}))
    sink.send(Result("det", run, (3,), "hrtem", data))
    sink.send(RunStop("det", run))
    return sink.written[0]


def test_the_command_line_withdraws_what_is_in_force(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = archived(tmp_path)
    assert main(["calibrate", str(path), "--withdraw"]) == 2
    assert "nothing is accepted for a pixel of [0.02, 0.02] nm" in capsys.readouterr().err
    file = tmp_path / "calibration.jsonl"
    journal.append(file, accepted(PROPOSAL, "ann", "page"))
    assert main(["calibrate", str(path), "--withdraw", "--by", "bob", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["by"] == "bob"
    assert in_force(journal.read(file), [0.02, 0.02]) is None


def test_the_command_line_accepts_nothing_without_evidence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["calibrate", str(archived(tmp_path)), "--accept"]) == 2
    assert "the evidence is too little" in capsys.readouterr().err
    assert not (tmp_path / "calibration.jsonl").exists()


def test_archives_of_two_magnifications_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    archived(tmp_path, "a")
    archived(tmp_path, "b", 0.05)
    assert main(["calibrate", str(tmp_path), "--withdraw"]) == 2
    assert "name archives of one pixel size" in capsys.readouterr().err
