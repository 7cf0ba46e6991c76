"""Which stars are particles: every candidate looked at, or, much quicker, the best places alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from .drawing import draw
from .refinement import refined
from .stars import Maps, Stars, candidates
from .suppression import suppress


def select(
    maps: Maps, prob: float, nms: float, *, exact: bool = False, refine: bool = True
) -> Stars:
    """Give the particles of a slice in pixels of the image, the most probable first.

    `prob` is the least probability, `nms` the largest overlap. `exact` looks at every candidate, as
    the official package does. Otherwise the most probable places of each neighbourhood choose
    among themselves, then the places that they leave uncovered: the same but for few in a hundred.
    `refine` improves the outlines by what other places of the particle say; the official package
    does not.
    """
    kept = suppress(candidates(maps, prob), nms) if exact else _quick(maps, prob, nms)
    return (refined(kept, maps) if refine else kept).unscaled(maps.scale)


def _quick(maps: Maps, prob: float, nms: float) -> Stars:
    kept = suppress(candidates(maps, prob, reduced=True), nms)
    free = np.where(_covered(kept, maps), np.float32(0), maps.prob)
    rest = candidates(replace(maps, prob=free), prob)
    if not len(rest):
        return kept
    both = [
        np.concatenate([getattr(kept, name), getattr(rest, name)])
        for name in ("points", "dist", "prob")
    ]
    return suppress(Stars(*both), nms)


def _covered(stars: Stars, maps: Maps) -> np.ndarray:
    """Which places of `maps` lie inside a star."""
    corners = stars.corners() / np.array(maps.grid, np.float32)
    return draw(corners, maps.prob.shape) > 0
