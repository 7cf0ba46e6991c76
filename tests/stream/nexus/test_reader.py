"""Archives as other programs see them, and files that are no archives."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest
import xarray as xr

from beamside.stream import decompress
from beamside.stream.errors import FileError, WireError
from beamside.stream.messages import Frame, Result, RunStart, RunStop
from beamside.stream.nexus import (
    Archive,
    Limits,
    claim,
    is_archive,
    open_archive,
    read_frame,
    read_result,
    read_summary,
)

MakeFrame = Callable[..., Frame]
MakeResult = Callable[..., Result]


@pytest.fixture
def full(tmp_path: Path, start: RunStart, frame: MakeFrame, result: MakeResult) -> Path:
    """An archive with a bit of everything."""
    archive = Archive.create(tmp_path, claim(tmp_path, start), start)
    for number in (0, 3, 1, 10**9):
        archive.add(frame(number, channels=("data", "threshold_2")))
    archive.add_result(result((0, 1)))
    archive.add_result(result((3,), size=24))
    archive.add_result(result((5,), xr.Dataset({"total": ("frame", [1.0])}), analysis="sum"))
    archive.add_result(replace(result((6,)), data=xr.Dataset(), error="no light"))
    account = {"expected": 10, "received": 4, "missing_ranges": [[2, 2]], "refused": {}}
    return archive.close(RunStop("microscope", "run-7", "complete", "the end", account))


@pytest.mark.expects_errors  # nexusformat may log all it says as CRITICAL
def test_the_nexus_checker_has_nothing_to_say(full: Path) -> None:
    validate = pytest.importorskip("nexusformat.nexus.validate")
    assert validate.validate_file(str(full)) == (0, 0)


@pytest.mark.expects_errors
def test_the_nexus_checker_would_say_if_something_were_wrong(full: Path) -> None:
    validate = pytest.importorskip("nexusformat.nexus.validate")
    with h5py.File(full, "r+") as file:
        file["entry/hrtem/phase_map"].attrs["axes"] = ["frame", "y"]
        file["entry/instrument/microscope/whatever"] = 1
    warnings, errors = validate.validate_file(str(full))
    assert warnings > 0
    assert errors > 0


def test_nexusformat_finds_the_phase_map_as_what_to_plot(full: Path) -> None:
    nexus = pytest.importorskip("nexusformat.nexus")
    root = nexus.nxload(str(full))
    plot = root.plottable_data
    assert plot.nxpath == "/entry/hrtem/phase_map"
    assert plot.nxsignal.shape == (3, 16, 16)
    assert [axis.nxname for axis in plot.nxaxes] == ["frame", "y", "x"]


def test_without_images_in_results_the_frames_are_plotted(
    tmp_path: Path, start: RunStart, frame: MakeFrame, result: MakeResult
) -> None:
    nexus = pytest.importorskip("nexusformat.nexus")
    archive = Archive.create(tmp_path, claim(tmp_path, start), start)
    archive.add_result(result((0,), xr.Dataset({"total": ("frame", [1.0])})))
    archive.add(frame(0))
    plot = nexus.nxload(str(archive.close(RunStop("microscope", "run-7")))).plottable_data
    assert plot.nxpath == "/entry/data"
    assert [axis.nxname for axis in plot.nxaxes] == ["frame_number", "y", "x"]


def test_the_summary_says_what_is_in_it_and_is_json(full: Path) -> None:
    summary = read_summary(full)
    assert (summary.source, summary.run) == ("microscope", "run-7")
    assert summary.status == "complete"
    assert summary.frames == 4
    assert summary.missing == ((2, 2), (4, 10**9 - 1))
    assert [(c.name, c.shape, c.dtype) for c in summary.channels] == [
        ("data", (36, 52), "<u2"),
        ("threshold_2", (36, 52), "<u2"),
    ]
    assert summary.calibration["pixel_size_nm"] == [0.02, 0.03]
    hrtem, total = summary.analyses
    assert (hrtem.name, hrtem.version, hrtem.frames, hrtem.failed) == ("hrtem", "0.1", 3, 1)
    assert total.name == "sum"
    by_name = {variable.name: variable for variable in hrtem.variables}
    fraction = by_name["phase_fraction"]
    assert fraction.dims == ("frame", "phase")
    assert fraction.labels == ("LiF", "Li2O")
    truth = read_result(full, "hrtem")["phase_fraction"].mean("frame").values
    assert fraction.mean == pytest.approx(truth.tolist())
    assert by_name["spot_ky"].units == "1/nm"
    again = json.loads(json.dumps(summary.as_json()))
    assert again["analyses"][0]["name"] == "hrtem"
    assert again["account"]["expected"] == 10


def test_an_unknown_analysis_is_told_with_what_there_is(full: Path) -> None:
    with pytest.raises(FileError, match=r"no results of 'nope'; it has hrtem, sum"):
        read_result(full, "nope")


READERS = [
    read_summary,
    lambda path: read_frame(path, 0),
    lambda path: read_result(path, "hrtem"),
]


@pytest.mark.parametrize("read", READERS)
def test_what_is_no_archive_is_refused_with_its_name(
    read: Callable[[Path], object], tmp_path: Path
) -> None:
    other = tmp_path / "other.nxs"
    with h5py.File(other, "w") as file:
        file["entry/data/data"] = np.zeros((2, 3, 4))
    garbage, empty = tmp_path / "garbage.nxs", tmp_path / "empty.nxs"
    garbage.write_bytes(np.random.default_rng(0).bytes(5000))
    empty.touch()
    for path, words in (
        (other, "no archive of beamside"),
        (garbage, "not an archive"),
        (empty, "not an archive"),
        (tmp_path / "absent.nxs", "no such file"),
        (tmp_path, "folder"),
    ):
        assert not is_archive(path)
        with pytest.raises(FileError, match=words) as refused:
            read(path)
        assert str(path) in str(refused.value)


def test_a_cut_archive_is_an_error_wherever_it_was_cut(full: Path, tmp_path: Path) -> None:
    whole = full.read_bytes()
    cut = tmp_path / "cut.nxs"
    for size in range(100, len(whole), len(whole) // 25):
        cut.write_bytes(whole[:size])
        with pytest.raises(FileError):
            read_summary(cut)


ATTACK = """
import sys
from pathlib import Path
from beamside.stream import decompress
from beamside.stream.errors import FileError, WireError
from beamside.stream.nexus import open_archive, read_result, read_summary
path = Path(sys.argv[1])
def tried(read):
    try:
        read()
    except (FileError, WireError):
        pass
def frames():
    with open_archive(path) as archive:
        for number in archive.numbers:
            for pixels in archive.frame(number).channels.values():
                tried(lambda: decompress.decode(pixels))
for read in (frames, lambda: read_summary(path), lambda: read_result(path, "hrtem")):
    tried(read)
print("alive")
"""


def test_a_damaged_chunk_is_an_error_and_not_the_end_of_the_process(
    full: Path, tmp_path: Path
) -> None:
    """Truncated bitshuffle-LZ4 crashes a plain HDF5 reader; ours walks the lengths first."""
    segment = full.with_suffix("") / "frames-000000.h5"
    for path, name, offset in (
        (segment, "entry/data/data", (0, 0, 0)),
        (full, "entry/hrtem/spectrum/spectrum", (1, 0, 0)),
    ):
        with h5py.File(path, "r+") as file:
            dataset = file[name].id
            _, data = dataset.read_direct_chunk(offset)
            dataset.write_direct_chunk(offset, bytes(data)[: len(data) // 2])
    script = [sys.executable, "-c", ATTACK, str(full)]
    said = subprocess.run(script, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert (said.returncode, said.stdout) == (0, "alive\n"), said.stderr[-2000:]
    with pytest.raises(FileError, match=r"spectrum.*damaged.*truncated"):
        read_result(full, "hrtem")
    with pytest.raises(WireError, match="truncated"):
        decompress.decode(read_frame(full, 0).channels["data"])
    assert decompress.decode(read_frame(full, 1).channels["data"]).any()


LIVE = """
import sys
from pathlib import Path
import numpy as np
from beamside.stream import decompress
from beamside.stream.nexus import open_archive, read_summary
for line in sys.stdin:
    folder = Path(line.strip())
    with open_archive(folder) as archive:
        numbers = list(archive.numbers)
        first = [int(decompress.decode(archive.frame(n).channels["data"])[0, 0]) for n in numbers]
    summary = read_summary(folder)
    print(summary.status, summary.frames, numbers, first, flush=True)
"""


def test_another_process_reads_along_while_it_is_written(
    tmp_path: Path, start: RunStart, frame: MakeFrame
) -> None:
    archive = Archive.create(
        tmp_path, claim(tmp_path, start), start, limits=Limits(segment_frames=4, block_s=1e9)
    )
    reader = subprocess.Popen(
        [sys.executable, "-c", LIVE],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=tmp_path,
    )
    assert reader.stdin is not None
    assert reader.stdout is not None
    given: list[int] = []
    for numbers in ((0,), (1, 3), (2, 6, 4), (9,)):
        for number in numbers:
            archive.add(frame(number))
        archive.flush()
        given += numbers
        assert set(archive.kept) == set(given)
        reader.stdin.write(f"{archive.folder}\n")
        reader.stdin.flush()
        said = reader.stdout.readline()
        assert said.startswith(f"unfinished {len(given)} {sorted(given)} "), said
        truth = [int(decompress.decode(frame(n).channels["data"])[0, 0]) for n in sorted(given)]
        assert said.rstrip().endswith(str(truth))
    reader.stdin.close()
    assert reader.wait(20) == 0
    reader.stdout.close()
    archive.abandon()


def test_many_frames_are_read_through_one_opening(full: Path) -> None:
    with open_archive(full) as archive:
        assert [archive.frame(number).number for number in archive.numbers] == [0, 1, 3, 10**9]
