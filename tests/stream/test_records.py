from __future__ import annotations

from pathlib import Path

import pytest

from beamside.stream.errors import FileError
from beamside.stream.records import add_record, read_records, remove_record


def test_records_are_read_back_by_name_and_removed(tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "er"
    assert read_records(folder) == {}
    add_record(folder, "b", {"x": 1})
    add_record(folder, "a", {"x": 2})
    assert read_records(folder) == {"a": {"x": 2}, "b": {"x": 1}}
    remove_record(folder, "b")
    assert list(read_records(folder)) == ["a"]
    assert [path.name for path in folder.iterdir()] == ["a.json"]


def test_a_record_is_never_replaced(tmp_path: Path) -> None:
    add_record(tmp_path, "a", {"x": 1})
    with pytest.raises(FileError, match="there is one already"):
        add_record(tmp_path, "a", {"x": 2})
    assert read_records(tmp_path) == {"a": {"x": 1}}
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]


def test_a_bad_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_bytes(b"\xff{")
    with pytest.raises(FileError, match=r"a\.json: is no record"):
        read_records(tmp_path)
    with pytest.raises(FileError, match=r"b\.json: can't be removed"):
        remove_record(tmp_path, "b")


def test_a_folder_that_can_not_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(FileError, match=r"a\.json: can't be written"):
        add_record(tmp_path / "file", "a", {})
