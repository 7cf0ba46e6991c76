"""Which files and frames there are to do."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from beamside.services.batch.items import gather, natural
from beamside.stream.errors import FileError


def save(path: Path, count: int = 1) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    np.save(path, np.zeros((count, 8, 9), np.uint16))


def test_frames_come_in_the_order_of_numbers_in_names(tmp_path: Path) -> None:
    for name in ("f10.npy", "f9.npy", "b/f1.npy"):
        save(tmp_path / name)
    found = gather([tmp_path], tmp_path / "out", None)
    assert [item.name for item in found.items] == ["b/f1.npy", "f9.npy", "f10.npy"]


def test_a_stack_is_as_many_frames(tmp_path: Path) -> None:
    save(tmp_path / "stack.npy", 3)
    found = gather([tmp_path / "stack.npy"], tmp_path / "out", (0.1, 0.2))
    assert [item.label for item in found.items] == [f"stack.npy frame {n}" for n in range(3)]
    assert found.items[0].pixel_size == (0.1, 0.2)


def test_the_report_and_hidden_files_are_no_input(tmp_path: Path) -> None:
    for name in ("a.npy", "out/pictures/b.npy", ".trash/c.npy", ".d.npy"):
        save(tmp_path / name)
    (tmp_path / "notes.md").write_text("")
    found = gather([tmp_path], tmp_path / "out", None)
    assert [item.name for item in found.items] == ["a.npy"]
    assert found.others == 1


def test_a_file_that_is_named_twice_is_done_once(tmp_path: Path) -> None:
    save(tmp_path / "a.npy")
    found = gather([tmp_path, tmp_path / "a.npy"], tmp_path / "out", None)
    assert len(found.items) == 1


def test_damaged_files_are_named_and_the_others_go_on(tmp_path: Path) -> None:
    save(tmp_path / "a.npy")
    (tmp_path / "b.npy").write_bytes(b"\x93NUMPY")
    (tmp_path / "c.dm4").write_bytes(b"")
    found = gather([tmp_path], tmp_path / "out", None)
    assert list(found.refused) == ["b.npy", "c.dm4"]
    assert len(found.items) == 1


def test_a_link_to_itself_is_called_that_and_the_others_go_on(tmp_path: Path) -> None:
    save(tmp_path / "a.npy")
    (tmp_path / "b.npy").symlink_to("b.npy")
    (tmp_path / "round").symlink_to(tmp_path)
    found = gather([tmp_path], tmp_path / "out", None)
    assert [item.name for item in found.items] == ["a.npy"]
    assert found.refused == {"b.npy": "a link to b.npy, which leads back to itself"}


def test_a_link_to_nothing_is_called_that(tmp_path: Path) -> None:
    save(tmp_path / "a.npy")
    (tmp_path / "b.npy").symlink_to(tmp_path / "gone.npy")
    found = gather([tmp_path], tmp_path / "out", None)
    assert found.refused == {"b.npy": f"a link to {tmp_path / 'gone.npy'}, which is not there"}


def test_a_path_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="no such file or folder"):
        gather([tmp_path / "nowhere"], tmp_path / "out", None)


def test_numbers_sort_as_numbers() -> None:
    assert sorted(["a10", "a9b2", "a9b10", "a"], key=natural) == ["a", "a9b2", "a9b10", "a10"]
