"""What an archive holds, in short: for `beamside inspect`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from .chunks import lines, parsed, reading, text
from .frames import VALID, VALID_COLUMN
from .names import moment
from .reader import ArchiveFile, open_archive
from .stored import Stored, stored

AVERAGED = 16
"""Variables of so many values a frame or fewer are averaged over the frames."""


@dataclass(frozen=True, slots=True)
class ChannelSummary:
    """One image of each frame."""

    name: str
    shape: tuple[int, int]
    """(ny, nx)"""
    dtype: str
    stored_bytes: int


@dataclass(frozen=True, slots=True)
class VariableSummary:
    """One variable of an analysis."""

    name: str
    dims: tuple[str, ...]
    shape: tuple[int, ...]
    dtype: str
    units: str
    long_name: str
    labels: tuple[str, ...] | None = None
    """Names along the last dimension, where it has names."""
    mean: tuple[float, ...] | None = None
    """Over the frames, of variables with few values a frame."""


@dataclass(frozen=True, slots=True)
class AnalysisSummary:
    """What one analysis found."""

    name: str
    version: str
    frames: int
    """Frames with a result."""
    failed: int
    """Frames for which there is an error instead."""
    errors: tuple[str, ...]
    """The different errors, ten at most."""
    provenance: Mapping[str, Any]
    """Of the first result."""
    variables: tuple[VariableSummary, ...]


@dataclass(frozen=True, slots=True)
class ArchiveSummary:
    """One archive."""

    path: str
    source: str
    run: str
    status: str
    """complete | aborted | incomplete; `unfinished` where the file was never closed."""
    reason: str
    start_time: str
    end_time: str
    frames: int
    """Frames in it."""
    missing: tuple[tuple[int, int], ...]
    """Frame numbers that are not in it, below the highest that is, as (first, last)."""
    partial: int
    """Frames that came without a channel that others of the run have; `frame_valid` is 2 there."""
    problems: tuple[str, ...]
    """Files of it that are missing or damaged, in words; none in a whole archive."""
    channels: tuple[ChannelSummary, ...]
    calibration: Mapping[str, Any]
    metadata: Mapping[str, Any]
    account: Mapping[str, Any]
    analyses: tuple[AnalysisSummary, ...]

    def as_json(self) -> dict[str, Any]:
        """Give it as plain dicts, lists, texts and numbers; keys are stable."""
        return asdict(self)


def read_summary(path: Path) -> ArchiveSummary:
    """Say what an archive holds; FileError if it is none or is damaged."""
    with open_archive(path) as archive, reading(path):
        return _summary(archive)


def _summary(archive: ArchiveFile) -> ArchiveSummary:
    start, entry, numbers = archive.start, archive.entry, archive.numbers
    account = None if entry is None else entry["account"]
    return ArchiveSummary(
        path=str(archive.path),
        source=start.source,
        run=start.run,
        status=archive.status,
        reason=text(account, "reason"),
        start_time=text(entry, "start_time") or moment(start.time_ns).isoformat(),
        end_time=text(entry, "end_time"),
        frames=len(numbers),
        missing=tuple(numbers.gaps(numbers.stop)),
        partial=_partial(entry),
        problems=tuple(archive.problems),
        channels=tuple(
            ChannelSummary(name, kind.shape, kind.dtype, kind.stored_bytes)
            for name, kind in archive.channels.items()
        ),
        calibration=start.calibration,
        metadata=start.metadata,
        account={} if account is None else parsed(account, "json"),
        analyses=tuple(_analysis(n, group) for n, group in archive.processes.items()),
    )


def _partial(entry: h5py.Group | None) -> int:
    if entry is None or "frames" not in entry:
        return 0
    return int(np.count_nonzero(entry[f"frames/{VALID_COLUMN}"][:] == VALID["partial"]))


def _analysis(name: str, process: h5py.Group) -> AnalysisSummary:
    errors = lines(process["frames"], "errors")
    own = f"{process.name}/frames"
    variables = [item for item in stored(process) if item.dataset.parent.name != own]
    with_result = process["frames"].get("frame", ())
    return AnalysisSummary(
        name=name,
        version=text(process, "version"),
        frames=len(set(with_result[:])),
        failed=len({number for line in errors for number in line["frames"]}),
        errors=tuple(dict.fromkeys(str(line["error"]) for line in errors))[:10],
        provenance=parsed(process["provenance"], "json"),
        variables=tuple(_variable(item) for item in variables),
    )


def _variable(item: Stored) -> VariableSummary:
    dataset = item.dataset
    axis = item.axes.get(item.dims[-1])
    labels = None
    if axis is not None and axis.dtype.kind == "S":
        labels = tuple(np.char.decode(axis[...], "utf-8", "replace").tolist())
    few = int(np.prod(dataset.shape[1:])) <= AVERAGED and dataset.ndim <= 2
    mean = None
    if few and item.dims[0] == "frame" and dataset.dtype.kind == "f" and dataset.shape[0]:
        with np.errstate(invalid="ignore"):
            mean = tuple(np.atleast_1d(_mean(dataset[...])).tolist())
    return VariableSummary(
        item.name,
        item.dims,
        tuple(dataset.shape),
        "text" if dataset.dtype.kind == "S" else str(dataset.dtype),
        str(dataset.attrs.get("units", "")),
        str(dataset.attrs.get("long_name", "")),
        labels,
        mean,
    )


def _mean(values: np.ndarray) -> np.ndarray:
    """Average over the frames that have a value; NaN where none has."""
    known = np.isfinite(values)
    count = known.sum(axis=0)
    total = np.where(known, values, 0).sum(axis=0, dtype=np.float64)
    return np.asarray(
        np.divide(total, count, out=np.full(np.shape(total), np.nan), where=count > 0)
    )
