"""Thresholds of a network, and how good it is with them, from slices with known particles."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .drawing import draw
from .matching import Tally, pooled, report, tallies
from .model import Model
from .selection import select
from .stars import Maps, star_maps

PROBABILITIES = (0.35, 0.4, 0.45, 0.5, 0.55, 0.6, 0.65, 0.7)
OVERLAPS = (0.3, 0.4, 0.5)
JUDGED = (0.5, 0.75)
"""Intersections over union whose AP shall be largest, on average."""

Pair = tuple[np.ndarray, np.ndarray]
"""Image and labels [y, x] at the scale of the network."""


def tuned(model: Model, pairs: Sequence[Pair]) -> dict[str, float]:
    """Give the thresholds `prob` and `nms` with which most particles of `pairs` are right."""
    maps = [_maps(model, image) for image, _ in pairs]
    best, chosen = -1.0, {"prob": 0.5, "nms": 0.4}
    for prob in PROBABILITIES:
        for nms in OVERLAPS:
            said = report(_scored(maps, pairs, prob, nms))
            score = float(np.mean([said[f"ap{least:g}"] or 0.0 for least in JUDGED]))
            if score > best:
                best, chosen = score, {"prob": prob, "nms": nms}
    return chosen


def metrics(model: Model, pairs: Sequence[Pair], thresholds: dict[str, float]) -> dict[str, Any]:
    """Say how right the network is on `pairs`, as `matching.report` does."""
    maps = [_maps(model, image) for image, _ in pairs]
    return {
        **report(_scored(maps, pairs, thresholds["prob"], thresholds["nms"])),
        "slices": len(pairs),
    }


def _maps(model: Model, image: np.ndarray) -> Maps:
    return next(star_maps(image[None], model))


def _scored(
    maps: Sequence[Maps], pairs: Sequence[Pair], prob: float, nms: float
) -> dict[float, Tally]:
    return pooled(
        tallies(labels, draw(select(one, prob, nms).corners(), (labels.shape[0], labels.shape[1])))
        for one, (_, labels) in zip(maps, pairs, strict=True)
    )
