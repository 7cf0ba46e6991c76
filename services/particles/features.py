"""`beamside particles features`: a label volume measured by several processes."""

from __future__ import annotations

import argparse
import math
import os
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from multiprocessing import get_context
from typing import Any, TypeVar

import numpy as np
import xarray as xr

from ...analysis.particles.depth import depth_profile
from ...analysis.particles.features import Features
from ...analysis.particles.flags import Flag
from ...stream.errors import FileError
from ...stream.labelled import write_labelled
from .given import Voxel, micrometres, say, settings_of, volume, voxel_of

AHEAD = 4
"""Crops a process that wait for it: bounds the memory."""
One = TypeVar("One")
Other = TypeVar("Other")


def command(args: argparse.Namespace) -> int:
    """Measure, write the table, tell what is in it."""
    settings: dict[str, Any] = {"closing": micrometres(args.closing)}
    if args.crack_below:
        auto = args.crack_below == "auto"
        settings["crack_below"] = "auto" if auto else _grey(args.crack_below)
    features = Features(**settings | settings_of(Features, args.assignments))
    labels, grey = volume(args.labels), volume(args.grey)
    if labels is None:
        raise FileError("give a volume of labels")
    if features.crack_below is not None and grey is None:
        raise FileError("--crack-below needs GREY: name the volume of grey values after the labels")
    workers = args.workers or len(os.sched_getaffinity(0))
    voxel = voxel_of(args.voxel, labels, grey)
    found = measured(features, labels.values, None if grey is None else grey.values, voxel, workers)
    if args.out:
        write_labelled(args.out, found, "particle")
    told = summary(found)
    say(told, lines(told), as_json=args.json)
    return 0


def measured(
    features: Features,
    labels: np.ndarray,
    grey: np.ndarray | None,
    voxel: Voxel,
    workers: int,
    each: Callable[[Iterable[Any]], Iterable[Any]] | None = None,
) -> xr.Dataset:
    """Measure all particles in several processes; the table is that of one process.

    `each` sees the measurements pass by.
    """
    job, crops, around = features.jobs(labels, grey, voxel)
    each, remark = each or _counted, features.remark(labels, grey)
    if workers <= 1:
        return features.table(each(map(job, crops)), around, voxel, remark)
    # a fresh interpreter each: a fork of a process with threads may hang
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        found = _in_order(pool, job, crops, AHEAD * workers)
        return features.table(each(found), around, voxel, remark)


def _grey(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise ValueError(f"--crack-below {text!r}: give a grey value, or auto") from None


def _in_order(
    pool: ProcessPoolExecutor, job: Callable[[One], Other], given: Iterable[One], ahead: int
) -> Iterator[Other]:
    """Map as the pool's own map, but with a bounded number of crops on their way."""
    waiting: deque[Future[Other]] = deque()
    for one in given:
        waiting.append(pool.submit(job, one))
        if len(waiting) >= ahead:
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()


def _counted(found: Iterable[One]) -> Iterator[One]:
    live = sys.stderr.isatty()
    for number, one in enumerate(found, 1):
        if live and number % 20 == 0:
            sys.stderr.write(f"\r\x1b[K  {number} particles")
            sys.stderr.flush()
        yield one
    if live:
        sys.stderr.write("\r\x1b[K")


def summary(table: xr.Dataset) -> dict[str, Any]:
    """What a table holds, under stable keys."""
    profile = depth_profile(table)
    flags = table["particle_flags"].values
    damage = table["particle_damage"].values
    return {
        "particles": int(table.sizes["particle"]),
        "damage_mean": float(damage.mean()),
        "damage_quartiles": np.percentile(damage, [25, 50, 75]).tolist(),
        "diameter_um_median": float(np.median(table["particle_diameter"])),
        "flags": {str(f.name).lower(): int((flags & f != 0).sum()) for f in Flag},
        "depth_um": profile["depth"].values.tolist(),
        "depth_damage": profile["damage"].values.tolist(),
        "depth_damage_sigma": profile["damage_sigma"].values.tolist(),
        "shell_damage": table["particle_shell_damage"].mean("particle").values.tolist(),
        "voxel_um": list(table.attrs["voxel_size_um"]),
        "note": table.attrs.get("note", ""),
    }


def _places(depths: list[float]) -> list[str]:
    """Depths with as many digits as tell them apart."""
    step = abs(depths[1] - depths[0]) if len(depths) > 1 else abs(depths[0]) / 100
    digits = max(0, 1 - math.floor(math.log10(step))) if step > 0 else 0
    return [f"{place:.{digits}f}" for place in depths]


def lines(told: dict[str, Any]) -> list[str]:
    """The summary for people."""
    low, middle, high = told["damage_quartiles"]
    flags = ", ".join(f"{name} {count}" for name, count in told["flags"].items() if count)
    shells = " ".join(f"{value:.3f}" for value in told["shell_damage"])
    places = _places(told["depth_um"])
    depth = " ".join(
        f"{place}:{value:.3f}" for place, value in zip(places, told["depth_damage"], strict=True)
    )
    rows = [
        ("particles", f"{told['particles']}, median diameter {told['diameter_um_median']:.3g} um"),
        ("damage", f"mean {told['damage_mean']:.4f}, quartiles {low:.4f} {middle:.4f} {high:.4f}"),
        ("shells", f"{shells}  (surface to core)"),
        ("depth", f"{depth}  (um:damage)"),
        ("flags", flags or "none"),
        ("note", told["note"]),
    ]
    return [f"  {name:<10}{text}" for name, text in rows if text]
