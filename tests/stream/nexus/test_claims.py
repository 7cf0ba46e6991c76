"""An application definition is claimed when all it requires is there, and only then."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import pytest

from beamside.stream.messages import Frame, RunStart, RunStop
from beamside.stream.nexus import Archive, claim

MakeFrame = Callable[..., Frame]
SAMPLE = {
    "is_simulation": False,
    "preparation_date": "2026-11-02T10:00:00+01:00",
    "atom_types": ["Li", "O"],
}
DETECTOR = {
    "detector_distance": 0.2,
    "x_pixel_size": 75e-6,
    "y_pixel_size": 75e-6,
    "sensor_thickness": 450e-6,
    "sensor_material": "Si",
    "beam_center_x": 25.5,
    "beam_center_y": 17.0,
    "wavelength": 0.97,
    "sample_name": "lysozyme",
    "source_name": "a synchrotron",
}


def claimed(
    folder: Path, start: RunStart, frame: MakeFrame, metadata: dict[str, Any]
) -> tuple[Path, str]:
    """Archive a run with this metadata; give its file and what it claims to be."""
    start = replace(start, metadata=metadata)
    archive = Archive.create(folder, claim(folder, start), start)
    archive.add(frame(0))
    path = archive.close(RunStop("microscope", "run-7", time_ns=start.time_ns + 10**9))
    with h5py.File(path) as file:
        said = file.get("entry/definition")
        return path, "" if said is None else said[()].decode()


def errors(path: Path, application: str) -> int:
    """What nexusformat finds wrong with the file as one of this application."""
    validate = pytest.importorskip("nexusformat.nexus.validate")
    return int(validate.validate_application(str(path), application=application)[1])


def errors_without(path: Path) -> int:
    """What it finds wrong with the groups and fields, whatever they are claimed to be."""
    validate = pytest.importorskip("nexusformat.nexus.validate")
    return int(validate.validate_file(str(path))[1])


@pytest.mark.expects_errors  # nexusformat logs all it says as CRITICAL
def test_a_specimen_that_is_described_makes_it_nxem(
    tmp_path: Path, start: RunStart, frame: MakeFrame
) -> None:
    path, name = claimed(tmp_path, start, frame, {"sample": SAMPLE})
    assert name == "NXem"
    assert errors(path, "NXem") == 0
    assert errors_without(path) == 0


@pytest.mark.expects_errors
def test_a_detector_that_says_where_it_stands_makes_it_nxmx(
    tmp_path: Path, start: RunStart, frame: MakeFrame
) -> None:
    path, name = claimed(tmp_path, start, frame, DETECTOR)
    assert name == "NXmx"
    assert errors(path, "NXmx") == 0
    with h5py.File(path) as file:
        module = file["entry/instrument/microscope/detector_module"]
        assert module["data_size"][:].tolist() == [36, 52]
        assert module["fast_pixel_direction"][()] == 75e-6
        offset = module["module_offset"]
        corner = offset[()] * offset.attrs["vector"]
        assert corner[0] == pytest.approx(25.5 * 75e-6)
        assert corner[1] == pytest.approx(17.0 * 75e-6)


@pytest.mark.parametrize("key", list(SAMPLE))
def test_without_one_fact_of_the_specimen_nothing_is_claimed(
    key: str, tmp_path: Path, start: RunStart, frame: MakeFrame
) -> None:
    sample = {k: v for k, v in SAMPLE.items() if k != key}
    assert claimed(tmp_path, start, frame, {"sample": sample})[1] == ""


@pytest.mark.parametrize("key", list(DETECTOR))
def test_without_one_fact_of_the_detector_nothing_is_claimed(
    key: str, tmp_path: Path, start: RunStart, frame: MakeFrame
) -> None:
    known = {k: v for k, v in DETECTOR.items() if k != key}
    assert claimed(tmp_path, start, frame, known)[1] == ""


@pytest.mark.parametrize(
    "metadata",
    [
        {"sample": "gold"},
        {"sample": {**SAMPLE, "preparation_date": "last week"}},
        {"sample": {**SAMPLE, "atom_types": [1, 2]}},
        {**DETECTOR, "beam_center_x": 0},
        {**DETECTOR, "wavelength": "short"},
        {**DETECTOR, "detector_distance": float("nan")},
    ],
)
def test_what_makes_no_sense_is_not_claimed(
    metadata: dict[str, Any], tmp_path: Path, start: RunStart, frame: MakeFrame
) -> None:
    assert claimed(tmp_path, start, frame, metadata)[1] == ""
