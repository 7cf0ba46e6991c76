"""The folder of a service, and those that killed services left."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from beamside.services.ground import Ground, sweep


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))


def killed(tmp_path: Path) -> Path:
    """The folder of a service that was killed."""
    code = (
        f"import tempfile, os; tempfile.tempdir = {str(tmp_path)!r}\n"
        "from beamside.services.ground import Ground\n"
        "print(Ground.taken().folder, flush=True); os.kill(os.getpid(), 9)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    return Path(done.stdout.strip())


def aged(folder: Path, hours: float) -> None:
    then = time.time() - hours * 3600
    for file in folder.iterdir():
        os.utime(file, (then, then))


def test_it_is_for_this_user_alone_and_goes_with_the_service() -> None:
    ground = Ground.taken()
    assert ground.folder.stat().st_mode & 0o777 == 0o700
    ground.left()
    assert not ground.folder.exists()


def test_what_a_killed_service_left_is_kept_a_day_and_then_cleared_away(tmp_path: Path) -> None:
    left = killed(tmp_path)
    (left / "ingest.log").write_text("why")
    Ground.taken().left()
    assert (left / "ingest.log").exists()
    aged(left, 25)
    Ground.taken().left()
    assert not left.exists()


def test_a_service_that_runs_keeps_its_folder_however_long(tmp_path: Path) -> None:
    ground = Ground.taken()
    aged(ground.folder, 1000)
    assert sweep(tmp_path) == []
    ground.left()


def test_folders_and_links_of_others_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "beamside-notes").mkdir()
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "in-use").touch()
    aged(outside, 100)
    (tmp_path / "beamside-link").symlink_to(outside)
    assert sweep(tmp_path) == []
    assert (outside / "in-use").exists()
