from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest
import tifffile
import xarray as xr

from beamside.stream.errors import FileError
from beamside.stream.labelled import read_labelled, write_labelled
from beamside.stream.volume import read_volume


@pytest.fixture
def data() -> xr.Dataset:
    row = ("particle",)
    return xr.Dataset(
        {
            "particle_label": (row, np.array([3, 7])),
            "particle_volume": (row, np.array([0.1, np.nan]), {"units": "um3", "long_name": "v"}),
            "particle_shell": ((*row, "shell"), np.eye(2)),
            "p_value": ((), 0.5),
            "flag": ("kind", np.array([True, False])),
        },
        {"shell": ("shell", [0.25, 0.75], {"units": "1"}), "kind": ("kind", ["seed", "größer"])},
        {"title": "particles", "voxel_size_um": [0.1, 0.1, 0.2]},
    )


def test_all_of_a_dataset_comes_back_from_nexus(data: xr.Dataset, tmp_path: Path) -> None:
    write_labelled(tmp_path / "new" / "table.nxs", data)
    assert read_labelled(tmp_path / "new" / "table.nxs").identical(data)
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["table.nxs"]


def test_the_table_comes_back_from_csv_with_units(data: xr.Dataset, tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    write_labelled(path, data, "particle")
    assert path.read_text("utf-8-sig").splitlines() == [
        "label,volume [um3]",
        "3,0.1",
        "7,",
    ]
    again = read_labelled(path, "particle")
    assert again["particle_label"].values.tolist() == [3, 7]
    assert again["particle_label"].dtype == np.int64
    assert again["particle_volume"].attrs == {"units": "um3"}
    assert np.isnan(again["particle_volume"][1])


def test_what_is_no_table_is_refused_in_words(data: xr.Dataset, tmp_path: Path) -> None:
    with pytest.raises(FileError, match=r"\.nxs or \.csv can"):
        write_labelled(tmp_path / "table.xlsx", data)
    for content, words in (
        ("", "no table"),
        ("a,b\n1\n", "as long as"),
        ("a\nx\n", "than numbers"),
    ):
        (tmp_path / "bad.csv").write_text(content)
        with pytest.raises(FileError, match=words):
            read_labelled(tmp_path / "bad.csv", "particle")
    with h5py.File(tmp_path / "other.nxs", "w") as file:
        file["entry"] = 1
    with pytest.raises(FileError, match="no table of beamside"):
        read_labelled(tmp_path / "other.nxs")
    (tmp_path / "cut.nxs").write_bytes(b"\x89HDF\r\n\x1a\n")
    with pytest.raises(FileError, match="damaged"):
        read_labelled(tmp_path / "cut.nxs")
    with pytest.raises(FileError, match="no such file"):
        read_labelled(tmp_path / "nothing.csv")


def test_a_volume_is_read_slice_by_slice(tmp_path: Path) -> None:
    values = np.arange(60, dtype=np.uint16).reshape(3, 4, 5)
    tifffile.imwrite(
        tmp_path / "v.tif", values, imagej=True, resolution=(10, 10), metadata={"unit": "um"}
    )
    np.savez(tmp_path / "v.npz", labels=values)
    found = read_volume(tmp_path / "v.tif")
    assert np.array_equal(found.values, values)
    assert found.pixel_um == pytest.approx((0.1, 0.1))
    assert np.array_equal(read_volume(tmp_path / "v.npz").values, values)
    assert read_volume(tmp_path / "v.npz").pixel_um is None
