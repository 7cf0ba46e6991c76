"""Non-maximum suppression: of stars that overlap only the most probable stays.

A star goes when it shares more than a threshold of the smaller one's area with a more probable one
that stays: the rule of the official package. There corners are whole pixels; so they are here.
Discs inside and around the stars settle most pairs, both ways and without error; the polygons are
clipped for the rest alone.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from .overlap import shared_areas
from .stars import Stars

FEW = 100_000
"""Pairs within reach of each other up to which all are looked at together."""
ALMOST = np.float32(1e-9)


@dataclass(frozen=True)
class Discs:
    """Stars with corners on whole pixels, and discs inside and around them; float32 [star]."""

    corners: np.ndarray
    """float32 [star, ray, (y, x)]"""
    area: np.ndarray
    centre: np.ndarray
    """float32 [star, (y, x)]: centroids"""
    inner: np.ndarray
    outer: np.ndarray


def suppress(stars: Stars, threshold: float) -> Stars:
    """Keep what no more probable star that is kept overlaps by more than `threshold`."""
    order = np.argsort(-stars.prob, kind="stable")
    stars = stars.keep(order)
    if len(stars) < 2:
        return stars
    discs = _discs(stars)
    tree, reach = cKDTree(discs.centre), 2 * float(discs.outer.max())
    few = tree.count_neighbors(tree, reach) <= 2 * FEW
    return stars.keep((_together if few else _in_turn)(discs, tree, threshold))


def _discs(stars: Stars) -> Discs:
    corners = np.trunc(stars.corners())
    y, x = (np.ascontiguousarray(c) for c in np.moveaxis(corners - stars.points[:, None], 2, 0))
    dy, dx = _following(y) - y, _following(x) - x
    crossed = x * dy - y * dx
    double = crossed.sum(axis=1)
    weight = np.where(double == 0, 0, 1 / np.where(double == 0, 1, 3 * double))
    cy = ((2 * y + dy) * crossed).sum(axis=1) * weight
    cx = ((2 * x + dx) * crossed).sum(axis=1) * weight
    inner, outer = _radii(y - cy[:, None], x - cx[:, None], dy, dx)
    centre = stars.points + np.stack([cy, cx], axis=1)
    return Discs(corners, np.abs(double) / 2, centre, inner, outer)


def _following(values: np.ndarray) -> np.ndarray:
    """Of each corner the next."""
    return np.concatenate([values[:, 1:], values[:, :1]], axis=1)


def _radii(
    y: np.ndarray, x: np.ndarray, dy: np.ndarray, dx: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Radius within and around polygons whose edges go from (y, x) as seen from the middle."""
    far = y * y + x * x
    length = dy * dy + dx * dx
    along = y * dy + x * dx
    part = np.clip(-along / np.maximum(length, ALMOST), 0, 1)
    near = (far + part * (2 * along + part * length)).min(axis=1)
    above = y > 0
    crosses = (above != _following(above)) & ((x * dy > y * dx) == (dy > 0))
    inside = crosses.sum(axis=1, dtype=np.int8) % 2 == 1
    inner = np.where(inside, np.sqrt(np.maximum(near, 0)), 0)
    return inner, np.sqrt(far.max(axis=1))


def lens(apart: np.ndarray, one: np.ndarray, two: np.ndarray) -> np.ndarray:
    """Area that two discs of radius `one` and `two` share whose centres are `apart`."""
    small, large = np.minimum(one, two), np.maximum(one, two)
    within = apart <= large - small
    away = (apart >= large + small) | (small <= 0)
    d = np.where(within | away, 1.0, apart)
    r, s = np.where(within | away, 1.0, small), np.where(within | away, 1.0, large)
    a = np.clip((d * d + r * r - s * s) / (2 * d * r), -1, 1)
    b = np.clip((d * d + s * s - r * r) / (2 * d * s), -1, 1)
    kite = (r + s - d) * (d + r - s) * (d - r + s) * (d + r + s)
    area = r * r * np.arccos(a) + s * s * np.arccos(b) - np.sqrt(np.maximum(kite, 0)) / 2
    return np.asarray(np.where(away, 0, np.where(within, np.pi * small * small, area)))


def _overlap(discs: Discs, one: np.ndarray, two: np.ndarray, threshold: float) -> np.ndarray:
    """Whether stars `one[n]` and `two[n]` share more than allowed."""
    apart = np.hypot(*(discs.centre[one] - discs.centre[two]).T)
    allowed = threshold * (np.minimum(discs.area[one], discs.area[two]) + 1e-10)
    too_much = np.asarray(lens(apart, discs.inner[one], discs.inner[two]) > allowed)
    most = lens(apart, discs.outer[one], discs.outer[two])
    open_ = np.flatnonzero(~too_much & (most > allowed))
    shared = shared_areas(discs.corners[one[open_]], discs.corners[two[open_]])
    too_much[open_] = shared > allowed[open_]
    return too_much


def _together(discs: Discs, tree: cKDTree, threshold: float) -> np.ndarray:
    """Look at all pairs at once; then decide in turn."""
    kept = np.ones(len(discs.area), bool)
    pairs = tree.query_pairs(2 * discs.outer.max(), output_type="ndarray")
    one, two = pairs.min(axis=1), pairs.max(axis=1)
    apart = np.hypot(*(discs.centre[one] - discs.centre[two]).T)
    near = apart < discs.outer[one] + discs.outer[two]
    one, two = one[near], two[near]
    order = np.argsort(one, kind="stable")
    one, two = one[order], two[order]
    bad = _overlap(discs, one, two, threshold)
    for first, second in zip(one[bad].tolist(), two[bad].tolist(), strict=True):
        if kept[first]:
            kept[second] = False
    return kept


def _in_turn(discs: Discs, tree: cKDTree, threshold: float) -> np.ndarray:
    """Let each that stays drop its neighbours; those are never looked at again."""
    kept = np.ones(len(discs.area), bool)
    reach = float(discs.outer.max())
    for number in range(len(kept)):
        if not kept[number]:
            continue
        near = np.array(tree.query_ball_point(discs.centre[number], discs.outer[number] + reach))
        near = near[(near > number) & kept[near]]
        apart = np.hypot(*(discs.centre[near] - discs.centre[number]).T)
        near = near[apart < discs.outer[number] + discs.outer[near]]
        bad = _overlap(discs, np.full(len(near), number), near, threshold)
        kept[near[bad]] = False
    return kept
