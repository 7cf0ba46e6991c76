from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from beamside.stream.errors import FileError
from beamside.stream.states import read_about, read_state, write_state

ARRAYS = {"a/b": np.arange(6.0).reshape(2, 3), "words": np.array(["x", "yy"]), "n": np.array(7)}


def test_arrays_come_back_as_they_were(tmp_path: Path) -> None:
    path = tmp_path / "state.npz"
    write_state(path, {"at": [0, 100], "words": "µm"}, ARRAYS)
    about, arrays = read_state(path)
    assert about == read_about(path) == {"at": [0, 100], "words": "µm"}
    assert set(arrays) == set(ARRAYS)
    for name, array in ARRAYS.items():
        assert np.array_equal(arrays[name], array)
        assert arrays[name].dtype == array.dtype


def test_a_new_state_takes_the_place_of_the_old_at_once(tmp_path: Path) -> None:
    path = tmp_path / "state.npz"
    for n in range(3):
        write_state(path, {"n": n}, {"n": np.array(n)})
    assert read_state(path)[1]["n"] == 2
    assert [file.name for file in tmp_path.iterdir()] == ["state.npz"]


def test_nothing_that_could_run_is_kept(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="allowed: numbers, texts"):
        write_state(tmp_path / "s", {}, {"o": np.array([object()])})
    np.savez(tmp_path / "o.npz", **{"about.json": np.array([{}], object)})  # type: ignore[arg-type]
    with pytest.raises(FileError):
        read_state(tmp_path / "o.npz")


def test_every_damage_is_said(tmp_path: Path) -> None:
    path = tmp_path / "state.npz"
    with pytest.raises(FileError, match="there is no"):
        read_state(path)
    write_state(path, {"n": 1}, ARRAYS)
    whole = path.read_bytes()
    refused = 0
    for cut in range(0, len(whole), 37):
        path.write_bytes(whole[:cut])
        with pytest.raises(FileError):
            read_state(path)
    for at in range(0, len(whole), 11):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 0xFF]) + whole[at + 1 :])
        try:
            read_state(path)
        except FileError:
            refused += 1
    assert refused > 50
    np.savez(path, **{"about.json": np.frombuffer(b"[]", np.uint8)})  # type: ignore[arg-type]
    with pytest.raises(FileError, match="does not say of what"):
        read_about(path)
