"""`beamside particles network`: the particles of a table cycled on their contacts."""

from __future__ import annotations

import argparse
from typing import Any

import numpy as np
import xarray as xr

from ...analysis.particles.contacts import contacts
from ...analysis.particles.network import Network
from ...stream.errors import FileError
from ...stream.labelled import write_labelled
from ...stream.volume import read_volume
from .given import Voxel, micrometres, say, settings_of, table, voxel_of

NAMED = 5
"""Labels that are named where tables and labels differ."""
SHOWN = 8
"""Cycles that are shown to people."""


def command(args: argparse.Namespace) -> int:
    """Find the contacts, cycle, tell how it went."""
    settings = settings_of(Network, args.assignments)
    given = {"cycles": args.cycles, "rate": args.rate}
    model = Network(**settings | {key: value for key, value in given.items() if value is not None})
    if args.out and args.out.suffix.lower() == ".csv":
        raise FileError(f"{args.out}: an evolution is no table; name a .nxs file")
    labels, particles = read_volume(args.labels), table(args.table)
    known = particles.attrs.get("voxel_size_um")
    if args.voxel is None and known is not None:
        z, y, x = (float(side) for side in known)
        voxel = (z, y, x)
    else:
        voxel = voxel_of(args.voxel, labels)
    touching = contacts(labels.values, voxel, micrometres(args.gap) if args.gap else 0.0)
    note = matched(labels.values, particles, voxel)
    found = model(particles, touching)
    if note:
        found.attrs["note"] = note
    if args.out:
        write_labelled(args.out, found)
    told = summary(found)
    say(told, lines(told), as_json=args.json)
    return 0


def matched(labels: np.ndarray, particles: xr.Dataset, voxel: Voxel) -> str:
    """Say which labels have no row in the table, and which rows no label; nothing if all have.

    FileError if none has, or other labels lie at the centres: the table is of another volume.
    """
    there = np.unique(labels)
    there, rows = there[there != 0].astype(np.int64), particles["particle_label"].values
    if not np.isin(rows, there).any():
        raise FileError(
            f"the table is not of these labels: none of its {len(rows)} particles "
            f"({_some(rows)}) is among the {len(there)} labels of the volume ({_some(there)})"
        )
    own, others = _at_centres(labels, particles, voxel)
    if others > own:
        raise FileError(
            f"the table is not of these labels, or the voxel not of {voxel} um: at the centres of "
            f"{others} particles lies another label or nothing of the volume, of {own} their own"
        )
    unmeasured, absent = np.setdiff1d(there, rows), np.setdiff1d(rows, there)
    said = []
    if len(unmeasured):
        said.append(f"{len(unmeasured)} labels without a row, left out: {_some(unmeasured)}")
    if len(absent):
        said.append(f"{len(absent)} rows without a label, without contacts: {_some(absent)}")
    return "; ".join(said)


def _at_centres(labels: np.ndarray, particles: xr.Dataset, voxel: Voxel) -> tuple[int, int]:
    """At how many centres lies the particle's own label, and at how many none that can be so."""
    centres = np.stack([particles[f"particle_{axis}"].values for axis in "zyx"], axis=1)
    place = np.rint(np.nan_to_num(centres / np.asarray(voxel), nan=-1)).astype(np.int64)
    inside = ((place >= 0) & (place < labels.shape)).all(axis=1)
    found = labels[tuple(place[inside].T)]
    own = int((found == particles["particle_label"].values[inside]).sum())
    cracks = int((found == 0).sum())  # or what a hollow particle has in its middle
    return own, len(place) - own - cracks


def _some(labels: np.ndarray) -> str:
    return ", ".join(f"{one:g}" for one in labels[:NAMED]) + (
        ", ..." if len(labels) > NAMED else ""
    )


def summary(found: xr.Dataset) -> dict[str, Any]:
    """How it went, half cycle by half cycle, under stable keys."""
    said: dict[str, Any] = {
        "model": found.attrs["model"],
        "particles": int(found.sizes["particle"]),
        "contacts": int(found.sizes["contact"]),
        "parts": int(found["particle_part"].max()) + 1,
        "note": found.attrs.get("note", ""),
    }
    for name in ("synchrony", "moran", "moran_activity", "mean_damage", "passed"):
        values = found[name].values.tolist()
        said[name] = [value if value == value else None for value in values]
    return said


def lines(told: dict[str, Any]) -> list[str]:
    """How it went, for people."""
    many = len(told["synchrony"])
    shown = sorted({round(n * (many - 1) / (SHOWN - 1)) for n in range(SHOWN)})
    rows = [
        f"  network   {told['particles']} particles, {told['contacts']} contacts, "
        f"{told['parts']} parts",
        f"  model     {told['model']}",
        *([f"  note      {told['note']}"] if told["note"] else []),
        f"  {'cycle':>6} {'synchrony':>10} {'damage':>8} {'Moran':>7} {'passed':>7}",
    ]
    for n in shown:
        moran = told["moran"][n]
        rows.append(
            f"  {n // 2 + 1:>6} {_figure(told['synchrony'][n], 10, 3)} "
            f"{_figure(told['mean_damage'][n], 8, 4)} {_figure(moran, 7, 3)} "
            f"{_figure(told['passed'][n], 7, 3)}"
        )
    return rows


def _figure(value: float | None, width: int, digits: int) -> str:
    return f"{'-':>{width}}" if value is None else f"{value:>{width}.{digits}f}"
