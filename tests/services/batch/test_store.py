"""What is finished, and who may work in the folder of a report."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import xarray as xr

from beamside.services.batch.engine import changes
from beamside.services.batch.items import Item
from beamside.services.batch.store import (
    Store,
    claimed,
    key_of,
    put_result,
    read_state,
    result_in,
    write_state,
)
from beamside.stream.errors import FileError
from beamside.stream.messages import Result

ITEM = Item(Path("a/b.dm4"), "b.dm4", 0, 1, (100, 5), {"pixel_size_nm": [0.02, 0.02]})


@pytest.mark.parametrize(
    "other",
    [
        replace(ITEM, name="c.dm4"),
        replace(ITEM, index=1),
        replace(ITEM, stamp=(100, 6)),
        replace(ITEM, stamp=(101, 5)),
        replace(ITEM, calibration={"pixel_size_nm": [0.02, 0.021]}),
    ],
)
def test_whatever_makes_a_result_another_gives_another_key(other: Item) -> None:
    made_by = {"settings": {"k_max": 8.3}}
    assert key_of(ITEM, made_by) == key_of(ITEM, made_by)
    assert key_of(ITEM, made_by) != key_of(other, made_by)
    assert key_of(ITEM, made_by) != key_of(ITEM, {"settings": {"k_max": 8.2}})


def test_a_folder_that_moved_is_not_analysed_again() -> None:
    assert key_of(ITEM, {}) == key_of(replace(ITEM, path=Path("z/b.dm4")), {})


def test_a_damaged_result_is_not_finished_any_more(tmp_path: Path) -> None:
    store = Store(tmp_path)
    put_result(store.path("k"), Result("b", "b", (0,), "hrtem", xr.Dataset()))
    assert store.has("k")
    store.path("k").write_bytes(b"beamside-kept-1\nand nothing of it")
    with pytest.raises(FileError, match="damaged"):
        result_in(store.path("k"))
    assert not store.has("k")


def test_what_takes_long_is_made_once(tmp_path: Path) -> None:
    made: list[int] = []

    def make() -> Result:
        made.append(1)
        return Result("b", "b", (0,), "selfcalibration", xr.Dataset())

    assert Store(tmp_path).once("k", make).analysis == "selfcalibration"
    assert Store(tmp_path).once("k", make).analysis == "selfcalibration"
    assert len(made) == 1


def test_only_what_is_wanted_stays(tmp_path: Path) -> None:
    store = Store(tmp_path)
    for key in "ab":
        put_result(store.path(key), Result("b", "b", (0,), "hrtem", xr.Dataset()))
    (store.folder / ".c.result.99.part").write_bytes(b"half")
    assert store.has("a")
    assert store.tidy() == 1
    assert [path.name for path in store.folder.iterdir()] == ["a.result"]


def test_two_batches_never_share_a_folder(tmp_path: Path) -> None:
    with (
        claimed(tmp_path / "r"),
        pytest.raises(FileError, match="in use by another batch"),
        claimed(tmp_path / "r"),
    ):
        pass
    with claimed(tmp_path / "r"):
        pass


def test_a_folder_with_something_else_in_it_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("mine")
    with pytest.raises(FileError, match="holds no report of beamside"), claimed(tmp_path):
        pass


def test_a_folder_that_can_not_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(FileError, match="nothing can be written there"),
        claimed(tmp_path / "file" / "r"),
    ):
        pass


def test_a_state_that_can_not_be_read_is_none(tmp_path: Path) -> None:
    write_state(tmp_path, {"settings": {"a": (1, 2)}})
    assert read_state(tmp_path) == {"settings": {"a": [1, 2]}}
    (tmp_path / "batch.json").write_text("{half")
    assert read_state(tmp_path) == {}


def test_what_changed_since_is_said() -> None:
    before = {"settings": {"k": [1, 2]}, "made_by": {}, "files": {"a": [1], "b": [1], "c": [1]}}
    now = {"settings": {"k": (1, 2)}, "made_by": {}, "files": {"a": [1], "b": [2], "d": [1]}}
    assert list(changes({}, now)) == []
    assert list(changes(before, now)) == [
        "1 files new: d",
        "1 files gone: c",
        "1 files changed, or with another pixel size: b",
    ]
    first = next(iter(changes(before, {**now, "settings": {"k": (1, 3)}})))
    assert first == "k is (1, 3), was [1, 2]: all is analysed again"
