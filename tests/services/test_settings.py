from __future__ import annotations

from pathlib import Path

import pytest

from beamside.services.settings import SettingsError, assignment, document, load, merge

GOOD = """
[source]
url = "dectris+tcp://dcu.beamline:9999"
name = "eiger"
[calibration]
pixel_size = "30 pm"
[analysis]
workers = 2
settings = {k_max = 7.0}
"""


def write(folder: Path, text: str) -> Path:
    file = folder / "instrument.toml"
    file.write_text(text)
    return file


def test_a_file_is_read_and_the_rest_is_default(tmp_path: Path) -> None:
    settings = load(write(tmp_path, GOOD))
    assert settings.source.name == "eiger"
    assert settings.analysis.settings == {"k_max": 7.0}
    assert settings.viewer.host == "127.0.0.1"
    assert settings.calibration.as_json()["pixel_size_nm"] == pytest.approx([0.03, 0.03])


def test_command_line_over_environment_over_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = write(tmp_path, GOOD)
    monkeypatch.setenv("BEAMSIDE_ANALYSIS__WORKERS", "3")
    assert load(file).analysis.workers == 3
    assert load(file, {"analysis": {"workers": 4}}).analysis.workers == 4
    assert load(file).source.name == "eiger"


def test_every_mistake_is_said_at_once_with_key_value_and_what_is_allowed(tmp_path: Path) -> None:
    file = write(
        tmp_path,
        '[source]\nurl = "http://x"\nnme = "a"\n[analysis]\nworkers = -1\n'
        '[calibration]\npixel_size = "3 furlong"\n[archiv]\nx = 1\n',
    )
    with pytest.raises(SettingsError) as wrong:
        load(file)
    lines = str(wrong.value).splitlines()
    assert len(lines) == 5
    text = str(wrong.value)
    assert "unknown key 'source.nme'; allowed here: url, name" in text
    assert "analysis.workers = -1" in text
    assert "furlong" in text
    assert "unknown key 'archiv'" in text
    assert "unknown scheme 'http'" in text


@pytest.mark.parametrize(("text", "words"), [("[source", "is not TOML"), (None, "can't be read")])
def test_a_file_that_can_not_be_read_is_named(tmp_path: Path, text: str | None, words: str) -> None:
    file = write(tmp_path, text) if text is not None else tmp_path / "absent.toml"
    with pytest.raises(SettingsError, match=words):
        load(file)


def test_a_misspelt_variable_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BEAMSIDE_ANALYSIS__WORKRES", "3")
    with pytest.raises(SettingsError, match="workres"):
        load()
    monkeypatch.delenv("BEAMSIDE_ANALYSIS__WORKRES")
    monkeypatch.setenv("BEAMSIDE_ANALYSES__WORKERS", "3")
    with pytest.raises(SettingsError, match="BEAMSIDE_ANALYSES__WORKERS"):
        load()


def test_one_setting_from_the_command_line_is_toml_or_plain_text() -> None:
    assert assignment("analysis.workers=2") == {"analysis": {"workers": 2}}
    assert assignment("source.url=sim:?frames=3") == {"source": {"url": "sim:?frames=3"}}
    assert assignment("analysis.settings.k_max=7.5") == {"analysis": {"settings": {"k_max": 7.5}}}
    with pytest.raises(SettingsError, match=r"SECTION\.KEY=VALUE"):
        assignment("workers=2")


def test_trees_are_merged_to_the_depth() -> None:
    assert merge([{"a": {"b": 1, "c": 2}}, {"a": {"b": 3}}]) == {"a": {"b": 3, "c": 2}}


def test_results_are_published_in_the_clear_only_on_this_host() -> None:
    with pytest.raises(SettingsError, match="other machines could read") as refused:
        load(None, {"bus": {"results": "tcp://0.0.0.0:5560"}})
    assert "viewer" not in str(refused.value), "what is wrong, not all that was said"


def test_the_page_of_settings_is_the_one_in_the_repository() -> None:
    page = Path(__file__).parents[2] / "deploy" / "settings.md"
    assert page.read_text() == document() + "\n", "run: beamside settings > deploy/settings.md"
