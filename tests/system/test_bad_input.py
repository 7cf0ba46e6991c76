"""Frames that are no good, among good ones: each has its answer, and the stream goes on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image

from beamside.models.phantoms.hrtem import make
from beamside.stream.decompress import encode
from beamside.stream.messages import Frame, RunStart, RunStop
from beamside.stream.nexus import read_result, read_summary
from beamside.stream.sinks import ZmqSink
from beamside.stream.urls import parse_url

pytestmark = [pytest.mark.timeout(180), pytest.mark.slow]


@pytest.fixture(scope="module")
def good() -> np.ndarray:
    return make(7, (256, 300), phases=("Li2O", "Li"), dose=2000.0).image


def spoilt(good: np.ndarray) -> dict[str, np.ndarray]:
    """Images by name, all of any shape and type that a camera or a program writes."""
    rng = np.random.default_rng(4)
    nan = good.astype(np.float32)
    nan[20:40, 30:90] = np.nan
    bar = good.copy()
    bar[-40:-30, 30:150] = bar.max()
    eight = (255.0 * (good - good.min()) / np.ptp(good)).astype(np.uint8)
    return {
        "a-good": good,
        "b-constant": np.full_like(good, 9),
        "c-saturated": np.minimum(good, np.quantile(good, 0.7).astype(good.dtype)),
        "d-lines": (good + 200 * rng.random((256, 1))).astype(np.float32),
        "e-bar": bar,
        "f-eight": eight,
        "g-nan": nan,
        "h-all-nan": np.full((128, 128), np.nan, np.float32),
        "i-odd": good[:131, :77],
        "j-small": good[:64, :64],
        "k-tiny": good[:12, :12],
        "l-twice": good.astype(np.float32) + np.roll(good, (23, 31), (0, 1)),
        "m-good": good,
    }


def test_files_of_every_kind_are_replayed_and_answered(
    command: Callable[..., Any], tmp_path: Path, good: np.ndarray
) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    images = spoilt(good)
    for name, image in images.items():
        tifffile.imwrite(folder / f"{name}.tif", image)
    rgb = np.repeat(images["f-eight"][..., None], 3, axis=2)
    Image.fromarray(rgb).save(folder / "n-rgb.jpg")
    Image.fromarray(rgb).save(folder / "o-rgb.png")
    files = sorted(map(str, folder.iterdir()))
    told = command(
        *("replay", *files, "--pixel-size", "0.03nm", "--no-page", "--json"),
        *("--archive", str(tmp_path / "out")),
    ).end(120)
    assert told["code"] == 0
    assert told["received"] == told["archived"] == len(files) == 15
    assert told["skipped"] == {"not_analysable": 2}
    said = {}
    for path in (tmp_path / "out").rglob("*.nxs"):
        run = read_summary(path).run
        said[next(Path(file).stem for file in files if Path(file).stem in run)] = doubts(path)
    assert said["a-good"] == said["i-odd"] == said["j-small"] == said["m-good"] == ""
    for name, words in DOUBTS.items():
        assert words in said[name], name


DOUBTS = {
    "b-constant": "all pixels are equal",
    "c-saturated": "are saturated",
    "d-lines": "rows have offsets of their own",
    "e-bar": "patches of one value",
    "f-eight": "8 bits",
    "g-nan": "1200 pixels were not finite",
    "h-all-nan": "the image holds no finite pixel",
    "k-tiny": "is too small",
    "l-twice": "a second exposure",
    "n-rgb": "8 bits",
    "o-rgb": "8 bits",
}


def doubts(path: Path) -> str:
    """The note on the result of a run, or the words of its failure."""
    analyses = {one.name: one for one in read_summary(path).analyses}
    if errors := analyses["hrtem"].errors:
        return " ".join(errors)
    return str(read_result(path, "hrtem").attrs.get("note", ""))


Run = tuple[str, dict[str, Any], str]
CALIBRATIONS: list[Run] = [
    ("none", {}, "the pixel size is unknown"),
    ("tiny", {"pixel_size_nm": [1e-9, 1e-9]}, "the field is"),
    ("huge", {"pixel_size_nm": [1e3, 1e3]}, "shows no lattice"),
    ("negative", {"pixel_size_nm": [-0.03, 0.03]}, "must be positive"),
    ("zero", {"pixel_size_nm": [0.0, 0.0]}, "must be positive"),
    ("text", {"pixel_size_nm": ["wide", "high"]}, "can't be understood"),
    ("one", {"pixel_size_nm": 0.03}, "can't be understood"),
    ("fine", {"pixel_size_nm": [0.03, 0.03], "origin": "header"}, ""),
]


def test_runs_with_any_calibration_are_answered_and_the_stream_goes_on(
    command: Callable[..., Any], instrument: Callable[..., Path], tmp_path: Path, good: np.ndarray
) -> None:
    runs = command("run", str(instrument("hrtem", "beamside")), "--runs", "8", "--json")
    runs.wait_for("ready")
    sink = ZmqSink(parse_url(f"beamside+ipc://{tmp_path}/detector?bind=0"))
    try:
        for run, calibration, _ in CALIBRATIONS:
            sink.send(RunStart("x", run, expected=1, shape=good.shape, calibration=calibration))
            sink.send(Frame("x", run, 0, {"data": encode(good)}))
            sink.send(RunStop("x", run))
        told = runs.end(120)
    finally:
        sink.close(0)
    assert told["code"] == 0
    assert told["archived"] == 8
    archives = {read_summary(p).run: p for p in (tmp_path / "archive").rglob("*.nxs")}
    for run, _, words in CALIBRATIONS:
        assert words in doubts(archives[run]), run
    assert doubts(archives["fine"]) == ""
