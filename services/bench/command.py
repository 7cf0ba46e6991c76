"""`beamside bench`: run the cases, print a table, give one JSON object.

Stable keys: `bench, command, date, load, machine, cases[{name, cpu_ms_per_frame, frames_per_s,
anchor{name, cpu_ms_per_frame, frames_per_s}, ratio}]`; ratio is ours over the anchor in CPU time;
`load` is the machine's load average before and after: times of a busy machine are upper bounds.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import orjson

from .machine import describe
from .streams import CASES, measure

HEADS = {"name": "", "words": ""}
"""Keys of a case that are not figures: those of a case with words are found at the top too."""
NAMES = (
    *CASES,
    "hrtem",
    "hrtem-gpu",
    "latency",
    "spool",
    "particles",
    "particle-slices",
    "volume",
    "service",
    "steering",
    "steering-losses",
    "viewer",
    "viewer-night",
)
ASKED = ("hrtem-gpu", "particle-slices", "steering-losses", "viewer-night", "volume")
"""Those that are measured only when asked for."""


def bench(args: argparse.Namespace) -> int:
    """Measure the cases that were asked for."""
    unknown = sorted(set(args.case) - set(NAMES))
    if unknown:
        raise ValueError(f"no bench {unknown[0]!r}; allowed: {', '.join(NAMES)}")
    wanted = args.case or [name for name in NAMES if name not in ASKED]
    machine, began, load = describe(), datetime.now(UTC), os.getloadavg()[0]
    sys.stderr.write(f"  {machine['processor']}, {machine['cores']} cores\n")
    cases = []
    for case in _cases(wanted, args):
        cases.append(case)
        sys.stderr.write(f"  {line(case)}\n")
        sys.stderr.flush()
    said: dict[str, Any] = {"bench": " ".join(wanted), "command": _command(args)}
    said |= {"date": f"{began:%Y-%m-%d}", "load": [round(load, 1), round(os.getloadavg()[0], 1)]}
    said |= {"machine": machine, "cases": cases}
    said |= {k: v for c in cases if "words" in c for k, v in c.items() if k not in said | HEADS}
    text = orjson.dumps(said, option=orjson.OPT_INDENT_2).decode()
    if args.out:
        args.out.write_text(text + "\n")
    if args.json:
        sys.stdout.write(orjson.dumps(said).decode() + "\n")
    return 0


def _command(args: argparse.Namespace) -> str:
    """What was typed; where somebody keeps an interpreter is nobody else's business."""
    words = ["PYTHON" if word == str(args.official) else word for word in sys.argv[1:]]
    return " ".join(["beamside", *words])


def _cases(wanted: list[str], args: argparse.Namespace) -> Iterator[dict[str, Any]]:
    for name in wanted:
        if name in CASES:
            for case in CASES[name]:
                yield measure(case, args.rounds, args.frames)
        elif name == "hrtem":
            from .hrtem import measure as measure_hrtem

            yield from measure_hrtem(args.frames)
        elif name == "hrtem-gpu":
            from .hrtem import measure_gpu

            yield from measure_gpu(args.frames)
        elif name == "particles":
            from .particles import measure as measure_particles

            yield from measure_particles(args.rounds, args.official)
        elif name == "particle-slices":
            from .particle_slices import measure_slices

            yield from measure_slices(args.rounds, args.official)
        elif name == "latency":
            from .latency import measure_latency

            yield from measure_latency(args.frames)
        elif name == "viewer":
            from .viewer import measure_viewer

            yield from measure_viewer(args.minutes)
        elif name == "viewer-night":
            from .night import measure_night

            yield from measure_night(args.minutes)
        elif name == "steering":
            from .steering import measure as measure_steering

            yield from measure_steering(args.frames)
        elif name == "steering-losses":
            from .steering_losses import losses

            yield losses(args.frames)
        elif name == "volume":
            from .particle_volume import measure_volume

            yield from measure_volume(whole=True)
        elif name == "spool":
            from .spool import measure as measure_spool

            yield from measure_spool(args.rounds, args.frames, args.gigabytes)
        else:
            from .whole import measure_whole

            yield from measure_whole(args.rounds, args.frames)


def line(case: dict[str, Any]) -> str:
    """One case for people."""
    if "words" in case:
        values = [f"{key} {value}" for key, value in case.items() if key not in ("name", "words")]
        return f"{case['words']}: {', '.join(values)}"
    text = f"{case['name']:<28}{case['cpu_ms_per_frame']:>10.3f} CPU-ms/frame"
    text += f"{case['frames_per_s']:>9.1f} frames/s"
    anchor = case.get("anchor")
    if anchor and anchor["cpu_ms_per_frame"] is None:
        text += f"   {anchor['name']}: {anchor['frames_per_s']} frames/s"
    elif anchor:
        text += f"   {anchor['name']} {anchor['cpu_ms_per_frame']:.3f}, ratio {case['ratio']:.2f}"
        if "gb_per_s" in case:
            text += f", {case['gb_per_s']} of {anchor['gb_per_s']} GB/s"
            text += f" ({case['throughput_ratio']:.0%})"
    return text
