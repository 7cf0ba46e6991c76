"""A folder that is being written, watched."""

from __future__ import annotations

import logging
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from beamside.stream import watch as module
from beamside.stream.errors import FileError
from beamside.stream.watch import MOST_AT_ONCE, RECHECKED, Watch

Start = Callable[..., Watch]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "share").mkdir()
    return tmp_path / "share"


@pytest.fixture
def start(folder: Path, tmp_path: Path) -> Iterator[Start]:
    """Start a watch of the folder, as after a restart: the one before is closed."""
    with ExitStack() as stack:

        def begin(**options: Any) -> Watch:
            stack.close()
            watch = Watch(folder, tmp_path / "state", **{"settle_s": 2.0, **options})
            stack.callback(watch.close)
            return watch

        yield begin


def image(path: Path, value: int = 0) -> Path:
    np.save(path, np.full((4, 4), value, "u2"))
    return path


def test_a_file_is_given_once_when_it_has_settled(folder: Path, start: Start) -> None:
    watch = start()
    path = image(folder / "a.npy")
    assert watch.poll(100.0) == []
    assert watch.poll(101.9) == []
    assert watch.poll(102.0) == [path]
    assert watch.poll(110.0) == []


def test_a_growing_file_is_given_only_when_it_has_stopped(folder: Path, start: Start) -> None:
    watch = start()
    path = folder / "a.npy"
    whole = image(folder / "b.npy").read_bytes()
    (folder / "b.npy").unlink()
    for second, length in enumerate(range(10, len(whole), 10)):
        path.write_bytes(whole[:length])
        assert watch.poll(float(second)) == []
    path.write_bytes(whole)
    assert watch.poll(100.0) == []
    assert watch.poll(102.0) == [path]


def test_a_file_that_pauses_in_the_middle_is_not_complete(folder: Path, start: Start) -> None:
    watch = start()
    path = image(folder / "a.npy")
    whole = path.read_bytes()
    path.write_bytes(whole[:-5])
    for second in range(0, 40, 2):
        assert watch.poll(float(second)) == []
    path.write_bytes(whole)
    assert watch.poll(50.0) == []
    assert watch.poll(52.0) == [path]


def test_one_that_never_opens_is_given_in_the_end_and_not_passed_over(
    folder: Path, start: Start, caplog: pytest.LogCaptureFixture
) -> None:
    watch = start(patience_s=60.0)
    path = folder / "a.npy"
    path.write_bytes(b"garbage")
    given = {second: watch.poll(float(second)) for second in range(0, 100, 5)}
    assert {second: paths for second, paths in given.items() if paths} == {60: [path]}
    assert "given though it does not open" in caplog.text


def test_an_unknown_unit_is_no_reason_to_wait(folder: Path, start: Start) -> None:
    h5py = pytest.importorskip("h5py")
    with h5py.File(folder / "a.h5", "w") as file:
        file.attrs["signal"], file.attrs["axes"] = "d", ["y", "x"]
        file["d"] = np.zeros((4, 4))
        for axis in "yx":
            file[axis] = np.arange(4.0)
            file[axis].attrs["units"] = "furlong"
    watch = start()
    watch.poll(0.0)
    assert watch.poll(2.0) == [folder / "a.h5"]


def test_the_shares_clock_does_not_matter(folder: Path, start: Start) -> None:
    watch = start()
    for name, date in (("past", 1), ("future", time.time() + 1e6)):
        os.utime(image(folder / f"{name}.npy"), (date, date))
    assert watch.poll(0.0) == []
    assert {path.stem for path in watch.poll(2.0)} == {"past", "future"}


def test_files_come_in_the_order_in_which_they_were_written(folder: Path, start: Start) -> None:
    watch = start()
    for date, name in enumerate("cab"):
        os.utime(image(folder / f"{name}.npy"), (date, date))
    watch.poll(0.0)
    assert [path.stem for path in watch.poll(2.0)] == ["c", "a", "b"]


@pytest.mark.parametrize(
    "name",
    [".a.npy", "~a.npy", "~$a.npy", "a.npy~", "a.npy.tmp", "a.npy.part", "a.npy.PART"],
)
@pytest.mark.parametrize("patterns", [module.PATTERNS, ("*.npy*",)])
def test_temporary_names_are_left_alone_until_they_are_renamed(
    folder: Path, start: Start, name: str, patterns: tuple[str, ...]
) -> None:
    watch = start(patterns=patterns)
    image(folder / "x.npy").rename(folder / name)
    watch.poll(0.0)
    assert watch.poll(9.0) == []
    (folder / name).rename(folder / "b.npy")
    watch.poll(20.0)
    assert watch.poll(22.0) == [folder / "b.npy"]


def test_capitals_in_a_suffix_do_not_matter(folder: Path, start: Start) -> None:
    watch = start()
    image(folder / "a.npy").rename(folder / "A.NPY")
    watch.poll(0.0)
    assert watch.poll(2.0) == [folder / "A.NPY"]


def test_only_what_the_patterns_ask_for_is_taken(folder: Path, start: Start) -> None:
    watch = start(patterns=("scan*.npy",))
    image(folder / "a.npy")
    image(folder / "scan1.npy")
    watch.poll(0.0)
    assert watch.poll(2.0) == [folder / "scan1.npy"]


def test_subfolders_are_looked_into_only_if_asked(folder: Path, start: Start) -> None:
    (folder / "deep/er").mkdir(parents=True)
    (folder / "deep.npy").mkdir()
    (folder / ".hidden").mkdir()
    (folder / "deep/loop").symlink_to(folder)
    paths = [image(folder / "a.npy"), image(folder / "deep/er/a.npy")]
    image(folder / ".hidden/a.npy")
    for recursive, wanted in ((False, paths[:1]), (True, paths)):
        watch = start(recursive=recursive)
        watch.poll(0.0)
        assert sorted(watch.poll(2.0)) == sorted(wanted)
    for path in paths:
        watch.acknowledge(path)
    watch = start(recursive=True)
    watch.poll(0.0)
    assert watch.poll(2.0) == []


# exactly once, also after a restart


def test_what_was_acknowledged_is_not_given_after_a_restart(folder: Path, start: Start) -> None:
    watch = start()
    paths = [image(folder / f"{name}.npy") for name in "ab"]
    watch.poll(0.0)
    assert sorted(watch.poll(2.0)) == paths
    watch.acknowledge(paths[0])
    watch = start()
    watch.poll(0.0)
    assert watch.poll(2.0) == [paths[1]]


def test_a_crash_between_giving_and_archiving_gives_it_again(folder: Path, start: Start) -> None:
    path = image(folder / "a.npy")
    for _ in range(3):
        watch = start()
        watch.poll(0.0)
        assert watch.poll(2.0) == [path]
    watch.acknowledge(path)
    watch = start()
    watch.poll(0.0)
    assert watch.poll(2.0) == []


def test_a_file_that_was_never_given_can_not_be_acknowledged(folder: Path, start: Start) -> None:
    watch = start()
    with pytest.raises(KeyError):
        watch.acknowledge(image(folder / "a.npy"))


def test_one_written_anew_is_taken_again_and_counted(
    folder: Path, start: Start, caplog: pytest.LogCaptureFixture
) -> None:
    watch = start()
    path = image(folder / "a.npy")
    watch.poll(0.0)
    watch.acknowledge(watch.poll(2.0)[0])
    np.save(path, np.zeros((5, 5)))
    assert watch.poll(3.0) == []
    assert watch.poll(5.0) == [path]
    assert watch.rewritten == 1
    assert [r.message for r in caplog.records if r.levelno == logging.WARNING] == [
        "a.npy was written anew: taken again, as a new recording"
    ]
    watch.acknowledge(path)
    watch = start()
    watch.poll(0.0)
    assert watch.poll(2.0) == []


def test_one_written_anew_while_beamside_was_down_is_taken_again(
    folder: Path, start: Start
) -> None:
    watch = start()
    path = image(folder / "a.npy")
    watch.poll(0.0)
    watch.acknowledge(watch.poll(2.0)[0])
    np.save(path, np.zeros((5, 5)))
    watch = start()
    watch.poll(0.0)
    assert watch.poll(2.0) == [path]
    assert watch.rewritten == 1


def test_given_twice_before_it_is_acknowledged_needs_two_acknowledgements(
    folder: Path, start: Start
) -> None:
    watch = start()
    path = image(folder / "a.npy")
    watch.poll(0.0)
    watch.poll(2.0)
    np.save(path, np.zeros((5, 5)))
    watch.poll(3.0)
    assert watch.poll(5.0) == [path]
    watch.acknowledge(path)
    watch = start()
    watch.poll(0.0)
    assert watch.poll(2.0) == [path], "the second content was not yet safe"


def test_the_state_file_may_lie_in_the_folder_itself(folder: Path) -> None:
    watch = Watch(folder, folder / "state.npy", settle_s=0.0)
    path = image(folder / "a.npy")
    assert watch.poll(0.0) == [path]
    watch.acknowledge(path)
    assert watch.poll(1.0) == []
    watch.close()


# shares that come and go, and many files


def test_a_share_that_goes_away_is_waited_for(
    folder: Path, start: Start, caplog: pytest.LogCaptureFixture
) -> None:
    watch = start()
    path = image(folder / "a.npy")
    watch.poll(0.0)
    away = folder.with_name("away")
    for second in (1.0, 2.0):
        folder.rename(away)
        assert watch.poll(second) == []
        assert watch.poll(second) == []
        away.rename(folder)
    assert watch.unreachable == 4
    assert watch.poll(3.0) == [path]
    assert [r.message.split(" (")[0] for r in caplog.records] == [
        f"{folder} can't be read",
        f"{folder} can be read again",
    ]


def test_a_file_removed_before_it_settled_is_forgotten(folder: Path, start: Start) -> None:
    watch = start()
    path = image(folder / "a.npy")
    watch.poll(0.0)
    path.unlink()
    assert watch.poll(2.0) == []
    image(path)
    assert watch.poll(4.0) == []
    assert watch.poll(6.0) == [path]


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="is no folder"):
        Watch(tmp_path / "none", tmp_path / "state")


def test_many_files_at_once_come_some_at_a_time_and_all(folder: Path, start: Start) -> None:
    whole = image(folder / "0.npy").read_bytes()
    for number in range(1, 200):
        (folder / f"{number}.npy").write_bytes(whole)
    (folder / "garbage.npy").write_bytes(b"x")
    watch = start()
    watch.poll(0.0)
    given: list[Path] = []
    for tick in range(16):
        some = watch.poll(2.0 + tick / 10)
        assert len(some) <= MOST_AT_ONCE
        given += some
    assert len(given) == len(set(given)) == 200


def test_a_rewritten_one_among_thousands_is_found_in_a_few_looks(
    folder: Path, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_AT_ONCE", 10**6)
    monkeypatch.setattr(module, "why_not", lambda path: "")
    count = 3 * RECHECKED + 7
    for number in range(count):
        (folder / f"{number}.npy").write_bytes(b"x")
    watch = start()
    watch.poll(0.0)
    assert len(watch.poll(2.0)) == count
    (folder / "77.npy").write_bytes(b"xx")
    given = [path.name for tick in range(10) for path in watch.poll(10.0 + tick)]
    assert given == ["77.npy"]


@pytest.mark.slow
def test_a_look_at_ten_thousand_files_is_cheap(
    folder: Path, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_AT_ONCE", 10**6)
    monkeypatch.setattr(module, "why_not", lambda path: "")
    for number in range(10_000):
        (folder / f"{number}.npy").touch()
    watch = start()
    watch.poll(0.0)
    assert len(watch.poll(2.0)) == 10_000
    began = time.process_time()
    for tick in range(20):
        assert watch.poll(3.0 + tick) == []
    assert (time.process_time() - began) / 20 < 0.2


def test_real_files_are_taken_when_they_have_been_copied(
    shared_data: Path, folder: Path, start: Start
) -> None:
    pytest.importorskip("ncempy")
    source = shared_data / "hrtem/real/example_Se_implanted_MoS2.dm3"
    whole = source.read_bytes()
    watch = start()
    (folder / source.name).write_bytes(whole[: len(whole) // 2])
    watch.poll(0.0)
    assert watch.poll(2.0) == [], "half of it is no file"
    shutil.copy(source, folder)
    watch.poll(5.0)
    assert watch.poll(7.0) == [folder / source.name]
