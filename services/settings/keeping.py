"""What is kept and where, and how the processes that keep it live."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from .section import Positive, Section


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


class ServiceSettings(Section):
    """The processes themselves."""

    drain_timeout_s: Positive = Field(
        30, description="what is under way at a stop gets so much time, in s"
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="what the log files in ARCHIVE/logs hold"
    )
