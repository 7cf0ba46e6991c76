"""Slices to particles: CPU time of each step, beside the official stardist in the same run.

The official package runs in an interpreter that has it (`--official PYTHON`): with the published
configuration on the slice as it is, and with our network on what our network sees. Our weights fill
a part of the published layers there and the rest is zero, so that it finds particles at its cost.
The anchor is the cheaper of its own way and of its bfloat16 option, which gains only on processors
made for it.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

SHAPE = (655, 2048)
"""Of the slices of the published work."""
DIAMETERS = {"published": 115.0, "small": 48.0, "smaller": 36.0}
"""Pixels of a particle: in the published slice, where the published networks see best, and where a
slice is as large for ours as it is."""
SEED = 5
NOT_THERE = (
    "stardist and tensorflow are not in this interpreter: give one that has them (--official)"
)


def measure_slices(rounds: int, official: Path | None) -> Iterator[dict[str, Any]]:
    """Time slices of SHAPE with particles of DIAMETERS, one thread each."""
    import torch

    torch.set_num_threads(1)
    python = official or (Path(sys.executable) if find_spec("stardist") else None)
    for name, diameter in DIAMETERS.items():
        yield _case(name, diameter, rounds, python)


def _case(name: str, diameter: float, rounds: int, python: Path | None) -> dict[str, Any]:
    from ...analysis.operators import Calibration
    from ...analysis.particles.finder import ParticleFinder

    image, true = _slice(diameter)
    told, alone = ParticleFinder(particle_px=diameter), ParticleFinder()
    cpu, wall = _cost(lambda: told(image[None], Calibration()), rounds)
    case = {
        "name": f"particles-slice-{SHAPE[0]}x{SHAPE[1]}-{name}",
        "cpu_ms_per_frame": round(cpu * 1e3, 1),
        "frames_per_s": round(1 / wall, 2),
        "anchor": None,
        "ratio": None,
        "particle_px": diameter,
        "size_not_told_cpu_ms": round(
            _cost(lambda: alone(image[None], Calibration()), rounds)[0] * 1e3, 1
        ),
        "exact_cpu_ms": round(
            _cost(lambda: replace(told, exact=True)(image[None], Calibration()), 2)[0] * 1e3, 1
        ),
        **_parts(image, true, diameter, rounds),
    }
    if python is None:
        return {**case, "no_anchor": NOT_THERE}
    return case | _anchored(image, diameter, cpu, rounds, python)


def _slice(diameter: float) -> tuple[np.ndarray, np.ndarray]:
    """A generated slice, 8 bits, and its labels."""
    from ...models.phantoms.nmc import nmc_slice

    made = nmc_slice(np.random.default_rng(SEED), SHAPE, diameter=diameter, fill=0.6)
    low, high = np.percentile(made.image, [0.1, 99.9])
    grey = np.clip((made.image - low) / (high - low) * 255, 0, 255)
    return grey.astype(np.uint8), made.labels


def _cost(work: Any, rounds: int) -> tuple[float, float]:
    """Least CPU and wall seconds of `work`, after one that isn't counted."""
    work()
    costs = []
    for _ in range(rounds):
        cpu, wall = time.process_time(), time.perf_counter()
        work()
        costs.append((time.process_time() - cpu, time.perf_counter() - wall))
    return min(c for c, _ in costs), min(w for _, w in costs)


def _parts(image: np.ndarray, true: np.ndarray, diameter: float, rounds: int) -> dict[str, Any]:
    """Where the time goes, and what it is good for."""
    from ...analysis.particles.found import drawn
    from ...analysis.particles.matching import report, tallies
    from ...analysis.particles.model import model
    from ...analysis.particles.refinement import refined
    from ...analysis.particles.selection import select
    from ...analysis.particles.stars import candidates, star_maps
    from ...models.normalise import normalised

    network = model()
    scale = network.particle_px / diameter
    prob, nms = network.threshold("prob"), network.threshold("nms")
    seen = network.scaled(normalised(image), scale)
    maps = next(star_maps(image[None], network, scale))
    found = select(replace(maps, scale=1.0), prob, nms)
    shown = found.unscaled(scale)
    steps = {
        "normalise and resample": lambda: network.scaled(normalised(image), scale),
        "network": lambda: network.ask(seen[None]),
        "select": lambda: select(maps, prob, nms, refine=False),
        "select, exact": lambda: select(maps, prob, nms, exact=True, refine=False),
        "refine": lambda: refined(found, replace(maps, scale=1.0)),
        "draw": lambda: drawn(shown, SHAPE),
    }
    labels = drawn(shown, SHAPE).labels
    exact = drawn(select(maps, prob, nms, exact=True), SHAPE).labels
    return {
        "parts_cpu_ms": {k: round(_cost(w, rounds)[0] * 1e3, 1) for k, w in steps.items()},
        "engine": type(network.ask).__name__.replace("function", "torch"),
        "precision": network.precision,
        "candidates": len(candidates(maps, prob)),
        "particles": int(labels.max()),
        "ap0.5": report(tallies(true, labels))["ap0.5"],
        "agreement_quick_exact": report(tallies(exact, labels))["ap0.5"],
    }


def _anchored(
    image: np.ndarray, diameter: float, cpu: float, rounds: int, python: Path
) -> dict[str, Any]:
    """The official package beside it: its own way, with its bf16 option, and on what we see."""
    from ...analysis.particles.model import model
    from ...models.normalise import normalised
    from .anchor import official

    whole = normalised(image)
    seen = model().scaled(whole, model().particle_px / diameter)
    plain = official(python, whole, published=True, rounds=rounds)
    half = official(python, whole, published=True, rounds=rounds, half=True)
    same = official(python, seen, published=False, rounds=rounds)
    best = min(plain.cpu_s, half.cpu_s)
    agreement = _agreement(image, diameter, same.labels)
    return {
        "anchor": {
            "name": "stardist predict_instances, published configuration",
            "cpu_ms_per_frame": round(best * 1e3, 1),
            "frames_per_s": round(1 / best, 2),
        },
        "ratio": round(cpu / best, 3),
        "times_faster": round(best / cpu, 2),
        "official_cpu_ms": round(plain.cpu_s * 1e3, 1),
        "official_bf16_cpu_ms": round(half.cpu_s * 1e3, 1),
        "official_same_network_cpu_ms": round(same.cpu_s * 1e3, 1),
        "label_agreement": agreement["quick"]["iou0.5"],
        "agreement": agreement,
    }


def _agreement(
    image: np.ndarray, diameter: float, labels: np.ndarray
) -> dict[str, dict[str, float | None]]:
    """AP of our labels against `labels`, the official ones, both at the scale of the network."""
    from ...analysis.particles.drawing import draw
    from ...analysis.particles.matching import report, tallies
    from ...analysis.particles.model import model
    from ...analysis.particles.selection import select
    from ...analysis.particles.stars import star_maps

    network = model()
    maps = next(star_maps(image[None], network, network.particle_px / diameter))
    maps = replace(maps, scale=1.0)
    prob, nms = network.threshold("prob"), network.threshold("nms")
    ways: dict[str, dict[str, bool]] = {
        "exact": {"exact": True, "refine": False},
        "quick": {"refine": False},
        "quick and refined": {},
    }
    said = {}
    for name, how in ways.items():
        corners = select(maps, prob, nms, **how).corners()
        told = report(tallies(labels, draw(corners, (labels.shape[0], labels.shape[1]))))
        said[name] = {"iou0.5": told["ap0.5"], "iou0.9": told["ap0.9"]}
    return said
