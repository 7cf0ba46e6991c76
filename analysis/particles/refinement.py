"""Outlines from many places of a particle: each place knows best the edge that is near to it.

The network sees a near edge more sharply than a far one. So every ray of a star ends where the
stars of other places inside the same particle meet it, on average, near ones counting most.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ...models.rays import angles, directions
from .drawing import draw
from .stars import Maps, Stars

PLACES = 16
"""Of a particle that are asked, spread over it."""
SURE = 0.5
"""Least probability of such a place, relative to that of the star."""
BLUR = 2.0
"""Pixels of the network: how well the nearest edge is known, about."""
TURN = 2 * np.pi


def refined(stars: Stars, maps: Maps) -> Stars:
    """Give `stars` of `maps` (in pixels of the network) with better outlines."""
    if not len(stars):
        return stars
    place, star = _places(stars, maps)
    if not len(star):
        return stars
    towards = directions(stars.dist.shape[1])
    points = (np.stack(np.divmod(place, maps.prob.shape[1]), axis=1) * maps.grid).astype(np.float32)
    dist = maps.dist.reshape(-1, len(towards))[place]
    shift = points - stars.points[star]
    seen = _seen_from(shift[:, None] + dist[..., None] * towards)
    far = np.hypot(*np.moveaxis(seen[..., None] * towards - shift[:, None], 2, 0))
    weight = 1 / np.square(far + BLUR)
    return replace(stars, dist=_averaged(stars, star, seen, weight))


def _averaged(stars: Stars, star: np.ndarray, seen: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Average what the places of each star say; a star without any stays as it is."""
    first = np.flatnonzero(np.diff(star, prepend=-1))
    said = np.add.reduceat(seen * weight, first) / np.add.reduceat(weight, first)
    dist = stars.dist.copy()
    dist[star[first]] = said
    return dist


def _places(stars: Stars, maps: Maps) -> tuple[np.ndarray, np.ndarray]:
    """Choose places inside each star: number of the place, and of its star, in order of stars."""
    height, width = maps.prob.shape
    label = draw(stars.corners() / np.array(maps.grid, np.float32), (height, width)).ravel()
    inside = np.flatnonzero(label)
    of = label[inside] - 1
    sure = maps.prob.ravel()[inside] > SURE * stars.prob[of]
    inside, of = inside[sure], of[sure]
    inside = inside[np.argsort(of, kind="stable")]
    many = np.bincount(of, minlength=len(stars))
    start = np.cumsum(many) - many
    asked = np.flatnonzero(many)
    pick = ((np.arange(PLACES) + 0.5) / PLACES * many[asked, None]).astype(int)
    return inside[(start[asked, None] + pick).ravel()], np.repeat(asked, PLACES)


def _seen_from(corners: np.ndarray) -> np.ndarray:
    """Distance along each ray to polygons [n, corner, (y, x)] about the origin, float32 [n, ray].

    Linear in the angle between corners.
    """
    y, x = corners[..., 0], corners[..., 1]
    turn, far = np.arctan2(y, x) % TURN, np.sqrt(y * y + x * x)
    order = np.argsort(turn, axis=1)
    turn, far = (np.take_along_axis(a, order, axis=1) for a in (turn, far))
    turn = np.concatenate([turn[:, -1:] - TURN, turn, turn[:, :1] + TURN], axis=1)
    far = np.concatenate([far[:, -1:], far, far[:, :1]], axis=1)
    apart = 4 * TURN * np.arange(len(turn), dtype=float)[:, None]
    asked = angles(corners.shape[1]) + apart
    said = np.interp(asked.ravel(), (turn + apart).ravel(), far.ravel())
    return np.asarray(said.reshape(len(turn), -1), np.float32)
