"""`beamside inspect`: what an archive holds, for people or as JSON."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import xarray as xr

from ..stream.nexus import ArchiveSummary, read_result, read_summary
from ..stream.nexus.summary import AnalysisSummary
from .apart import apart

PATIENCE_S = 120.0
ROWS = 12
"""Rows of a table that are shown."""
WIDTH = 24
"""Letters of a cell that are shown."""


def inspect(args: argparse.Namespace) -> int:
    """Print what the archive holds; it is read in a process apart."""
    read = as_json if args.json else as_text
    sys.stdout.write(apart(lambda: read(args.archive), PATIENCE_S, args.archive) + "\n")
    return 0


def as_json(path: Path) -> str:
    """All of it as one JSON object."""
    return orjson.dumps(read_summary(path).as_json(), default=str).decode()


def as_text(path: Path) -> str:
    """All of it for people."""
    summary = read_summary(path)
    lines = [*head(summary)]
    for analysis in summary.analyses:
        lines += ["", *describe(analysis), *tables(read_result(path, analysis.name))]
    return "\n".join(lines)


def head(summary: ArchiveSummary) -> Iterator[str]:
    """The run: how it went, what the frames are, what a pixel measures."""
    why = f" ({summary.reason})" if summary.reason else ""
    yield f"run        {summary.run} of {summary.source}: {summary.status}{why}"
    yield f"time       {summary.start_time} to {summary.end_time or '(no end yet)'}"
    missing = ", ".join(f"{a}-{b}" if a != b else str(a) for a, b in summary.missing[:8]) or "none"
    yield f"frames     {summary.frames}, missing: {missing}"
    if summary.partial:
        yield f"partial    {summary.partial} frames came without a channel that others have"
    for problem in summary.problems:
        yield f"PROBLEM    {problem}"
    for channel in summary.channels:
        size = " x ".join(str(n) for n in channel.shape)
        stored = channel.stored_bytes / 1e6
        yield f"channel    {channel.name}: {size} {channel.dtype}, {stored:.1f} MB stored"
    known = summary.calibration
    yield "calibration  " + (", ".join(f"{k}: {v}" for k, v in known.items()) or "none")
    account = {k: v for k, v in summary.account.items() if not k.endswith("ranges")}
    yield "account    " + (", ".join(f"{k} {v}" for k, v in account.items()) or "comes at the end")


def describe(analysis: AnalysisSummary) -> Iterator[str]:
    """An analysis: its version and settings, and each variable with dims and units."""
    yield f"analysis   {analysis.name} {analysis.version}: {analysis.frames} frames, " + (
        f"{analysis.failed} failed" if analysis.failed else "none failed"
    )
    for error in analysis.errors[:ROWS]:
        yield f"  failed   {error}"
    for variable in analysis.variables:
        dims = " x ".join(f"{d} {n}" for d, n in zip(variable.dims, variable.shape, strict=True))
        units = f" [{variable.units}]" if variable.units else ""
        yield f"  {variable.name:<28}{dims:<34}{variable.dtype}{units}  {variable.long_name}"
        if variable.labels and variable.mean:
            means = zip(variable.labels, variable.mean, strict=True)
            yield " " * 30 + ", ".join(f"{label} {mean:.3g}" for label, mean in means)


def tables(data: xr.Dataset) -> Iterator[str]:
    """The one-row-per-thing tables of a result, their first rows."""
    for thing in (str(dim) for dim in data.dims if f"{dim}_frame" in data.variables):
        rows = data.sizes[thing]
        names = [str(n) for n, v in data.data_vars.items() if v.dims == (thing,)]
        yield ""
        yield f"  {thing} ({rows} in all" + (f", the first {ROWS})" if rows > ROWS else ")")
        columns = [
            [n.removeprefix(f"{thing}_"), *column(data[n])] for n in sorted(names, key=_rank)
        ]
        widths = [min(max(map(len, cells)), WIDTH) for cells in columns]
        for row in zip(*columns, strict=True):
            cells = zip(row, widths, strict=True)
            yield "  " + "  ".join(f"{text[:width]:>{width}}" for text, width in cells)


def _rank(name: str) -> tuple[int, str]:
    """Where a column stands: what people look for comes first."""
    first = ("_frame", "_phase", "_label", "_probability", "_d", "_k", "_kind", "_zone")
    at = next((n for n, ending in enumerate(first) if name.endswith(ending)), len(first))
    return at, name


def column(variable: xr.DataArray) -> list[str]:
    """The cells of a column as text; classes by their names."""
    values = np.asarray(variable.values[:ROWS])
    meanings = str(variable.attrs.get("flag_meanings", "")).split()
    if meanings:
        flags = np.atleast_1d(variable.attrs.get("flag_values", range(len(meanings))))
        known = dict(zip((int(flag) for flag in flags), meanings, strict=False))
        return [known.get(int(value), str(value)) for value in values]
    return [cell(value) for value in values]


def cell(value: Any) -> str:
    """One value as short text."""
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if isinstance(value, float | np.floating):
        return f"{value:.4g}"
    return str(value)
