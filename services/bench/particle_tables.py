"""Features of particles and the forests that explain damage: CPU time, with anchors.

A `frame` is a particle here, and a fit with its Shapley values there.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import xarray as xr

VOXEL = 0.1
SIZES = ((20, 64), (38, 24))
"""Radius in voxels, and particles."""
GOALS_MS = {20: 30.0, 38: 200.0}
"""Of one particle; 200 ms are 2,000 particles in 200 s on 2 cores."""
FITS, FITS_GOAL_S = 40, 30.0
PARTICLES = 2000


def measure_features() -> Iterator[dict[str, Any]]:
    """All features of cracked particles, corrected alone and both definitions.

    The anchor is the closing of one particle alone, by a structuring element (scipy), same run.
    """
    from ...analysis.particles.features import Features
    from ...models.phantoms.cracked import cracked

    for radius, many in SIZES:
        phantom = cracked(many, radius)
        closing = _seconds(lambda: _closing(phantom.labels)) if radius == 20 else None  # noqa: B023
        for words, published in (("", False), ("-both", True)):
            features = Features(published=published)
            seconds = _seconds(lambda: features(phantom.labels, phantom.grey, VOXEL))  # noqa: B023
            case = _case(f"particles-features-r{radius}{words}", seconds, many)
            case["goal_cpu_ms"] = GOALS_MS[radius]
            if closing is not None:
                ms = 1e3 * closing
                case["anchor"] = {
                    "name": "its closing alone by scipy",
                    "cpu_ms_per_frame": round(ms, 1),
                    "frames_per_s": round(1 / closing, 2),
                }
                case["ratio"] = round(case["cpu_ms_per_frame"] / ms, 4)
            yield case


def measure_forest() -> Iterator[dict[str, Any]]:
    """The 40 published fits with Shapley values (two states), and one glance; 2,000 particles."""
    from ...analysis.particles.why import Why, glance

    early, late = _table(0), _table(1)
    glance(early)  # imports
    yield _case("particles-forest-glance", _seconds(lambda: glance(early)), 1)
    why = Why(folds=0, permutations=0)
    seconds = _seconds(lambda: (why(early), why(late)))
    yield {
        **_case("particles-forest-40-fits", seconds, FITS),
        "core_s": round(seconds, 2),
        "goal_core_s": FITS_GOAL_S,
    }


def _case(name: str, seconds: float, many: int) -> dict[str, Any]:
    return {
        "name": name,
        "cpu_ms_per_frame": round(1e3 * seconds / many, 2),
        "frames_per_s": round(many / seconds, 2),
        "anchor": None,
        "ratio": None,
        "frames": many,
    }


def _seconds(work: Callable[[], Any]) -> float:
    began = time.process_time()
    work()
    return time.process_time() - began


def _closing(labels: np.ndarray) -> None:
    """Close one particle by a ball of 10 voxels as scipy does."""
    import scipy.ndimage

    grid: np.ndarray = np.arange(-10, 11) ** 2
    ball = grid[:, None, None] + grid[:, None] + grid <= 100
    box = scipy.ndimage.find_objects(labels, max_label=1)[0]
    scipy.ndimage.binary_closing(np.pad(labels[box] == 1, 11), ball)


def _table(seed: int) -> xr.Dataset:
    """A table in which damage follows two features, one of them in a V, and noise."""
    from ...analysis.particles.catalogue import FEATURES

    random = np.random.default_rng(seed)
    columns: dict[str, np.ndarray] = {f.name: random.normal(size=PARTICLES) for f in FEATURES}
    noise = random.normal(0, 0.01, PARTICLES)
    columns["damage"] = 0.05 + 0.02 * np.abs(columns["sphericity"]) + 0.01 * columns["z"] + noise
    columns["label"] = np.arange(PARTICLES)
    return xr.Dataset({f"particle_{name}": ("particle", v) for name, v in columns.items()})
