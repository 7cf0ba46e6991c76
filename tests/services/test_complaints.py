"""What goes wrong is told in one line that says what to do."""

from __future__ import annotations

import argparse
import re
import tomllib
from pathlib import Path

import pytest

from beamside.services.complaints import EXTRAS, WRONG, explained

ROOT = Path(__file__).resolve().parents[2]


def test_a_missing_extra_is_named_with_how_to_install_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    def lacks(args: argparse.Namespace) -> int:
        raise ModuleNotFoundError("No module named 'bluesky'", name="bluesky.plan_stubs")

    assert explained(lacks, argparse.Namespace()) == WRONG
    said = capsys.readouterr().err
    assert said == "beamside: this needs bluesky.plan_stubs: pip install 'beamside[steering]'\n"


def test_a_module_that_no_extra_brings_is_a_mistake_of_ours() -> None:
    def lacks(args: argparse.Namespace) -> int:
        raise ModuleNotFoundError("No module named 'nonsense'", name="nonsense")

    with pytest.raises(ModuleNotFoundError):
        explained(lacks, argparse.Namespace())


def test_the_extras_that_are_named_can_be_installed() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert set(EXTRAS.values()) <= set(project["optional-dependencies"])


def test_make_installs_what_the_demo_and_the_bench_need() -> None:
    sets = {
        frozenset(found.split(","))
        for found in re.findall(r"-e '\.\[(.*?)\]'", (ROOT / "Makefile").read_text())
    }
    assert all({"microscopy", "reports", "steering"} <= one for one in sets)
    assert any({"networks", "openvino", "particles", "browser", "fast"} <= one for one in sets)
