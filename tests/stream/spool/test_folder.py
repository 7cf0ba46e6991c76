from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import pytest

from beamside.stream.errors import SpoolError
from beamside.stream.spool import LogReader, RunSpool, SpoolRoot, Syncer, note


def test_a_run_has_two_logs_and_goes_on_after_it_was_left(tmp_path: Path) -> None:
    root = SpoolRoot(tmp_path / "spool")
    run = root.create("det-5")
    run.log.append(*note("start"))
    run.frames.append({"kind": "frame"}, [bytes(500)])
    assert run.nbytes == root.nbytes > 500
    run.close()
    root.close()
    again = RunSpool.open(tmp_path / "spool" / "det-5")
    assert (again.torn, again.nbytes) == (0, run.nbytes)
    again.log.append(*note("stop"))
    again.close()
    kinds = [record.kind for _, record in LogReader(again.path, "log").scan()]
    assert kinds == ["start", "stop"]


def test_a_torn_tail_of_either_log_is_told(tmp_path: Path) -> None:
    run = RunSpool.create(tmp_path, "a")
    run.frames.append({"kind": "frame"}, [bytes(500)])
    run.log.append(*note("start"))
    run.close()
    with (tmp_path / "a" / "frames-000000.bslog").open("ab") as file:
        file.write(b"BSR1 half a record")
    again = RunSpool.open(tmp_path / "a")
    assert again.torn == 18
    again.close()


def test_leftovers_are_the_runs_and_nothing_else(tmp_path: Path) -> None:
    root = SpoolRoot(tmp_path)
    for name in ("b", "a"):
        root.create(name).close()
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("x")
    assert sorted(path.name for path in root.leftovers()) == ["a", "b"]
    RunSpool.open(tmp_path / "a").remove()
    assert [path.name for path in root.leftovers()] == ["b"]
    root.close()


def test_removing_a_run_tells_what_it_freed_and_may_be_done_twice(tmp_path: Path) -> None:
    run = RunSpool.create(tmp_path, "a")
    run.frames.append({"kind": "frame"}, [bytes(500)])
    assert run.remove() > 500
    assert run.remove() == 0
    assert not (tmp_path / "a").exists()


def test_a_name_is_taken_once_and_a_folder_without_logs_is_no_spool(tmp_path: Path) -> None:
    RunSpool.create(tmp_path, "a").close()
    with pytest.raises(SpoolError, match=r"can't make the spool folder .*File exists"):
        RunSpool.create(tmp_path, "a")
    with pytest.raises(SpoolError, match="is no spool"):
        RunSpool.open(tmp_path)
    with pytest.raises(SpoolError, match="is no spool"):
        RunSpool.open(tmp_path / "none")


def test_a_root_belongs_to_one_service_at_a_time(tmp_path: Path) -> None:
    root = SpoolRoot(tmp_path)
    with pytest.raises(SpoolError, match=r"another service uses it; name another in \[spool\]"):
        SpoolRoot(tmp_path)
    root.close()
    root.close()
    SpoolRoot(tmp_path).close()


def test_the_lock_of_a_killed_service_is_free(tmp_path: Path) -> None:
    code = (
        "import sys, pathlib; from beamside.stream.spool import SpoolRoot\n"
        "root = SpoolRoot(pathlib.Path(sys.argv[1])); print('locked', flush=True); sys.stdin.read()"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert holder.stdin is not None
    assert holder.stdout is not None
    with holder.stdin, holder.stdout:
        assert holder.stdout.readline() == b"locked\n"
        with pytest.raises(SpoolError):
            SpoolRoot(tmp_path)
        holder.kill()
        holder.wait()
    SpoolRoot(tmp_path).close()


def test_a_root_that_can_not_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(SpoolError, match="can't use the spool folder"):
        SpoolRoot(tmp_path / "file")


class _Told(RunSpool):
    """A spool that says when it was synced."""

    synced: threading.Event

    def sync(self) -> None:
        super().sync()
        self.synced.set()


@pytest.mark.parametrize(("seconds", "nbytes"), [(0.05, 1 << 40), (3000.0, 1)])
def test_the_syncer_syncs_by_time_and_by_bytes(tmp_path: Path, seconds: float, nbytes: int) -> None:
    run = _Told.create(tmp_path, "a")
    run.synced = threading.Event()
    syncer = Syncer(lambda: [run], seconds=seconds, nbytes=nbytes)
    run.frames.append({"kind": "frame"}, [bytes(500)])
    syncer.look()
    assert run.synced.wait(20)
    syncer.close()
    assert (run.unsynced, syncer.error) == (0, "")
    run.close()


def test_the_syncer_says_what_it_can_not_sync_and_when_it_can_again(tmp_path: Path) -> None:
    run = RunSpool.create(tmp_path, "a")
    run.frames.append({"kind": "frame"}, [bytes(500)])
    (tmp_path / "a").rename(tmp_path / "elsewhere")
    syncer = Syncer(lambda: [run], seconds=3000, nbytes=1 << 40)
    syncer.sync()
    assert "was deleted or moved" in syncer.error
    (tmp_path / "elsewhere").rename(tmp_path / "a")
    syncer.sync()
    assert (syncer.error, run.unsynced) == ("", 0)
    syncer.close()
    run.close()
