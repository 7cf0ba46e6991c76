"""What each table of the settings is made of, and the mistake in one."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field


class SettingsError(Exception):
    """The settings are wrong; the text has one line for each mistake."""


class Section(BaseModel):
    """One table of the TOML file; frozen, and unknown keys are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


Port = Annotated[int, Field(ge=0, le=65535)]
Positive = Annotated[float, Field(gt=0)]
