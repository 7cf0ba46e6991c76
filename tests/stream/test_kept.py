"""A message in a file: whole, or a plain word that it is not."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from beamside.stream.errors import FileError
from beamside.stream.kept import keep, kept
from beamside.stream.messages import Result


def result() -> Result:
    data = xr.Dataset(
        {
            "map": (("frame", "y", "x"), np.arange(12.0).reshape(1, 3, 4), {"units": "nm"}),
            "spot_label": ("spot", np.array(["Li 110", ""])),
        },
        attrs={"note": "é"},
    )
    return Result("batch", "a", (7,), "hrtem", data, {"settings": {"k_max": 8.3}}, seconds=0.5)


def test_what_is_kept_comes_back_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "a.result"
    size = keep(path, result())
    again = kept(path)
    assert size == path.stat().st_size
    assert isinstance(again, Result)
    assert again.frames == (7,)
    assert again.provenance == {"settings": {"k_max": 8.3}}
    xr.testing.assert_identical(again.data, result().data)
    assert [p.name for p in tmp_path.iterdir()] == ["a.result"]


@pytest.mark.parametrize("share", [0.0, 0.01, 0.3, 0.99])
def test_a_file_that_was_cut_is_named(tmp_path: Path, share: float) -> None:
    path = tmp_path / "a.result"
    size = keep(path, result())
    os.truncate(path, int(share * size))
    with pytest.raises(FileError, match=r"a\.result is damaged"):
        kept(path)


def test_one_wrong_byte_anywhere_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "a.result"
    size = keep(path, result())
    whole = path.read_bytes()
    for place in range(0, size, 97):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        with pytest.raises(FileError, match="damaged"):
            kept(path)


def test_a_folder_that_refuses_is_named_and_nothing_is_left(tmp_path: Path) -> None:
    (tmp_path / "a.result").mkdir()
    with pytest.raises(FileError, match="can't be written"):
        keep(tmp_path / "a.result", result())
    assert [p.name for p in tmp_path.iterdir()] == ["a.result"]
