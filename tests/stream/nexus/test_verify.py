"""What is wrong with an archive is found and named: files, frames, counts."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import h5py
import hdf5plugin  # noqa: F401  (registers the filter)
import numpy as np
import pytest

from beamside.stream.errors import FileError
from beamside.stream.messages import Frame, RunStart, RunStop
from beamside.stream.nexus import (
    Archive,
    Limits,
    claim,
    open_archive,
    read_frame,
    read_summary,
)
from beamside.stream.nexus.verify import Verdict, verify

MakeFrame = Callable[..., Frame]
LIMITS = Limits(segment_frames=8, reserve_bytes=1 << 16)
NUMBERS = (*range(20), 10**9)


@pytest.fixture
def path(tmp_path: Path, start: RunStart, frame: MakeFrame) -> Path:
    """A run of three segments and one far frame."""
    archive = Archive.create(tmp_path, claim(tmp_path, start), start, limits=LIMITS)
    for number in NUMBERS:
        archive.add(frame(number, "raw" if number % 3 else "bslz4"))
    account = {"received": len(NUMBERS), "archived": len(NUMBERS)}
    return archive.close(RunStop("microscope", "run-7", "complete", "the end", account))


def said(verdict: Verdict) -> str:
    return "\n".join(str(problem) for problem in verdict.problems)


def place_of(segment: Path, row: int) -> int:
    """Where in the file the pixels of a row begin."""
    with h5py.File(segment) as file:
        info = file["entry/data/data"].id.get_chunk_info_by_coord((row, 0, 0))
        return int(info.byte_offset)


def flip(path: Path, at: int) -> None:
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(data)


def test_a_whole_archive_is_sound(path: Path) -> None:
    verdict = verify(path)
    assert verdict.sound
    assert (verdict.run, verdict.status) == ("run-7", "complete")
    assert (verdict.segments, verdict.frames) == (4, 21)
    assert replace(verify(path.with_suffix("")), path=str(path)) == verdict


def test_a_flipped_bit_in_pixels_names_the_frame_and_its_file(path: Path) -> None:
    segment = path.with_suffix("") / "frames-000001.h5"
    flip(segment, place_of(segment, 3) + 40)
    verdict = verify(path)
    assert [(p.file, p.frame) for p in verdict.problems] == [("frames-000001.h5", 11)]
    assert "CRC-32" in said(verdict)
    assert verdict.frames == 20
    assert not verdict.sound


@pytest.mark.slow
def test_any_flipped_byte_of_a_segment_is_found_or_is_of_no_meaning(
    path: Path, tmp_path: Path
) -> None:
    """Whatever is hit, verify says something, or every frame is as it was."""
    before = [read_frame(path, number) for number in NUMBERS]
    segment = path.with_suffix("") / "frames-000000.h5"
    whole = segment.read_bytes()
    script = [sys.executable, "-c", HIT, str(path), str(segment)]
    for at in np.random.default_rng(0).integers(0, len(whole), 15).tolist():
        damaged = bytearray(whole)
        damaged[at] ^= 0x55
        segment.write_bytes(damaged)
        done = subprocess.run(
            script, capture_output=True, text=True, check=False, timeout=30, cwd=tmp_path
        )
        if done.stdout == "sound\n":
            assert [read_frame(path, number) for number in NUMBERS] == before


HIT = """
import sys
from pathlib import Path
from beamside.stream.errors import FileError
from beamside.stream.nexus.verify import verify
try:
    print("sound" if verify(Path(sys.argv[1])).sound else "damaged")
except FileError:
    print("refused")
"""


def test_a_missing_segment_shows_as_missing_frames_and_is_named(path: Path) -> None:
    (path.with_suffix("") / "frames-000001.h5").unlink()
    verdict = verify(path)
    text = said(verdict)
    assert "frames-000001.h5" in text
    assert "is missing" in text
    assert "frames 8-15" in text
    assert "the account says 21 archived, the segments hold 13" in text
    with h5py.File(path) as file:
        valid = file["entry/frames/frame_valid"][:]
        assert valid.tolist() == [1] * 8 + [0] * 8 + [1] * 4
        assert (file["entry/data/data"][8] == 65535).all()
        assert file["entry/data/frame_number"][:].tolist() == list(range(20))
    with open_archive(path) as archive:
        assert list(archive.numbers) == [*range(8), *range(16, 20), 10**9]
    with pytest.raises(FileError, match=r"frame 9 was in frames-000001\.h5.*missing"):
        read_frame(path, 9)
    assert read_summary(path).problems


@pytest.mark.parametrize("size", [0, 100, 3000, 20_000])
def test_a_cut_segment_is_named_and_the_others_are_read(path: Path, size: int) -> None:
    segment = path.with_suffix("") / "frames-000000.h5"
    segment.write_bytes(segment.read_bytes()[:size])
    verdict = verify(path)
    assert "frames-000000.h5" in said(verdict)
    assert verdict.frames == 13


def test_what_does_not_belong_is_told(path: Path) -> None:
    folder = path.with_suffix("")
    copy = folder / "frames-000007.h5"
    copy.write_bytes((folder / "frames-000000.h5").read_bytes())
    assert "frames-000007.h5: lies there" in said(verify(path))


def test_one_segment_in_anothers_place_is_found(path: Path) -> None:
    folder = path.with_suffix("")
    (folder / "frames-000001.h5").write_bytes((folder / "frames-000000.h5").read_bytes())
    text = said(verify(path))
    assert "lacks frames 8-15" in text
    assert "frames that the master does not list: 0-7" in text
    assert "frame 0: is in another segment too" in text


def test_an_account_that_does_not_agree_is_told(
    tmp_path: Path, start: RunStart, frame: MakeFrame
) -> None:
    archive = Archive.create(tmp_path, claim(tmp_path, start), start)
    archive.add(frame(0))
    path = archive.close(RunStop("microscope", "run-7", account={"archived": 2}))
    assert "the account says 2 archived, the segments hold 1" in said(verify(path))


def test_a_run_that_goes_on_is_checked_as_far_as_it_is_readable(
    tmp_path: Path, start: RunStart, frame: MakeFrame
) -> None:
    archive = Archive.create(tmp_path, claim(tmp_path, start), start, limits=LIMITS)
    for number in range(12):
        archive.add(frame(number))
    archive.abandon()
    verdict = verify(archive.folder)
    assert (verdict.status, verdict.frames) == ("unfinished", 12)
    assert [p.what for p in verdict.problems] == ["the run has no end: it goes on, or was cut off"]


def test_a_master_that_lists_more_than_there_can_be_is_refused(path: Path) -> None:
    with h5py.File(path, "r+") as file:
        account = file["entry/account"]
        del account["segments"]
        account["segments"] = np.bytes_(
            b'[{"file":"frames-000000.h5","kind":"frames","rows":8,"channels":["data"],"ranges":[[0,99999999999]]}]'
        )
    with pytest.raises(FileError, match="too many frames"):
        read_summary(path)
