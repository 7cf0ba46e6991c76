"""A spool that somebody deletes while it is written."""

from __future__ import annotations

import shutil
from pathlib import Path

from beamside.stream.spool import Log, LogReader, RunSpool


def numbers(folder: Path, name: str) -> list[int]:
    return [record.head["n"] for _, record in LogReader(folder, name).scan()]


def test_a_deleted_log_is_put_back_whole_as_long_as_its_files_are_open(tmp_path: Path) -> None:
    log = Log(tmp_path / "run", "frames", segment_bytes=4000)
    places = [log.append({"n": n}, [bytes(1000)]) for n in range(6)]
    assert places[-1].segment > 0
    shutil.rmtree(tmp_path / "run")
    assert log.put_back()
    after = log.append({"n": 6}, [bytes(1000)])
    assert numbers(tmp_path / "run", "frames") == list(range(7))
    assert LogReader(tmp_path / "run", "frames").at(after).head["n"] == 6
    assert log.unsynced
    log.sync()
    assert not log.put_back()
    log.close()


def test_what_was_synced_and_left_behind_is_gone_and_the_rest_is_there(tmp_path: Path) -> None:
    log = Log(tmp_path / "run", "frames", segment_bytes=2500)
    for n in range(6):
        log.append({"n": n}, [bytes(1000)])
    log.sync()
    shutil.rmtree(tmp_path / "run")
    assert log.put_back()
    kept = numbers(tmp_path / "run", "frames")
    assert kept == list(range(6))[-len(kept) :]
    assert log.segments.keys() == {log.end.segment}
    log.close()


def test_both_logs_of_a_run_are_put_back(tmp_path: Path) -> None:
    spool = RunSpool.create(tmp_path, "run")
    spool.frames.append({"n": 1}, [])
    spool.log.append({"n": 2}, [])
    assert not spool.put_back()
    shutil.rmtree(tmp_path)
    assert spool.put_back()
    assert numbers(tmp_path / "run", "frames") == [1]
    assert numbers(tmp_path / "run", "log") == [2]
    spool.close()
