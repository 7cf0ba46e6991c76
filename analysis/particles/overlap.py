"""Areas of polygons, and the area that two of them share, for many at a time."""

from __future__ import annotations

import numpy as np

ASIDE = np.array([1.37e-4, 2.11e-4])
"""Pixels that one of two polygons is moved by, so that no corner lies on an edge of the other."""
CHUNK = 128
"""Pairs that are worked on together: what they need stays in the cache."""


def areas(polygons: np.ndarray) -> np.ndarray:
    """Area of each of `polygons` [n, corner, (y, x)], float64 (the shoelace formula)."""
    return np.asarray(np.abs(_crossed(polygons).sum(axis=1)) / 2)


def shared_areas(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Area that `first[n]` and `second[n]` [n, corner, (y, x)] share, float64 [n].

    Exact for polygons that don't cross themselves, convex or not. Green's theorem: the outline of
    what is shared consists of the parts of each outline that lie inside the other; a part from s to
    t of the edge from a to b adds (t - s) (a x b) / 2.
    """
    parts = [
        _shared(first[start : start + CHUNK], second[start : start + CHUNK])
        for start in range(0, len(first), CHUNK)
    ]
    return np.concatenate([np.zeros(0), *parts])


def _crossed(polygons: np.ndarray) -> np.ndarray:
    """Corner times next corner, x y' - y x', [n, corner]."""
    y, x = polygons[..., 0], polygons[..., 1]
    return np.asarray(x * np.roll(y, -1, axis=1) - y * np.roll(x, -1, axis=1))


def _shared(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    origin = first.mean(axis=1, keepdims=True, dtype=np.float64)
    one, two = first - origin, second - origin + ASIDE
    of_one, of_two = _sides(one, two), _sides(two, one)
    inside_one, inside_two = _winding(one, two, of_one), _winding(two, one, of_two)
    pair, i, j = np.nonzero(_changes(of_one) & _changes(of_two).transpose(0, 2, 1))
    corners = one.shape[1]
    _cut(inside_one, of_one, pair, i, j, corners)
    _cut(inside_two, of_two, pair, j, i, corners)
    parts = (_crossed(one) * inside_one).sum(axis=1) + (_crossed(two) * inside_two).sum(axis=1)
    return np.asarray(np.abs(parts) / 2)


def _sides(of: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """On which side of each edge each corner lies, [n, corner, edge]; above 0 is within."""
    step = np.roll(edges, -1, axis=1) - edges
    dy, dx = step[..., 0], step[..., 1]
    lines = np.stack([dx, -dy, dy * edges[..., 1] - dx * edges[..., 0]], axis=1)
    places = np.concatenate([of, np.ones((*of.shape[:2], 1))], axis=2)
    return np.asarray(places @ lines)


def _winding(of: np.ndarray, edges: np.ndarray, sides: np.ndarray) -> np.ndarray:
    """How often `edges` goes around each corner of `of`, float64 [n, corner]: 1 inside, else 0."""
    above = edges[:, None, :, 0] > of[:, :, None, 0]
    after = np.roll(above, -1, axis=2)
    up = ~above & after & (sides > 0)
    down = above & ~after & (sides < 0)
    turns = up.view(np.int8) - down.view(np.int8)
    return np.asarray(turns.sum(axis=2, dtype=np.int8), np.float64)


def _changes(sides: np.ndarray) -> np.ndarray:
    within = sides > 0
    return np.asarray(within != np.roll(within, -1, axis=1))


def _cut(
    inside: np.ndarray,
    sides: np.ndarray,
    pair: np.ndarray,
    corner: np.ndarray,
    edge: np.ndarray,
    corners: int,
) -> None:
    """Let what lies inside of each edge begin and end where it crosses; `inside` is changed."""
    before, after = sides[pair, corner, edge], sides[pair, (corner + 1) % corners, edge]
    rest = after / (after - before) * np.sign(after)
    many = inside.size
    inside += np.bincount(pair * corners + corner, rest, many).reshape(inside.shape)
