"""Files, environment and command line read into one instrument."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_settings import EnvSettingsSource

from .instrument import Settings
from .layers import merge, tree_of
from .mistakes import lines
from .section import SettingsError


def load(file: Path | None = None, overrides: Mapping[str, Any] | None = None) -> Settings:
    """Read the settings; SettingsError names every mistake, one a line."""
    tree = tree_of(file) if file is not None else {}
    _check_environment()
    try:
        environment = EnvSettingsSource(Settings)()
        return Settings(**merge([tree, environment, overrides or {}]))
    except ValidationError as error:
        raise SettingsError("\n".join(lines(error, file))) from error


def _check_environment() -> None:
    """Refuse variables of ours that name no section: they would be passed over in silence."""
    prefix = "BEAMSIDE_"
    for name in os.environ:
        section = name.removeprefix(prefix).partition("__")[0].lower()
        if name.startswith(prefix) and section not in Settings.model_fields:
            sections = ", ".join(f"{prefix}{key.upper()}__..." for key in Settings.model_fields)
            raise SettingsError(f"unknown variable {name}; allowed: {sections}")
