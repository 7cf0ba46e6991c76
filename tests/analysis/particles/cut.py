"""Packings of known particles, and what a network would say of their slices."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from beamside.analysis.particles.sections import Section, Sections, section
from beamside.models.phantoms.cuts import cuts
from beamside.models.phantoms.electrode import electrode
from beamside.models.rays import directions


@lru_cache(maxsize=8)
def packed(
    seed: int = 0, fill: float = 0.5, kind: str = "ellipsoids", side: int = 64, radius: float = 9
) -> np.ndarray:
    """Labels [z, y, x] of a packing."""
    shape = (side, side + 8, side - 6)
    return electrode(np.random.default_rng(seed), shape, radius, fill, kind).labels


def seen(
    labels: np.ndarray, missed: float = 0.1, seed: int = 1, views: tuple[int, ...] = (0, 1, 2)
) -> list[Section]:
    """The slices of a packing."""
    way = directions(32)
    found = []
    for one in cuts(np.random.default_rng(seed), labels, missed, views=views):
        corners = one.points[:, None] + one.dist[..., None] * way
        found.append(section(one.view, one.index, one.shape, corners, one.prob))
    return found


def collected(labels: np.ndarray, missed: float = 0.1, **settings: object) -> Sections:
    """The same, put together."""
    return Sections().with_(seen(labels, missed, **settings))  # type: ignore[arg-type]
