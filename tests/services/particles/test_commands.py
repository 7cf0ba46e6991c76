from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from beamside.models import forest
from beamside.services.cli import main
from beamside.services.particles.features import _places
from beamside.services.particles.given import voxel_of
from beamside.services.particles.network import matched
from beamside.stream.errors import FileError
from beamside.stream.labelled import read_labelled, write_labelled
from beamside.tests.analysis.particles.bodies import packing


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Volumes on disk, and the table that the command made of them."""
    where = tmp_path_factory.mktemp("particles")
    labels = packing(side=4, radius=5)
    labels = np.pad(labels, 2)
    grey = np.where(labels > 0, 100, 20) + np.random.default_rng(0).integers(0, 9, labels.shape)
    np.save(where / "labels.npy", labels)
    np.save(where / "grey.npy", grey.astype(np.uint8))
    given = [str(where / "labels.npy"), str(where / "grey.npy"), "--voxel", "100 nm"]
    assert main(
        ["particles", "features", *given, "--closing", "0.4um", "--workers", "2",
         "--out", str(where / "table.nxs")]
    ) == 0  # fmt: skip
    write_labelled(where / "table.csv", read_labelled(where / "table.nxs"), "particle")
    return where


def said(capsys: pytest.CaptureFixture[str], *arguments: object) -> dict[str, object]:
    assert main(["particles", *map(str, arguments), "--json"]) == 0
    answer: dict[str, object] = json.loads(capsys.readouterr().out)
    return answer


def test_features_are_the_same_from_one_process_and_in_csv(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    told = said(
        capsys, "features", folder / "labels.npy", folder / "grey.npy", "--voxel", "0.1 0.1 0.1 um",
        "--closing", "400 nm", "--workers", 1, "--out", folder / "one.csv",
    )  # fmt: skip
    assert told["particles"] == 64
    assert told["voxel_um"] == pytest.approx([0.1] * 3)
    two, one = read_labelled(folder / "table.nxs"), read_labelled(folder / "one.csv", "particle")
    for name in one.data_vars:
        assert np.allclose(one[name], two[name], rtol=1e-8, equal_nan=True), name
    assert one["particle_volume"].attrs["units"] == "um3"
    words = (folder / "one.csv").read_text("utf-8-sig").splitlines()
    place = words[0].split(",").index("flags (words)")
    assert "small" in words[1].split(",")[place].split()


def test_why_tells_one_state_and_two(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    told = said(
        capsys, "why", folder / "table.nxs", folder / "table.csv", "--glance",
        "--out", folder / "why.nxs", "--save", folder / "why.skops",
    )  # fmt: skip
    states: Any = told["states"]
    seed, again = (state["importance"]["seed"] for state in states)
    assert seed == pytest.approx(again)
    assert "surf_inner" not in seed
    assert read_labelled(folder / "why.nxs")["particle_shap"].dims == ("particle", "feature")
    assert (folder / "why-late.nxs").is_file()
    assert forest.load(folder / "why.skops")[1].sha256 == told["sha256"]
    assert main(["particles", "why", str(folder / "table.nxs"), "--glance"]) == 0
    assert "mean |SHAP|" in capsys.readouterr().out


def test_a_network_is_cycled_and_kept(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    told = said(
        capsys, "network", folder / "labels.npy", folder / "table.nxs", "--gap", "0.8um",
        "--cycles", 2, "--set", "steps=4", "--out", folder / "network.nxs",
    )  # fmt: skip
    assert told["particles"] == 64
    assert told["contacts"] == 3 * 4 * 4 * 3
    assert told["passed"] == pytest.approx([1] * 4)
    kept = read_labelled(folder / "network.nxs")
    assert kept["particle_lithium"].sizes == {"half_cycle": 4, "step": 5, "particle": 64}
    assert main(["particles", "network", str(folder / "labels.npy"), str(folder / "table.csv"),
                 "--voxel", "0.1um", "--cycles", "1"]) == 0  # fmt: skip
    assert "not that of a publication" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("features", "labels.npy"), "no file says what a voxel measures"),
        (("features", "labels.npy", "--voxel", "1 um", "--set", "colour=3"), "no setting 'colour'"),
        (("features", "labels.npy", "--voxel", "1 parsec"), "no known unit"),
        (("features", "nothing.npy", "--voxel", "1 um"), "no such file"),
        (("why", "labels.npy"), "labels.npy"),
        (("why", "table.nxs", "--features", "taste"), "no column particle_taste"),
        (("why", "table.nxs", "--out", "why.csv"), "name a .nxs file"),
        (("network", "labels.npy", "table.nxs", "--rate", "0"), "rate is 0.0"),
        (("network", "others.npy", "table.nxs"), "the table is not of these labels"),
        (("features", "labels.npy", "--voxel", "1um", "--crack-below", "60"), "needs GREY"),
        (
            ("features", "labels.npy", "grey.npy", "--voxel", "1um", "--crack-below", "200"),
            "grey values in particles are 100 to 108: every particle would be one crack",
        ),
    ],
)
def test_what_is_wrong_is_said_in_a_line(
    folder: Path,
    arguments: tuple[str, ...],
    words: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(folder)
    labels = np.load("labels.npy")
    np.save("others.npy", np.where(labels > 0, labels + 500, 0))
    assert main(["particles", *arguments]) == 2
    assert words in capsys.readouterr().err


def test_depths_have_the_digits_that_tell_them_apart() -> None:
    assert _places([0.25, 0.31, 0.37]) == ["0.250", "0.310", "0.370"]
    assert _places([10.0, 35.0]) == ["10", "35"]
    assert _places([3.25]) == ["3.250"]


def test_a_folder_without_networks_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["models", "show", str(tmp_path)]) == 2
    assert "holds no networks" in capsys.readouterr().err


def test_a_voxel_has_one_length_or_three() -> None:
    assert voxel_of("0.1um") == pytest.approx((0.1, 0.1, 0.1))
    assert voxel_of("200, 100, 100 nm") == pytest.approx((0.2, 0.1, 0.1))
    with pytest.raises(ValueError, match="one length, or three"):
        voxel_of("1 2 um")
    with pytest.raises(FileError, match="give it"):
        voxel_of(None)


def test_labels_and_rows_that_have_no_partner_are_named(folder: Path) -> None:
    labels, table = np.load(folder / "labels.npy"), read_labelled(folder / "table.nxs")
    voxel = (0.1, 0.1, 0.1)
    assert matched(labels, table, voxel) == ""
    with pytest.raises(FileError, match="at the centres of"):
        matched(labels[::-1], table, voxel)
    last = labels.max()
    labels[labels == last] = 900
    assert matched(labels, table, voxel) == (
        f"1 labels without a row, left out: 900; 1 rows without a label, without contacts: {last}"
    )


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys; from beamside.services.cli import parser\n"
        "try: parser().parse_args(['particles', 'why', '--help'])\n"
        "except SystemExit: pass\n"
        "print(sorted({'numpy', 'sklearn', 'shap', 'skimage', 'h5py'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
