"""`beamside particles volume`: slices of a volume found in every view and fused, or linked.

Everything that takes long is kept beside the result while it is not finished; the same command goes
on where it stopped.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from ...analysis import operators
from ...analysis.particles.bodies import views
from ...analysis.particles.fusion import Fusion
from ...analysis.particles.linking import Linking
from ...analysis.particles.sections import VIEWS, Sections, unpacked
from ...stream.errors import FileError
from ...stream.files.formats import split
from ...stream.stack import Stack, stack, stamp
from ...stream.unfinished import Unfinished
from ..settings import assignment
from .finding import Job, batches, found
from .given import say, voxel_of
from .joining import Joining
from .mending import mended


@dataclass(frozen=True)
class Wanted:
    """What is to be made."""

    source: Path
    out: Path
    voxel: tuple[float, float, float] | None
    """um (z, y, x)"""
    views: tuple[int, ...]
    method: str
    """fusion, or linking"""
    fusion: Fusion
    linking: Linking
    settings: dict[str, Any]
    """Of the analysis `particles`."""
    workers: int

    def question(self) -> dict[str, Any]:
        """What decides on the answer, but for how it is fused: slices are the same then."""
        said = {"views": self.views, "voxel": self.voxel, "settings": self.settings}
        return {"source": str(self.source.resolve()), "files": stamp(self.source), **said}


def command(args: argparse.Namespace) -> int:
    """Make the volume; tell what is in it."""
    wanted = _wanted(args)
    work = Unfinished(args.work or args.out.with_name(f".{args.out.name}.work"), wanted.question())
    table, lineage = made(wanted, work)
    if not args.keep:
        work.done()
    told = summary(table, lineage)
    say(told, lines(told, args.out), as_json=args.json)
    return 0


def made(wanted: Wanted, work: Unfinished) -> tuple[xr.Dataset, dict[str, Any]]:
    """Find the particles of every slice, make the volume, write it; the table and the lineage."""
    volume = mended(stack(wanted.source, work), work)
    job = _job(wanted, volume, work)
    sections = Sections()
    parts = batches(volume.values.shape, wanted.views, volume.missing)
    for number, part in enumerate(found(job, parts, work, wanted.workers), 1):
        sections = sections.with_(unpacked(part))
        _progress(f"slices {number} of {len(parts)} batches")
    lineage: dict[str, Any] = {
        "source": str(wanted.source),
        "slices": views(sections),
        "stars": sum(len(one) for one in sections),
        "analysis": {"name": "particles", "settings": job.settings},
        "network": job.network,
        "notes": list(volume.notes),
    }
    joining = Joining(wanted.method, wanted.fusion, wanted.linking)
    table = joining(sections, wanted.out, work, lineage, _tell)
    _progress("")
    return table, lineage


def _tell(what: str, done: int, total: int) -> None:
    _progress(f"{what} {done} of {total} slabs")


def _job(wanted: Wanted, volume: Stack, work: Unfinished) -> Job:
    """What workers are told: settings, with the size of particles from the middle of the volume."""
    sizes = wanted.voxel or (None, *(volume.pixel_um or (None, None)))
    job = Job(work.folder / "volume.npy", dict(wanted.settings), sizes, {})
    kept = work.get("network")
    if kept is None:
        middle = volume.values.shape[0] // 2
        said = job.analyse(np.asarray(volume.values[middle])[None], 0).attrs
        names = ("model", "model_sha256", "particle_px")
        kept = {name: np.array(said[name]) for name in names if name in said}
        work.put("network", kept)
    network = {name: value.item() for name, value in kept.items()}
    settings = dict(wanted.settings)
    if not {"particle_px", "particle_um"} & set(settings) and "particle_px" in network:
        settings["particle_px"] = float(network["particle_px"])
    return replace(job, settings=settings, network=network)


def _wanted(args: argparse.Namespace) -> Wanted:
    settings: dict[str, Any] = {}
    for text in args.assignments:
        settings |= assignment(f"analysis.{text}")["analysis"]
    operators.load("particles", settings)  # refuses settings that it does not know
    if args.out.suffix.lower() not in (".nxs", ".h5"):
        raise FileError(f"{args.out}: volumes are written to .nxs or .h5")
    if not split(args.source)[0].exists():
        raise FileError(f"{args.source}: no such file or folder")
    names = args.views.split(",")
    unknown = [name for name in names if name not in VIEWS]
    if unknown:
        raise ValueError(
            f"no view {unknown[0]!r}; allowed: {', '.join(VIEWS)}, with commas between"
        )
    chosen = tuple(sorted({VIEWS.index(name) for name in names}))
    method = args.method or ("fusion" if len(chosen) > 1 else "linking")
    if method == "fusion" and len(chosen) < 2:
        raise ValueError("fusing takes two views at least; give more of them, or --method linking")
    voxel = voxel_of(args.voxel) if args.voxel else None
    fusion = Fusion(args.stride, args.room)
    return Wanted(
        args.source, args.out, voxel, chosen, method, fusion, Linking(), settings, args.workers
    )


def _progress(text: str) -> None:
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\x1b[K{'  ' + text if text else ''}")
        sys.stderr.flush()


def summary(table: xr.Dataset, lineage: dict[str, Any]) -> dict[str, Any]:
    """What there is now, under stable keys."""
    many = table.sizes["particle"]
    return {
        "particles": many,
        "diameter_median": float(np.median(table["particle_diameter"])) if many else None,
        "units": table["particle_diameter"].attrs["units"],
        "cut": int(table["particle_edge"].sum()),
        **{key: lineage[key] for key in ("method", "slices", "stars", "network", "notes")},
    }


def lines(told: dict[str, Any], out: Path) -> list[str]:
    """The same for people."""
    rows: list[tuple[str, str]] = [
        ("particles", f"{told['particles']}, {told['cut']} of them cut by a face"),
        ("slices", f"{told['slices']}; {told['stars']} cross-sections"),
        ("method", told["method"]),
        *(("note", text) for text in told["notes"]),
        ("written", str(out)),
    ]
    if told["particles"]:
        rows.insert(1, ("diameter", f"{told['diameter_median']:.3g} {told['units']}, median"))
    return [f"  {name:<11}{text}" for name, text in rows]
