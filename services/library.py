"""The phases that an analysis may choose from: the shipped ones, and the user's own."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ..analysis.hrtem.library import Library, extended
from ..stream.errors import FileError
from ..stream.records import read_records
from .settings import load


def own_folder(chosen: Path | None = None) -> Path:
    """Where the user's own phases lie: as chosen, or with the user's data (XDG)."""
    if chosen is not None:
        return chosen
    data = os.environ.get("XDG_DATA_HOME", "")
    base = Path(data) if os.path.isabs(data) else Path.home() / ".local" / "share"
    return base / "beamside" / "phases"


def library(chosen: Path | None = None) -> Library:
    """Read all phases; FileError names a file of the user's that is none."""
    folder = own_folder(chosen)
    own = read_records(folder)
    try:
        return extended(own)
    except ValueError as error:
        raise FileError(f"{folder}: {error}") from error


def gifts(chosen: Path | None) -> Mapping[str, Callable[[], Any]]:
    """What a service gives to an analysis that asks for it (see `operators.load`)."""
    return {"library": lambda: library(chosen)}


def chosen_folder() -> Path | None:
    """The folder that the environment names (`BEAMSIDE_ANALYSIS__PHASES`), for a command."""
    return load().analysis.phases
