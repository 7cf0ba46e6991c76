"""`beamside evaluate particles --packings`: generated volumes of known particles, joined in 3D.

Two questions. How right is the joining, where slices are seen with known failings (`cuts`: some
cross-sections missed, rays off by 5 %): views fused, and one view linked. And how right is the
whole way, with the network on slices of the same packings in grey.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from ..analysis.particles.fusion import fused
from ..analysis.particles.linking import Linking
from ..analysis.particles.matching import Tally, pooled, report
from ..analysis.particles.overlapping import volume_tallies
from ..analysis.particles.sections import Sections, section
from ..models.phantoms.cuts import RAYS, cuts
from ..models.phantoms.electrode import KINDS, electrode, grey
from ..models.rays import directions
from .evaluate_volumes import scored

SHAPE = (96, 112, 112)
RADIUS = 13.0
"""Voxels."""
FILLS = (0.25, 0.5)
MISSED = (0.1, 0.25)
"""Parts of the cross-sections that are not seen."""
SEED = 300
"""Of the first packing, less one; lower ones were used while the methods were made."""

Scores = dict[float, Tally]


def evaluate(many: int, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Score `many` packings of each fill and kind; the network, with `settings`, on one kind each.

    Keys: `fusion`, `linking` by missed part and fill, `network` by fill: as `matching.report`.
    ValueError for a number below 1.
    """
    if many < 1:
        raise ValueError(f"give at least 1 packing of each kind, not {many}")
    joined: dict[tuple[str, float, float], list[Scores]] = {}
    seen: dict[float, list[Scores]] = {fill: [] for fill in FILLS}
    for number, fill, kind in product(range(1, many + 1), FILLS, KINDS):
        seed = SEED + number
        labels = electrode(np.random.default_rng(seed), SHAPE, RADIUS, fill, kind).labels
        for missed in MISSED:
            for method, one in _joined(labels, seed, missed):
                joined.setdefault((method, missed, fill), []).append(one)
        if kind == KINDS[number % len(KINDS)]:
            seen[fill].append(_seen(labels, seed, settings))
    said: dict[str, Any] = {"fusion": {}, "linking": {}, "network": {}}
    for (method, missed, fill), scores in joined.items():
        own = said[method].setdefault(f"missed {missed:g}", {})
        own[f"fill {fill:g}"] = report(pooled(scores))
    for fill, scores in seen.items():
        said["network"][f"fill {fill:g}"] = report(pooled(scores))
    about = {"each": many, "first_seed": SEED + 1, "radius": RADIUS}
    about |= dict(zip(("z", "y", "x"), SHAPE, strict=True))
    return {**said, "packings": about}


def _joined(labels: np.ndarray, seed: int, missed: float) -> Iterator[tuple[str, Scores]]:
    way = directions(RAYS)
    sections = Sections().with_(
        section(
            one.view,
            one.index,
            one.shape,
            one.points[:, None] + one.dist[..., None] * way,
            one.prob,
        )
        for one in cuts(np.random.default_rng([seed, 1]), labels, missed)
    )
    yield "fusion", volume_tallies(labels, fused(sections)[0])
    yield "linking", volume_tallies(labels, Linking().link(sections, 0).labels())


def _seen(labels: np.ndarray, seed: int, settings: Mapping[str, Any]) -> Scores:
    """The whole way: slices in grey, network, fusion. The size of the particles is told."""
    volume = grey(np.random.default_rng([seed, 2]), labels)
    arrays = {"volume": volume, "labels": labels, "particle_px": np.array(2 * RADIUS)}
    return scored(arrays, settings, Path(f"packing {seed}"))
