"""`beamside verify` and `inspect` from the outside."""

from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path

import numpy as np
import pytest

from beamside.services.apart import apart
from beamside.services.cli import main
from beamside.stream.decompress import encode
from beamside.stream.errors import FileError
from beamside.stream.messages import Frame, RunStart, RunStop
from beamside.stream.sinks import open_sink


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """One run of three frames."""
    sink = open_sink(f"file:{tmp_path}")
    sink.send(RunStart("det", "7", expected=3))
    for n in range(3):
        sink.send(Frame("det", "7", n, {"data": encode(np.full((64, 64), n, "<u2"), "raw")}))
    sink.send(RunStop("det", "7", "complete", "the end", {"archived": 3}))
    sink.close()
    return next(tmp_path.glob("*.nxs"))


def spoil(archive: Path) -> None:
    """Flip one byte of the pixels of frame 2."""
    segment = archive.with_suffix("") / "frames-000000.h5"
    data = bytearray(segment.read_bytes())
    data[data.index(np.full(4096, 2, "<u2").tobytes()) + 5] ^= 8
    segment.write_bytes(data)


def test_a_sound_archive_is_one_line_and_exit_code_0(
    archive: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["verify", str(archive)]) == 0
    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith("sound")
    assert "3 frames in 1 segments" in line


def test_a_folder_is_all_the_archives_in_it(
    archive: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["verify", str(archive.parent)]) == 0
    assert archive.name in capsys.readouterr().out


def test_a_damaged_one_names_frame_and_file_and_is_exit_code_1(
    archive: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spoil(archive)
    assert main(["verify", str(archive)]) == 1
    head, line = capsys.readouterr().out.splitlines()
    assert head.startswith("DAMAGED")
    assert "frames-000000.h5: frame 2: CRC-32" in line


def test_scripts_read_one_json_object(archive: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", "--json", str(archive), str(archive.with_suffix(""))]) == 0
    said = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert said["sound"]
    assert [(a["frames"], a["status"]) for a in said["archives"]] == [(3, "complete")] * 2


def test_what_is_no_archive_is_not_sound(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "x.nxs").write_bytes(b"nothing")
    assert main(["verify", str(tmp_path / "x.nxs")]) == 1
    assert "is not an archive of beamside" in capsys.readouterr().out
    assert main(["verify", str(tmp_path / "absent.nxs")]) == 2
    assert "no such file" in capsys.readouterr().err


def test_a_live_run_is_inspected_by_its_folder(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sink = open_sink(f"file:{tmp_path}")
    sink.send(RunStart("det", "7", expected=3))
    sink.send(Frame("det", "7", 0, {"data": encode(np.zeros((8, 8), "<u2"))}))
    (folder,) = tmp_path.iterdir()
    assert main(["inspect", str(folder)]) == 0
    text = capsys.readouterr().out
    sink.close()
    assert "run        7 of det: unfinished" in text
    assert "frames     1, missing: none" in text
    assert "(no end yet)" in text


def test_a_reader_that_crashes_or_hangs_is_told_as_damage() -> None:
    with pytest.raises(FileError, match=r"x\.nxs made its reader crash \(SIGKILL\)"):
        apart(lambda: os.kill(os.getpid(), signal.SIGKILL), 20, "x.nxs")
    with pytest.raises(FileError, match=r"x\.nxs could not be read within 0 s"):
        apart(lambda: time.sleep(60), 0.2, "x.nxs")
    assert apart(lambda: {"a": [1]}, 20, "x.nxs") == {"a": [1]}
