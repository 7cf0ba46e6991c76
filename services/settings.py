"""All that can be set, from TOML, the environment and the command line.

Order: command line over environment (`BEAMSIDE_ARCHIVE__FOLDER`) over file over default. Unknown
keys are refused, and everything that is wrong is said at once.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from ..stream.errors import FileError
from ..stream.files.units import parse_length
from ..stream.urls import parse_url
from . import doors


class SettingsError(Exception):
    """The settings are wrong; the text has one line for each mistake."""


class Section(BaseModel):
    """One table of the TOML file; frozen, and unknown keys are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


Port = Annotated[int, Field(ge=0, le=65535)]
Positive = Annotated[float, Field(gt=0)]


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


class ArchiveSettings(Section):
    """Where everything is kept."""

    enabled: bool = Field(True, description="whether to archive at all")
    folder: Path = Field(Path("beamside-data"), description="where the NeXus files go")
    segment_frames: Annotated[int, Field(ge=1, le=1_000_000)] = Field(
        4000, description="frames of one file of an archive; fewer where they are large"
    )


class SpoolSettings(Section):
    """What is kept between the detector and the archive: the log of all that came."""

    folder: Path | None = Field(
        None, description="where it lies; none: `spool` in the folder of the archive"
    )
    budget_gb: Positive = Field(
        50, description="it may take so much of the disk; then the detector waits, in GB"
    )
    segment_mb: Positive = Field(256, description="size of one of its files, in MB")
    sync_s: Positive = Field(1, description="a power cut loses at most so many seconds")
    sync_mb: Positive = Field(64, description="... or so many MB, whichever is less")
    keep: bool = Field(
        False, description="keep it after the run for `beamside replay`, as far as the budget goes"
    )
    keep_free_mb: Annotated[float, Field(ge=0)] = Field(
        200, description="free disk space that is left to the archive, in MB"
    )


class ViewerSettings(Section):
    """The live page."""

    enabled: bool = Field(True, description="whether to serve the page")
    host: str = Field(
        "127.0.0.1", description="address to listen on; elsewhere needs `security.unencrypted`"
    )
    port: Port = Field(0, description="0: any free port, printed at the start")
    token: str | None = Field(
        None, min_length=8, description="to open the page; none: a new one at each start"
    )
    memory_mb: Positive = Field(
        1024, description="for the frames and results that can be scrubbed through, in MB"
    )
    guest_token: str | None = Field(
        None, min_length=8, description="a second token, which may look and change nothing"
    )
    allowed_hosts: tuple[str, ...] = Field(
        (), description="further host names the page may be reached by (a reverse proxy's)"
    )

    @field_validator("allowed_hosts")
    @classmethod
    def _are_names(cls, hosts: tuple[str, ...]) -> tuple[str, ...]:
        for host in hosts:
            if not re.match(r"^([A-Za-z0-9][A-Za-z0-9.-]*|\[?[0-9a-fA-F:.]+\]?)$", host):
                raise ValueError(f"{host!r} is no host name; name each, without port or scheme")
        return hosts


class BusSettings(Section):
    """Where others may listen to results."""

    results: str | None = Field(
        None, description="publish results and notices here, e.g. 'tcp://127.0.0.1:5560'"
    )

    @field_validator("results")
    @classmethod
    def _is_endpoint(cls, url: str | None) -> str | None:
        if url is not None and not re.match(r"^(tcp://[^/\s]+:(\d+|\*)|ipc://.+)$", url):
            raise ValueError("allowed: tcp://HOST:PORT, e.g. tcp://127.0.0.1:5560, or ipc://PATH")
        return url


class DocumentSettings(Section):
    """Documents of bluesky that are joined to the frames: motor positions, energies, times."""

    address: str | None = Field(
        None, description="outgoing address of a proxy of bluesky, e.g. 'tcp://proxy:5578'"
    )
    prefix: str | None = Field(None, description="only of publishers with this prefix")
    frame: str | None = Field(
        None, description="column of events with the frame's number; else any that ends in `_frame`"
    )
    run: str | None = Field(
        None, description="column with the detector's run; else the one beside, ending in `_run`"
    )
    own_key: Path | None = Field(None, description="our secret key file, where the proxy is locked")
    server_key: Path | None = Field(None, description="public key file of the proxy")

    @field_validator("address")
    @classmethod
    def _is_endpoint(cls, url: str | None) -> str | None:
        if url is not None and not re.match(r"^(tcp://[^/\s]+:\d+|ipc://.+)$", url):
            raise ValueError("allowed: tcp://HOST:PORT, e.g. tcp://127.0.0.1:5578, or ipc://PATH")
        return url


class SecuritySettings(Section):
    """What may leave this machine, and how it is locked."""

    keys: Path | None = Field(
        None,
        description="folder of `beamside keys make`: `bus.results` on tcp is encrypted, and only "
        "who has an allowed key may listen",
    )
    unencrypted: bool = Field(
        False, description="results and the page may leave this machine in the clear"
    )


class ServiceSettings(Section):
    """The processes themselves."""

    drain_timeout_s: Positive = Field(
        30, description="what is under way at a stop gets so much time, in s"
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="what the log files in ARCHIVE/logs hold"
    )


class Settings(BaseSettings):
    """One instrument."""

    model_config = SettingsConfigDict(
        env_prefix="BEAMSIDE_", env_nested_delimiter="__", extra="forbid", frozen=True
    )

    source: SourceSettings = SourceSettings()
    calibration: CalibrationSettings = CalibrationSettings()
    analysis: AnalysisSettings = AnalysisSettings()
    archive: ArchiveSettings = ArchiveSettings()
    spool: SpoolSettings = SpoolSettings()
    viewer: ViewerSettings = ViewerSettings()
    bus: BusSettings = BusSettings()
    documents: DocumentSettings = DocumentSettings()
    security: SecuritySettings = SecuritySettings()
    service: ServiceSettings = ServiceSettings()

    @model_validator(mode="after")
    def _nothing_leaves_in_the_clear(self) -> Settings:
        if wrong := doors.refused(self):
            raise ValueError("\n".join(wrong))
        return self

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Only what `load` laid together: it knows the order, and the command line is on top."""
        return (init_settings,)


def load(file: Path | None = None, overrides: Mapping[str, Any] | None = None) -> Settings:
    """Read the settings; SettingsError names every mistake, one a line."""
    tree = _read(file) if file is not None else {}
    _check_environment()
    try:
        environment = EnvSettingsSource(Settings)()
        return Settings(**merge([tree, environment, overrides or {}]))
    except ValidationError as error:
        raise SettingsError("\n".join(_lines(error, file))) from error


def _check_environment() -> None:
    """Refuse variables of ours that name no section: they would be passed over in silence."""
    prefix = "BEAMSIDE_"
    for name in os.environ:
        section = name.removeprefix(prefix).partition("__")[0].lower()
        if name.startswith(prefix) and section not in Settings.model_fields:
            sections = ", ".join(f"{prefix}{key.upper()}__..." for key in Settings.model_fields)
            raise SettingsError(f"unknown variable {name}; allowed: {sections}")


def assignment(text: str) -> dict[str, Any]:
    """Turn `analysis.workers=2` into a tree; the value is TOML, or plain text."""
    key, equals, value = text.partition("=")
    if not equals or not re.match(r"^[a-z_]+(\.[A-Za-z0-9_-]+)+$", key):
        raise SettingsError(f"--set {text!r}: write SECTION.KEY=VALUE, e.g. analysis.workers=2")
    try:
        parsed: Any = tomllib.loads(f"v = {value}")["v"]
    except tomllib.TOMLDecodeError:
        parsed = value
    for part in reversed(key.split(".")):
        parsed = {part: parsed}
    tree: dict[str, Any] = parsed
    return tree


def merge(trees: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Lay trees over each other, the last on top."""
    merged: dict[str, Any] = {}
    for tree in trees:
        merged = _merge(merged, tree)
    return merged


def _merge(under: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(under)
    for key, value in over.items():
        below = merged.get(key)
        both = isinstance(value, Mapping) and isinstance(below, Mapping)
        merged[key] = _merge(below, value) if both and below is not None else value
    return merged


def _read(file: Path) -> dict[str, Any]:
    try:
        with file.open("rb") as opened:
            return tomllib.load(opened)
    except OSError as error:
        raise SettingsError(f"{file}: can't be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{file}: is not TOML: {error}") from error


def _lines(error: ValidationError, file: Path | None) -> list[str]:
    where = f"{file}: " if file else ""
    return [f"{where}{_line(dict(mistake))}" for mistake in error.errors()]


def _line(mistake: Mapping[str, Any]) -> str:
    location = [str(part) for part in mistake["loc"]]
    key = ".".join(location)
    if not location:  # of several sections at once: the words name the keys
        return str(mistake["msg"]).removeprefix("Value error, ")
    if mistake["type"] == "extra_forbidden":
        allowed = ", ".join(_section(location[:-1]))
        return f"unknown key {key!r}; allowed here: {allowed}"
    words = str(mistake["msg"]).removeprefix("Value error, ")
    return f"{key} = {mistake['input']!r}: {words[:1].lower()}{words[1:]}"


def _section(location: Sequence[str]) -> list[str]:
    model: Any = Settings
    for part in location:
        model = model.model_fields[part].annotation
    return list(model.model_fields)


def document() -> str:
    """Every setting as a Markdown page, from the model itself."""
    lines = ["# Settings", "", "Made by `beamside settings`; do not edit.", ""]
    for name, field in Settings.model_fields.items():
        model: Any = field.annotation
        doc = (model.__doc__ or "").strip().splitlines()[0]
        lines += [f"## [{name}]", "", doc, "", "| key | default | meaning |", "|---|---|---|"]
        for key, entry in model.model_fields.items():
            default = entry.get_default(call_default_factory=True)
            shown = f"`{default}`" if default not in (None, {}, ()) else ""
            lines.append(f"| `{key}` | {shown} | {entry.description} |")
        lines.append("")
    return "\n".join(lines)
