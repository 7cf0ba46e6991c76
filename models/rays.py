"""What a StarDist network learns: distances along rays and closeness to the middle, from labels."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from scipy import ndimage


def angles(rays: int) -> np.ndarray:
    """Angle of each ray, radian, float64 [ray]; ray k points to (dy, dx) = (sin, cos)."""
    return np.linspace(0, 2 * np.pi, rays, endpoint=False)


@lru_cache(maxsize=8)
def directions(rays: int) -> np.ndarray:
    """(dy, dx) of each ray, float32 [ray, 2]."""
    turn = angles(rays)
    return np.stack([np.sin(turn), np.cos(turn)], axis=1).astype(np.float32)


def star_distances(labels: np.ndarray, points: np.ndarray, rays: int) -> np.ndarray:
    """Walk from `points` (int [n, (y, x)]) to the edge of their object along every ray.

    `labels` int [y, x], 0 is background. Gives pixels, float32 [n, ray]; 0 where a point is in the
    background. In steps of one pixel until the label changes, then half a pixel back on the
    coarser axis: the definition of the official package (`stardist.geometry.star_dist`).
    """
    way = directions(rays)
    framed = np.pad(labels, 1, constant_values=0)
    flat, width = framed.ravel(), framed.shape[1]
    own = labels[points[:, 0], points[:, 1]]
    inside = np.flatnonzero(own > 0)
    walker, ray = np.repeat(inside, rays), np.tile(np.arange(rays), len(inside))
    y0 = points[walker, 0].astype(np.float32)
    x0 = points[walker, 1].astype(np.float32)
    dy, dx, mine = way[ray, 0], way[ray, 1], own[walker]
    steps = np.zeros(len(walker), np.float32)
    going = np.arange(len(walker))
    step = np.float32(0)
    top, right = np.float32(framed.shape[0] - 1), np.float32(width - 1)
    while going.size:
        step += 1
        iy = np.clip(np.rint(y0 + step * dy) + 1, 0, top).astype(np.int32)
        ix = np.clip(np.rint(x0 + step * dx) + 1, 0, right).astype(np.int32)
        on = flat[iy * width + ix] == mine
        steps[going[~on]] = step
        going, y0, x0, dy, dx, mine = (a[on] for a in (going, y0, x0, dy, dx, mine))
    coarse = np.abs(way).max(axis=1)
    result = np.zeros((len(points), rays), np.float32)
    result[inside] = steps.reshape(-1, rays) - 1 + 0.5 / coarse
    return result


def closeness(labels: np.ndarray) -> np.ndarray:
    """Distance to the edge of the object over the largest in it, float32 [y, x], 0 to 1.

    The probability that the network learns, as `stardist.utils.edt_prob`.
    """
    if not labels.any():
        return np.zeros(labels.shape, np.float32)
    inner = labels > 0
    for axis in (0, 1):
        differ = np.diff(labels, axis=axis) != 0
        before = [slice(None), slice(None)]
        after = [slice(None), slice(None)]
        before[axis], after[axis] = slice(None, -1), slice(1, None)
        inner[tuple(before)] &= ~differ
        inner[tuple(after)] &= ~differ
    depth = ndimage.distance_transform_edt(inner) + (labels > 0)
    most = ndimage.maximum(depth, labels, np.arange(labels.max() + 1))
    return np.asarray(depth / np.maximum(most, 1)[labels] * (labels > 0), np.float32)
