"""A batch of particles as its user sees it: slices in; labels, tables and a report out."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from beamside.analysis.particles.found import assemble, drawn
from beamside.analysis.particles.network import Network
from beamside.analysis.particles.overlapping import volume_tallies
from beamside.analysis.particles.sections import VIEWS
from beamside.analysis.particles.stars import Stars
from beamside.models.phantoms.cuts import cuts
from beamside.models.phantoms.electrode import electrode, grey
from beamside.services.batch.items import Gathered, Item, gather
from beamside.services.batch.particle_settings import Following, parted
from beamside.services.batch.particle_volume import VolumeBatch, is_volume
from beamside.services.batch.store import Store
from beamside.services.batch.technique import Batch, Done, Once, StoppedError, Wish, load
from beamside.services.cli import main
from beamside.stream.labelled import read_labelled
from beamside.stream.messages import Result
from beamside.stream.volume import read_volume

pytest.importorskip("torch")
pytest.importorskip("matplotlib")
pytest.importorskip("numba")
SHAPE, RADIUS = (20, 44, 44), 10.0


@pytest.fixture(scope="module")
def truth() -> np.ndarray:
    return electrode(np.random.default_rng(4), SHAPE, RADIUS, 0.35).labels


def slices(folder: Path, labels: np.ndarray) -> Path:
    folder.mkdir()
    volume = grey(np.random.default_rng(5), labels, noise=0.04)
    for index, image in enumerate(np.clip(1e4 * volume + 2000, 0, 65535).astype(np.uint16)):
        tifffile.imwrite(folder / f"slice_{index:03d}.tif", image)
    return folder


def batch(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, dict[str, Any]]:
    code = main(["batch", "particles", *map(str, arguments), "--workers", "1", "--json"])
    said: dict[str, Any] = json.loads(capsys.readouterr().out.splitlines()[-1])
    return code, said


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_folder_of_slices_becomes_labels_features_and_a_report_and_goes_on_where_it_was(
    tmp_path: Path, truth: np.ndarray, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, out = slices(tmp_path / "scan", truth), tmp_path / "report"
    (folder / "slice_007.tif").unlink()
    tifffile.imwrite(folder / "slice_011.tif", np.zeros((9, 9), np.uint16))
    asked = (folder, "--out", out, "--pixel-size", "0.5um", "--set", "particle_px=20")
    more = ("--set", "cycles=2", "--pictures", 3)
    code, said = batch(capsys, *asked, *more)
    assert code == 1, "a slice was left out"
    assert said["frames"] == said["analysed"] == 18 + 44 + 44
    assert any("one volume of 20 x 44 x 44 voxels" in words for words in said["session"])
    assert any("2 of 20 xy slices missing: 7, 11" in words for words in said["session"])

    labels = read_volume(out / "labels.nxs")
    assert labels.pixel_um == pytest.approx((0.5, 0.5))
    score = volume_tallies(truth, labels.values)[0.5]
    assert score.hits >= 0.6 * (score.hits + score.missed), "slivers at faces may be missed"
    table = read_labelled(out / "labels.nxs", "particle")
    particles = rows(out / "particles.csv")
    assert [int(row["label"]) for row in particles] == table["particle_label"].values.tolist()
    assert {"damage [1]", "diameter [um]", "contact [1]"} <= set(particles[0])
    assert "inf" not in (out / "particles.csv").read_text()
    views = [row["file"] for row in rows(out / "slices.csv")]
    assert [views.count(view) for view in ("xy", "xz", "yz")] == [18, 44, 44]

    page = (out / "report.html").read_text()
    assert "slice_011.tif" in page
    assert "a forest needs 30" in page
    for name in ("scene-damage", "cuts", "sizes", "depth", "graph", "evolution"):
        assert f"figures/{name}.png" in page
        assert (out / "figures" / f"{name}.png").stat().st_size > 10_000
    assert len(list((out / "pictures").glob("*-outlines.png"))) == 3

    again, said = batch(capsys, *asked, *more)
    assert (again, said["analysed"]) == (1, 0)
    assert rows(out / "particles.csv") == particles


def cut(labels: np.ndarray, volume: VolumeBatch) -> Iterator[Done]:
    """What a perfect finder says of every slice."""
    kept = {(one.view, one.index): one for one in cuts(np.random.default_rng(0), labels, 0.0, 0.02)}
    for number, item in enumerate(volume.gathered.items):
        one = kept[VIEWS.index(item.name), item.index]
        image = np.zeros(one.shape, np.float32)
        drawing = drawn(Stars(one.points, one.dist, one.prob), one.shape)
        data = assemble([drawing], [image], (0.5, 0.5))
        yield Done(
            number, item, f"{number}", Result("batch", "batch", (number,), "particles", data)
        )


def kept(folder: Path) -> tuple[Once, list[str]]:
    store, made = Store(folder), []

    def once(key: str, make: Callable[[], Result]) -> Result:
        def noted() -> Result:
            made.append(key.split("-")[0])
            return make()

        return store.once(key, noted)

    return once, made


def test_a_volume_is_joined_and_measured_once_and_says_what_it_lacks(
    tmp_path: Path, truth: np.ndarray
) -> None:
    folder = slices(tmp_path / "scan", truth)
    (folder / "slice_007.tif").unlink()
    tables = []
    for _ in range(2):
        wish = Wish((folder,), tmp_path / "report", 1, pixel_size=500.0)
        own = Following(network=Network(cycles=1))
        volume = VolumeBatch.of(gather([folder], wish.out, None), wish, own)
        batch = Batch(wish.out, "scan", volume.gathered, {}, {})
        once, made = kept(wish.out)
        results = volume.results(cut(truth, volume), batch, once)
        names = ["volume", "features", "network"]
        assert [one.analysis.partition(".")[2] for one in results] == names
        assert any("1 of 20 xy slices missing: 7" in words for words in batch.words)
        assert any("a forest needs 30" in words for words in batch.words)
        tables.append((tmp_path / "report" / "particles.csv").read_text())
        assert volume.labels is not None
        score = volume_tallies(truth, np.asarray(volume.labels))[0.5]
        assert score.hits > 0.7 * (score.hits + score.missed + score.false)
        assert made == (["features", "why", "network"] if len(tables) == 1 else ["why"])
    assert tables[0] == tables[1]


def test_a_volume_without_a_voxel_size_has_labels_but_no_damage(
    tmp_path: Path, truth: np.ndarray
) -> None:
    folder = slices(tmp_path / "scan", truth)
    wish = Wish((folder,), tmp_path / "report", 1)
    volume = VolumeBatch.of(gather([folder], wish.out, None), wish, Following())
    batch = Batch(wish.out, "scan", volume.gathered, {}, {})
    assert volume.voxel is None
    results = volume.results(cut(truth, volume), batch, kept(wish.out)[0])
    assert [one.analysis for one in results] == ["particles.volume"]
    assert any("--pixel-size" in words for words in batch.words)
    assert (wish.out / "labels.nxs").is_file()


def test_a_volume_without_particles_says_so(tmp_path: Path) -> None:
    nothing = np.zeros((9, 12, 12), np.int32)
    folder = slices(tmp_path / "scan", nothing)
    wish = Wish((folder,), tmp_path / "report", 1, pixel_size=500.0)
    volume = VolumeBatch.of(gather([folder], wish.out, None), wish, Following())
    batch = Batch(wish.out, "scan", volume.gathered, {}, {})
    volume.results(cut(nothing, volume), batch, kept(wish.out)[0])
    assert any("no particle was found in 33 slices" in words for words in batch.words)
    assert not (wish.out / "particles.csv").exists()


def test_what_takes_long_ends_when_somebody_says_so(tmp_path: Path, truth: np.ndarray) -> None:
    folder = slices(tmp_path / "scan", truth)
    wish = Wish((folder,), tmp_path / "report", 1)
    volume = VolumeBatch.of(gather([folder], wish.out, None), wish, Following())
    batch = Batch(wish.out, "scan", volume.gathered, {}, {}, stop=lambda: True)
    with pytest.raises(StoppedError):
        volume.results(cut(truth, volume), batch, kept(wish.out)[0])
    assert not (wish.out / "labels.nxs").exists()


def found(*names: str, count: int = 1) -> Gathered:
    return Gathered(
        [Item(Path(name), name, n, count, (1, 1)) for name in names for n in range(count)]
    )


@pytest.mark.parametrize(
    ("gathered", "said", "volume"),
    [
        (found(*(f"s_{n}.tif" for n in range(9))), "auto", True),
        (found("stack.h5", count=9), "auto", True),
        (found(*(f"s_{n}.tif" for n in range(5))), "auto", False),
        (found(*(f"{letter}.tif" for letter in "abcdefghij")), "auto", False),
        (found("one.h5", "two.h5", count=9), "auto", False),
        (found(*(f"s_{n}.tif" for n in range(9))), False, False),
        (found(*(f"s_{n}.tif" for n in range(3))), True, True),
    ],
)
def test_what_is_one_volume_is_told_by_files_and_settings(
    gathered: Gathered, said: bool | str, volume: bool
) -> None:
    wish = Wish((Path("scan"),), Path("out"), 1)
    assert is_volume(gathered, wish, Following(volume=said)) is volume


def test_settings_are_parted_and_unknown_ones_go_to_the_analysis() -> None:
    analysis, own = parted(
        {
            "probability": 0.4,
            "voxel_um": [0.2, 0.1, 0.1],
            "closing": 0.5,
            "rate": 2.0,
            "views": "xz",
        }
    )
    assert analysis == {"probability": 0.4}
    assert own.voxel_um == (0.2, 0.1, 0.1)
    assert (own.features.closing, own.features.crack_below) == (0.5, "auto")
    assert (own.network.rate, own.views) == (2.0, (1,))


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"views": "xy,zz"}, "zz"),
        ({"voxel_um": [1.0, 2.0]}, "z, y, x"),
        ({"voxel_um": -1.0}, "voxel_um"),
        ({"volume": "maybe"}, "true, false, auto"),
        ({"closing": 0.0}, "closing"),
    ],
)
def test_settings_that_can_not_be_are_refused(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        parted(settings)


def test_the_technique_is_there_by_its_name() -> None:
    made = load("particles", {"probability": 0.4, "closing": 0.5})
    assert (made.name, made.settings["probability"]) == ("particles", 0.4)
    assert made.fingerprint()["model_sha256"]
