"""`beamside phases`, and a user's own phase as a candidate in every command."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import xarray as xr

from beamside.analysis import operators
from beamside.analysis.hrtem.library import extended, shipped
from beamside.analysis.hrtem.mapper import PhaseMapper
from beamside.models.phantoms.hrtem import make
from beamside.services.cli import main
from beamside.services.library import gifts, library, own_folder
from beamside.services.settings import load
from beamside.stream.errors import FileError
from beamside.tests.analysis.hrtem.test_cif import ROCK_SALT


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder of own phases, as the environment names it."""
    monkeypatch.setenv("BEAMSIDE_ANALYSIS__PHASES", str(tmp_path / "own"))
    return tmp_path / "own"


@pytest.fixture
def cif(tmp_path: Path) -> Path:
    """Silver chloride, which is not shipped."""
    path = tmp_path / "salt.cif"
    text = ROCK_SALT.replace("'Na1 F1'", "'Ag Cl'").replace("4.6333(2)", "5.549")
    path.write_text(text.replace("Na1 Na1+", "Ag1 Ag").replace("F1 F1-", "Cl1 Cl"))
    return path


def said(capsys: pytest.CaptureFixture[str], *argv: str) -> dict[str, Any]:
    assert main(["phases", *argv, "--json"]) == 0
    result: dict[str, Any] = json.loads(capsys.readouterr().out)
    return result


def test_a_phase_is_added_listed_shown_and_removed(
    folder: Path, cif: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = said(capsys, "list")
    assert before["sha256"] == shipped().sha256
    added = said(capsys, "add", str(cif), "--set", "li-sei", "--set", "mine", "--expansion", "3e-5")
    assert (added["name"], added["sets"]) == ("AgCl", ["li-sei", "mine"])
    assert added["density_g_cm3"] == pytest.approx(5.57, rel=0.01)
    assert added["T_K"] == 293
    after = said(capsys, "list")
    assert after["sha256"] != before["sha256"]
    assert after["sets"]["li-sei"] == [*before["sets"]["li-sei"], "AgCl"]
    assert [row["name"] for row in after["phases"] if row["own"]] == ["AgCl"]
    shown = said(capsys, "show", "AgCl")
    first = shown["reflections"][0]
    assert first["hkl"] == [1, 1, 1]
    assert first["d_A"] == pytest.approx(5.549 / 3**0.5, abs=1e-4)
    assert first["mult"] == 8
    assert main(["phases", "show", "AgCl"]) == 0
    assert "expands by 3e-05 per K" in capsys.readouterr().out
    assert said(capsys, "remove", "AgCl")["removed"] == "AgCl"
    assert said(capsys, "list") == before


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_a_cif_may_be_saved_by_windows(
    folder: Path, cif: Path, encoding: str, capsys: pytest.CaptureFixture[str]
) -> None:
    text = cif.read_text().replace("\n", "\r\n")
    cif.write_bytes(text.encode(encoding))
    assert said(capsys, "add", str(cif))["name"] == "AgCl"


def test_a_phase_that_is_there_under_another_name_is_told(
    folder: Path, cif: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Two candidates of one structure share the probability, and none is named."""
    assert not said(capsys, "add", str(cif))["notes"]
    cif.write_text(ROCK_SALT)
    notes = said(capsys, "add", str(cif), "--name", "villiaumite")["notes"]
    assert "its spacings are those of NaF" in notes[0]


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["add", "{cif}", "--name", "Li"], "the name 'Li' is taken"),
        (["add", "{cif}", "--name", "unknown"], "taken"),
        (["add", "{cif}", "--name", "a b"], "can't be a name"),
        (["add", "{cif}", "--name", "../up"], "can't be a name"),
        (["add", "{cif}", "--set", "LiF"], "the name 'LiF' is taken"),
        (["add", "{folder}/none.cif"], "none.cif: can't be read: No such file"),
        (["add", "{folder}"], "can't be read: Is a directory"),
        (["show", "Kryptonite"], "no phase 'Kryptonite'; there are: Li, "),
        (["remove", "Li"], "no phase of yours is called 'Li'; there are: none"),
    ],
)
def test_what_can_not_be_done_says_why_and_writes_nothing(
    folder: Path, cif: Path, capsys: pytest.CaptureFixture[str], argv: list[str], words: str
) -> None:
    argv = [text.format(cif=cif, folder=cif.parent) for text in argv]
    assert main(["phases", *argv]) == 2
    assert words in capsys.readouterr().err
    assert not folder.exists()


def test_bytes_that_are_no_cif_and_a_second_one_of_a_name(
    folder: Path, cif: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said(capsys, "add", str(cif))
    assert main(["phases", "add", str(cif)]) == 2
    assert "is there already" in capsys.readouterr().err
    cif.write_bytes(bytes(range(256)) * 9)
    assert main(["phases", "add", str(cif), "--name", "x"]) == 2
    assert f"{cif}: this is no CIF" in capsys.readouterr().err


def test_a_cell_that_could_be_anything_is_refused(
    folder: Path, cif: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = cif.read_text().replace("5.549", "11").replace("F m -3 m", "P 1")
    sites = "".join(f"Ag{n} Ag 0.{n:02} 0.{(7 * n) % 30:02} 0.{n % 9} 1\n" for n in range(1, 30))
    cif.write_text(text + sites)
    assert main(["phases", "add", str(cif)]) == 2
    assert "too large and too little symmetric" in capsys.readouterr().err


def test_own_phases_are_candidates_and_the_result_says_which_database(
    folder: Path, cif: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A specimen of NaF, which `li-sei` does not hold, becomes known by one file."""
    cif.write_text(ROCK_SALT)
    said(capsys, "add", str(cif), "--name", "villiaumite", "--set", "li-sei")
    chosen = load().analysis.phases
    mapper = operators.load("hrtem", {"candidates": ["li-sei"]}, gifts(chosen))
    true = make(5, (512, 512), phases=("NaF",), dose=1500.0)
    result = mapper(true.image[None], operators.Calibration((0.03, 0.03), origin="header"))
    assert isinstance(result, xr.Dataset)
    assert "villiaumite" in result["phase_map"].attrs["flag_meanings"].split()
    own = list(result["phase"].values).index("villiaumite")
    area = result["grain_area"].values
    assert (result["grain_posterior"].values[:, own] * area).sum() > 0.5 * area.sum()
    assert result.attrs["database_sha256"] == library(chosen).sha256 != shipped().sha256


def test_a_file_that_is_no_phase_is_named_and_costs_only_those_who_need_phases(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder.mkdir()
    (folder / "x.json").write_text('{"cell": [1, 2]}')
    with pytest.raises(FileError, match="phase 'x' has no"):
        operators.load("hrtem", {}, gifts(folder))
    operators.load("sum", {}, gifts(folder))
    assert main(["phases", "list"]) == 2
    assert "phase 'x' has no" in capsys.readouterr().err


def test_the_library_is_no_setting() -> None:
    with pytest.raises(ValueError, match="has no setting 'library'"):
        operators.load("hrtem", {"library": "x"})
    assert PhaseMapper() == operators.load("hrtem", {}, {"library": lambda: extended({})})


def test_own_phases_lie_with_the_users_data(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", "/data")
    assert own_folder() == Path("/data/beamside/phases")
    monkeypatch.delenv("XDG_DATA_HOME")
    assert own_folder() == Path.home() / ".local/share/beamside/phases"
    assert own_folder(Path("x")) == Path("x")
