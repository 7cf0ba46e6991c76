"""The house itself: what is packaged, what is imported, what the doors say."""

from __future__ import annotations

import subprocess
import sys
import time
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ROOMS = ("analysis", "models", "services", "stream")
HEAVY = ("numpy", "scipy", "xarray", "h5py", "zmq", "torch", "tensorflow", "cupy", "shap")
COMMANDS = (
    "demo", "run", "replay", "simulate", "inspect", "verify", "check", "bench", "evaluate",
    "settings", "keys", "calibrate", "train", "batch", "phases", "particles",
)  # fmt: skip


def test_every_package_of_the_house_is_listed() -> None:
    listed = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]
    found = {
        ".".join(("beamside", *door.parent.relative_to(ROOT).parts))
        for room in ROOMS
        for door in (ROOT / room).rglob("__init__.py")
        if "node_modules" not in door.parts
    }
    assert set(listed) == found | {"beamside"}


def test_nothing_else_lies_at_the_top() -> None:
    allowed = {
        *ROOMS, "deploy", "tests", "__init__.py", "pyproject.toml", "README.md", "Makefile",
        "constraints.txt", "LICENSE", "SECURITY.md", "CHANGELOG.md", "py.typed",
    }  # fmt: skip
    listed = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if listed.returncode:
        pytest.skip("not a git checkout")
    top = {line.split("/")[0] for line in listed.stdout.splitlines()}
    assert {name for name in top if not name.startswith(".")} <= allowed


@pytest.mark.parametrize("command", COMMANDS)
def test_help_is_complete_and_imports_nothing_heavy(command: str) -> None:
    code = (
        "import sys; from beamside.services.cli import parser\n"
        f"try: parser().parse_args(['{command}', '--help'])\n"
        f"except SystemExit: pass\nprint(sorted(set({HEAVY}) & set(sys.modules)))"
    )
    began = time.process_time()
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT.parent
    )
    assert time.process_time() - began < 0.5
    assert done.stdout.splitlines()[-1] == "[]"
    assert f"beamside {command}" in done.stdout


def test_the_readme_names_both_commands_and_every_command() -> None:
    text = (ROOT / "README.md").read_text()
    assert "make demo" in text
    assert "make test" in text
    for command in COMMANDS:
        assert f"beamside {command}" in text, command
