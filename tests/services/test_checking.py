from __future__ import annotations

import json
from pathlib import Path

import pytest

from beamside.services.cli import main


def checked(folder: Path, text: str, capsys: pytest.CaptureFixture[str]) -> tuple[int, list[str]]:
    file = folder / "instrument.toml"
    file.write_text(text)
    code = main(["check", str(file), "--json"])
    said = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert said["ok"] == (code == 0)
    return code, said["problems"]


def test_good_settings_bind_and_write_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = f'[archive]\nfolder = "{tmp_path}/not/yet"\n[analysis]\nname = "sum"\n'
    assert checked(tmp_path, text, capsys) == (0, [])
    assert not (tmp_path / "not").exists()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            '[analysis]\nname = "hrtm"',
            "no analysis 'hrtm'; installed: hrtem, particles, quality, sum",
        ),
        ('[analysis]\nname = "sum"\nsettings = {ofset = 1}', "no setting 'ofset'; allowed: offset"),
        ('[source]\nurl = "watch:/nowhere/at/all"', "is no folder"),
        ('[source]\nurl = "file:/nowhere.dm3"', "no such file"),
        ('[source]\nurl = "sim:?fames=3"', "no option 'fames'"),
        ('[archive]\nfolder = "/dev/null/x"', "is a file; name a folder"),
        ("[viewer]\nport = 99999", "viewer.port = 99999"),
    ],
)
def test_what_is_wrong_is_said_in_plain_words(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, words: str
) -> None:
    code, problems = checked(tmp_path, text, capsys)
    assert code == 2
    assert len(problems) == 1
    assert words in problems[0]
