"""A batch as its user sees it: files in, tables, NeXus file and report out, whatever happens."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import time
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from beamside.services.batch.store import SUFFIX, WORK
from beamside.services.cli import main
from beamside.stream.nexus import read_result


def batch(
    capsys: pytest.CaptureFixture[str], *arguments: object
) -> tuple[int, dict[str, Any], str]:
    """Run the command; its exit code, its last line and what it told."""
    code = main(["batch", "hrtem", *map(str, arguments), "--workers", "1", "--json"])
    out, err = capsys.readouterr()
    return code, json.loads(out.splitlines()[-1]) if out else {}, err


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


class Outside(HTMLParser):
    """Everything that a page refers to."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        del tag
        self.found += [value or "" for name, value in attrs if name in ("src", "href")]


@pytest.mark.timeout(240)
def test_a_mixed_folder_gives_a_report_that_names_what_has_no_result(
    tmp_path: Path, mixed: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "report"
    code, said, told = batch(capsys, mixed, "--out", out, "--pictures", 1)
    assert code == 1
    assert (said["frames"], said["failed"], said["refused_files"]) == (4, 1, 2)
    assert "cut.npz" in told
    assert "tiny.png" in told

    frames = rows(out / "frames.csv")
    assert [row["file"] for row in frames] == [
        "a.dm4", "inner/colour.jpg", "inner/oblong.png", "inner/tiny.png",
    ]  # fmt: skip
    assert [row["length_unit"] for row in frames] == ["nm", "px", "px", ""]
    assert "too small" in frames[3]["error"]
    grains, spots = rows(out / "grains.csv"), rows(out / "spots.csv")
    assert {row["length_unit"] for row in grains if row["file"] == "a.dm4"} == {"nm"}
    assert sum(int(row["grains"] or 0) for row in frames) == len(grains)
    assert sum(int(row["spots"] or 0) for row in frames) == len(spots)
    one = next(row for row in grains if row["d_spacings"])
    assert float(one["d_spacings"].split(";")[0].split()[0]) > 0

    data = read_result(out / "hrtem.nxs", "hrtem")
    assert data["frame"].values.tolist() == [0, 1, 2]
    assert data.sizes["grain"] == len(grains)
    files = read_result(out / "hrtem.nxs", "files")
    assert files["file"].values.tolist() == [row["file"] for row in frames]

    page = (out / "report.html").read_text()
    assert "cut.npz" in page
    assert "tiny.png" in page
    referred = Outside()
    referred.feed(page)
    local = [link for link in referred.found if not link.startswith("#")]
    assert local
    for link in local:  # all of it lies beside the page
        assert (out / link.replace("%20", " ")).is_file(), link
    for picture in [*out.glob("pictures/*.png"), *out.glob("session/*.png")]:
        shown = np.asarray(Image.open(picture).convert("L"))
        assert shown.std() > 5, picture

    # the same again analyses nothing, and draws nothing
    drawn = {path: path.stat().st_mtime_ns for path in out.glob("pictures/*.png")}
    code, said, told = batch(capsys, mixed, "--out", out, "--pictures", 1)
    assert (code, said["analysed"], said["frames"], said["failed"]) == (1, 0, 4, 1)
    assert {path: path.stat().st_mtime_ns for path in out.glob("pictures/*.png")} == drawn


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_killed_at_any_moment_the_same_command_goes_on(
    tmp_path: Path, phantoms: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "report"
    arguments = ["batch", "hrtem", str(phantoms), "--out", str(out), "--pictures", "0"]
    process = subprocess.Popen(
        [sys.executable, "-m", "beamside.services.cli", *arguments, "--workers", "1"],
        stderr=subprocess.DEVNULL,
    )
    end = time.monotonic() + 50
    while not list((out / WORK).glob(f"*{SUFFIX}")) and time.monotonic() < end:
        time.sleep(0.02)
    process.kill()
    assert process.wait() == -signal.SIGKILL
    finished = {path: path.stat().st_mtime_ns for path in (out / WORK).glob(f"*{SUFFIX}")}
    assert finished
    code, said, _ = batch(capsys, phantoms, "--out", out, "--pictures", 0)
    assert code == 0
    assert said["analysed"] <= 3 - len(finished)
    assert {path: path.stat().st_mtime_ns for path in finished} == finished
    assert read_result(out / "hrtem.nxs", "hrtem")["frame"].values.tolist() == [0, 1, 2]
    found = read_result(out / "hrtem.nxs", "selfcalibration")
    assert abs(found["calibration"].values[0]).max() < 0.05

    # a result that the disk has damaged is told and comes again
    one = next(iter(finished))
    os.truncate(one, 1000)
    batch(capsys, phantoms, "--out", out, "--pictures", 0)
    code, said, _ = batch(capsys, phantoms, "--out", out, "--pictures", 0)
    assert (code, said["failed"]) == (0, 0)

    # a changed setting is told, and analyses all
    code, said, told = batch(
        capsys, phantoms, "--out", out, "--pictures", 0, "--set", "false_alarms=0.2"
    )
    assert (code, said["analysed"]) == (0, 3)
    assert "false_alarms is 0.2, was 0.1" in told


def test_a_pixel_size_that_is_given_wins(
    tmp_path: Path, phantoms: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one = phantoms / "grains 1.npz"
    code, said, _ = batch(
        capsys, one, "--out", tmp_path / "r", "--pictures", 0, "--pixel-size", "0.031 nm"
    )
    assert (code, said["frames"]) == (0, 1)
    (row,) = rows(tmp_path / "r" / "frames.csv")
    assert float(row["pixel_y_nm"]) == 0.031
    assert "given by the user" in row["pixel_origin"]


@pytest.mark.parametrize(
    ("what", "words"),
    [("empty", "no image in"), ("texts", "1 of other"), ("absent", "no such file or folder")],
)
def test_a_folder_without_images_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], what: str, words: str
) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts" / "a.txt").write_text("no image")
    code, _, told = batch(capsys, tmp_path / what, "--out", tmp_path / "r")
    assert code == 2
    assert words in told


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--set", "candidates=unobtainium"], "no phase or set 'unobtainium'"),
        (["--set", "candidate=oxides"], "has no setting 'candidate'"),
        (["--pixel-size", "3"], "the unit is missing"),
        (["--pictures", "-1"], "must be 0 or more"),
    ],
)
def test_what_is_asked_wrongly_is_said_before_anything_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], words: str
) -> None:
    code, _, told = batch(capsys, tmp_path, "--out", tmp_path / "r", *arguments)
    assert code == 2
    assert words in told
    assert not (tmp_path / "r").exists()


def test_help_says_how_to_go_on(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["batch", "--help"])
    assert "goes on where it stopped" in " ".join(capsys.readouterr().out.split())
