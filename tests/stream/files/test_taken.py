"""The journal of what was taken."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from beamside.stream.errors import FileError
from beamside.stream.files.taken import Taken


def test_what_was_added_is_there_after_a_restart(tmp_path: Path) -> None:
    journal = Taken(tmp_path / "deep" / "down" / "j")
    journal.add("a b\n\u00e9.dm4", (5, 7))
    journal.add("b", (1, 2))
    journal.add("b", (3, 4))
    journal.close()
    again = Taken(tmp_path / "deep" / "down" / "j")
    assert again.keys == {"a b\n\u00e9.dm4": (5, 7), "b": (3, 4)}
    again.close()


def test_a_name_that_is_no_text_survives(tmp_path: Path) -> None:
    journal = Taken(tmp_path / "j")
    journal.add("caf\udce9.ser", (1, 2))
    journal.close()
    again = Taken(tmp_path / "j")
    assert "caf\udce9.ser" in again.keys
    again.close()


def test_a_last_line_cut_at_any_byte_costs_only_itself(tmp_path: Path) -> None:
    path = tmp_path / "j"
    journal = Taken(path)
    journal.add("first", (1, 2))
    journal.add("second", (3, 4))
    journal.close()
    whole = path.read_bytes()
    first = whole.index(b"\n") + 1
    for length in range(first, len(whole)):
        path.write_bytes(whole[:length])
        again = Taken(path)
        assert again.keys == {"first": (1, 2)}
        again.add("third", (5, 6))
        again.close()
        after = Taken(path)
        assert after.keys == {"first": (1, 2), "third": (5, 6)}
        after.close()


@pytest.mark.parametrize("line", [b"\0\0\0", b"{}", b'["x"]', b'["x", null, 1]', b"\xff\xfe", b"7"])
def test_a_damaged_line_is_passed_over_with_a_warning(
    tmp_path: Path, line: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "j"
    path.write_bytes(b'["a", 1, 2]\n' + line + b'\n["b", 3, 4]\n')
    with caplog.at_level(logging.WARNING):
        journal = Taken(path)
    assert journal.keys == {"a": (1, 2), "b": (3, 4)}
    assert "1 damaged lines" in caplog.text
    journal.close()


def test_two_at_a_time_are_refused(tmp_path: Path) -> None:
    journal = Taken(tmp_path / "j")
    with pytest.raises(FileError, match="in use"):
        Taken(tmp_path / "j")
    journal.close()
    Taken(tmp_path / "j").close()


def test_a_place_that_can_not_be_written_is_said_plainly(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(FileError, match="name another state file"):
        Taken(tmp_path / "file" / "j")


def test_a_full_disk_is_said_and_costs_no_other_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = Taken(tmp_path / "j")
    journal.add("first", (1, 2))

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("os.fsync", full)
        with pytest.raises(FileError, match="No space left"):
            journal.add("second", (3, 4))
    journal.add("third", (5, 6))
    journal.close()
    again = Taken(tmp_path / "j")
    assert again.keys == {"first": (1, 2), "third": (5, 6)}
    again.close()
