"""Where frames come from, what their pixels measure, and what is done with each."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator

from ...stream.errors import FileError
from ...stream.files.units import parse_length
from ...stream.urls import parse_url
from .section import Positive, Section


class SourceSettings(Section):
    """Where frames come from."""

    url: str = Field("dectris+tcp://127.0.0.1:9999", description="what to read (see stream/urls)")
    name: str = Field(
        "detector",
        pattern=r"^[A-Za-z][A-Za-z0-9_-]{0,39}$",
        description="name of the stream, in the archive and in the metrics",
    )
    max_message_mb: Positive = Field(1024, description="larger messages are dropped unread, in MB")
    end_timeout_s: Positive = Field(
        60, description="a run without an end is closed after so much silence, in s"
    )

    @field_validator("url")
    @classmethod
    def _is_url(cls, url: str) -> str:
        parse_url(url)
        return url


class CalibrationSettings(Section):
    """What a pixel measures; overrides what the source says."""

    pixel_size: str | None = Field(
        None, description="of one pixel, with unit, e.g. '0.03 nm' (none: as the source says)"
    )
    voltage_kv: Positive | None = Field(None, description="acceleration voltage in kV")
    temperature_k: Positive | None = Field(None, description="specimen temperature in K")
    accepted: Path | None = Field(
        None,
        description="file of the corrections of the pixel grid that people accepted; none: "
        "`calibration.jsonl` in the folder of the archive",
    )

    @field_validator("pixel_size")
    @classmethod
    def _is_length(cls, text: str | None) -> str | None:
        if text is not None:
            try:
                if not parse_length(text) > 0:
                    raise ValueError("must be above 0")
            except FileError as error:
                raise ValueError(str(error)) from error
        return text

    def as_json(self) -> dict[str, Any]:
        """The calibration in the keys of `RunStart.calibration`; empty when nothing is set."""
        values: dict[str, Any] = {}
        if self.pixel_size is not None:
            size = parse_length(self.pixel_size)
            values |= {"pixel_size_nm": [size, size], "origin": "settings"}
        if self.voltage_kv is not None:
            values["voltage_kV"] = self.voltage_kv
        if self.temperature_k is not None:
            values["temperature_K"] = self.temperature_k
        return values


class AnalysisSettings(Section):
    """What is done with each frame."""

    name: str = Field("hrtem", description="an installed analysis (`beamside check` lists them)")
    workers: Annotated[int, Field(ge=0, le=256)] = Field(
        1, description="processes; 0: frames are archived only"
    )
    channel: str | None = Field(
        None, description="which image of a frame (threshold); none: the first"
    )
    batch_size: Annotated[int, Field(ge=1, le=4096)] = Field(1, description="frames a batch")
    batch_age_ms: Positive = Field(200, description="a batch that is older is closed, in ms")
    policy: Literal["wait", "newest", "every-n"] = Field(
        "newest",
        description="when the workers fall behind: `newest` skips the oldest waiting frame, "
        "`every-n` takes one of n, `wait` makes the source wait (replay, demo)",
    )
    every: Annotated[int, Field(ge=1)] = Field(1, description="the n of `every-n`")
    backlog: Annotated[int, Field(ge=1)] = Field(64, description="frames that may wait")
    stall_timeout_s: Annotated[float, Field(ge=0)] = Field(
        60,
        description="with `wait`: an analysis that makes a detector wait for longer is cut, and "
        "what waited is skipped and listed (0: never), in s",
    )
    gatherers: Annotated[int, Field(ge=0, le=64)] = Field(
        1,
        description="processes that fold the results of a run into what grows over it, where the "
        "analysis has such a thing; 0: nothing grows",
    )
    gather_timeout_s: Positive = Field(
        60,
        description="a run waits at its end for what grows over it for so long at most, and one "
        "step of it may take so long, in s",
    )
    settings: dict[str, Any] = Field(
        default_factory=dict, description="the settings of the analysis itself"
    )
    phases: Path | None = Field(
        None,
        description="folder of your own crystal phases (none: that of `beamside phases add`)",
    )
