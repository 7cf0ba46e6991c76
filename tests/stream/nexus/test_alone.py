"""Results in a NeXus file of their own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from beamside.stream.errors import ArchiveError
from beamside.stream.messages import Result, RunStart, RunStop
from beamside.stream.nexus import open_archive, read_result, write_results
from beamside.stream.nexus.tables import MOST_VARIANTS

START, STOP = RunStart("batch", "batch", 3), RunStop("batch", "batch")


def result(number: int, size: int = 4) -> Result:
    data = xr.Dataset(
        {
            "map": (("frame", "y"), np.full((1, size), float(number))),
            "spot_d": ("spot", [0.1 * number] * number, {"units": "nm"}),
            "spot_frame": ("spot", np.zeros(number, np.int64)),
        },
        {"y": np.arange(size) * 0.1},
    )
    return Result("batch", "batch", (number,), "hrtem", data)


def test_results_come_back_without_any_frame(tmp_path: Path) -> None:
    (path,) = write_results(tmp_path, "hrtem", START, (result(n) for n in (0, 1, 2)), STOP)
    assert path == tmp_path / "hrtem.nxs"
    data = read_result(path, "hrtem")
    assert data["frame"].values.tolist() == [0, 1, 2]
    assert data["spot_frame"].values.tolist() == [1, 2, 2]
    assert data["map"].values[:, 0].tolist() == [0.0, 1.0, 2.0]
    with open_archive(path) as archive:
        assert archive.status == "complete"
        assert len(archive.numbers) == 0
        assert archive.problems == []
    assert [p.name for p in tmp_path.iterdir()] == ["hrtem.nxs"]


def test_what_was_there_is_replaced(tmp_path: Path) -> None:
    write_results(tmp_path, "hrtem", START, [result(0), result(1)], STOP)
    (path,) = write_results(tmp_path, "hrtem", START, [result(2)], STOP)
    assert read_result(path, "hrtem")["frame"].values.tolist() == [2]


def test_more_shapes_than_one_file_takes_go_on_in_another(tmp_path: Path) -> None:
    many = MOST_VARIANTS + 5
    written = write_results(tmp_path, "r", START, (result(n, n + 2) for n in range(many)), STOP)
    assert [path.name for path in written] == ["r.nxs", "r_2.nxs"]
    frames = [read_result(path, "hrtem")["frame"].values for path in written]
    assert np.concatenate(frames).tolist() == list(range(many))


def test_a_trouble_with_a_result_leaves_what_was_there(tmp_path: Path) -> None:
    (path,) = write_results(tmp_path, "hrtem", START, [result(1)], STOP)

    def troubled() -> Iterator[Result]:
        yield result(5)
        raise RuntimeError("the disk went away")

    with pytest.raises(ArchiveError, match="no results can be written"):
        write_results(tmp_path, "hrtem", START, troubled(), STOP)
    assert read_result(path, "hrtem")["frame"].values.tolist() == [1]
    assert [p.name for p in tmp_path.iterdir()] == ["hrtem.nxs"]
