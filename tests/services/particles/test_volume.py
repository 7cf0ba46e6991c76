from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import xarray as xr

from beamside.analysis import operators
from beamside.analysis.particles.found import assemble, drawn
from beamside.analysis.particles.matching import tallies
from beamside.analysis.particles.stars import Stars
from beamside.models.phantoms.cuts import cuts
from beamside.services.cli import main
from beamside.services.particles.mending import mended
from beamside.stream.labelled import read_labelled
from beamside.stream.stack import stack
from beamside.stream.unfinished import Unfinished
from beamside.stream.volume import read_volume
from beamside.tests.analysis.particles.cut import packed

LABELS = packed(seed=2, fill=0.3, side=48, radius=9)


class Looking:
    """Finds what slices of labels show, and counts how often it was asked; may be stopped."""

    def __init__(self, last: int = 10**9) -> None:
        self.calls, self.last = 0, last

    def __call__(self, images: np.ndarray, calibration: operators.Calibration) -> xr.Dataset:
        self.calls += 1
        if self.calls > self.last:
            raise KeyboardInterrupt
        found = []
        for image in images:
            (cut,) = cuts(np.random.default_rng(0), image[None].astype(int), 0.0, 0.02, (0,))
            found.append(drawn(Stars(cut.points, cut.dist, cut.prob), cut.shape))
        size = calibration.pixel_size
        pixel = None if size is None else (size[0] / 1000, size[1] / 1000)
        said = assemble(found, list(images), pixel)
        return said.assign_attrs(model="truth", model_sha256="0" * 64, particle_px=18.0)


@pytest.fixture
def looking(monkeypatch: pytest.MonkeyPatch) -> Looking:
    finder = Looking()
    monkeypatch.setattr(operators, "load", lambda name, settings=None, gifts=None: finder)
    return finder


def made(capsys: pytest.CaptureFixture[str], *arguments: object) -> dict[str, Any]:
    assert main(["particles", "volume", *map(str, arguments), "--json"]) == 0
    said: dict[str, Any] = json.loads(capsys.readouterr().out)
    return said


def folder(where: Path) -> Path:
    where.mkdir()
    for index, image in enumerate(LABELS):
        tifffile.imwrite(where / f"slice_{index:03d}.tif", image.astype(np.uint16))
    return where


def test_a_folder_of_slices_becomes_labels_and_a_table_with_where_they_come_from(
    tmp_path: Path, looking: Looking, capsys: pytest.CaptureFixture[str]
) -> None:
    slices = folder(tmp_path / "slices")
    (slices / "slice_007.tif").unlink()
    tifffile.imwrite(slices / "slice_011.tif", np.zeros((9, 9), np.uint16))
    (slices / "slice_013.tif").write_bytes(b"II*\0 no more")
    out = tmp_path / "labels.nxs"
    told = made(capsys, slices, "--out", out, "--voxel", "0.1 um")
    assert any("slice_011.tif left out: 9 x 9 pixels" in note for note in told["notes"])
    assert any("slice_013.tif left out" in note for note in told["notes"])
    assert any("3 of 48 xy slices missing: 7, 11, 13" in note for note in told["notes"])
    volume = read_volume(out)
    assert volume.pixel_um == pytest.approx((0.1, 0.1))
    one = tallies(LABELS, volume.values)[0.5]
    assert one.hits / (one.hits + one.false + one.missed) > 0.8
    table = read_labelled(out)
    assert table.sizes["particle"] == told["particles"] == one.hits + one.false
    assert table["particle_volume"].attrs["units"] == "um3"
    assert told["network"]["model_sha256"] == "0" * 64
    assert not list(tmp_path.glob(".*"))


def test_work_that_was_stopped_goes_on_and_gives_the_same(
    tmp_path: Path,
    looking: Looking,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    np.save(tmp_path / "volume.npy", LABELS.astype(np.uint16))
    given = [tmp_path / "volume.npy", "--out", tmp_path / "labels.nxs"]
    whole = made(capsys, *given)
    asked, before = looking.calls, (tmp_path / "labels.nxs").read_bytes()
    stopped = Looking(last=5)
    monkeypatch.setattr(operators, "load", lambda *_, **__: stopped)
    assert main(["particles", "volume", *map(str, given)]) != 0
    assert stopped.calls == 6
    assert (tmp_path / "labels.nxs").read_bytes() == before
    rest = Looking()
    monkeypatch.setattr(operators, "load", lambda *_, **__: rest)
    assert made(capsys, *given) == whole
    assert rest.calls == asked - 5
    assert np.array_equal(read_volume(tmp_path / "labels.nxs").values > 0, _again(before, tmp_path))


def _again(before: bytes, where: Path) -> np.ndarray:
    (where / "before.nxs").write_bytes(before)
    return read_volume(where / "before.nxs").values > 0


def test_odd_slices_are_named_and_bridged_also_where_work_goes_on(tmp_path: Path) -> None:
    grey = np.where(LABELS[:20] > 0, 150, 60).astype(np.uint8)
    whole = grey.copy()
    grey[9], grey[14] = 60, 255 - grey[14]
    np.save(tmp_path / "volume.npy", grey)
    work = Unfinished(tmp_path / "work", {})
    one = mended(stack(tmp_path / "volume.npy", work), work)
    again = mended(stack(tmp_path / "volume.npy", work), work)
    assert one.missing == again.missing == (9, 14)
    assert one.notes == again.notes
    assert "slice 14 left out: inverted" in one.notes[1]
    off = np.abs(again.values.astype(float) - whole)
    assert off[[9, 14]].mean() < 5
    assert not np.delete(off, [9, 14], axis=0).any()


def test_one_view_is_linked(
    tmp_path: Path, looking: Looking, capsys: pytest.CaptureFixture[str]
) -> None:
    np.save(tmp_path / "volume.npy", LABELS.astype(np.uint16))
    told = made(capsys, tmp_path / "volume.npy", "--out", tmp_path / "l.nxs", "--views", "xy")
    assert "xy slices linked" in told["method"]
    one = tallies(LABELS, read_volume(tmp_path / "l.nxs").values)[0.5]
    assert one.hits > 0.7 * len(np.unique(LABELS))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--views", "zz"], "no view 'zz'"),
        (["--views", "xy", "--method", "fusion"], "two views at least"),
        (["--stride", "-2"], "stride must be"),
        (["--out", "labels.tif"], "written to .nxs"),
    ],
)
def test_what_cannot_be_made_is_said(
    tmp_path: Path,
    looking: Looking,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    words: str,
) -> None:
    np.save(tmp_path / "volume.npy", LABELS[:4].astype(np.uint16))
    given = ["particles", "volume", str(tmp_path / "volume.npy"), "--out", str(tmp_path / "l.nxs")]
    assert main([*given, *arguments]) != 0
    assert words in capsys.readouterr().err


def test_a_work_folder_with_other_things_is_not_cleared(
    tmp_path: Path, looking: Looking, capsys: pytest.CaptureFixture[str]
) -> None:
    np.save(tmp_path / "volume.npy", LABELS[:4].astype(np.uint16))
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").write_text("years")
    given = [str(tmp_path / "volume.npy"), "--out", str(tmp_path / "l.nxs")]
    assert main(["particles", "volume", *given, "--work", str(tmp_path / "mine")]) != 0
    assert "holds other things" in capsys.readouterr().err
    assert (tmp_path / "mine" / "thesis.tex").read_text() == "years"
