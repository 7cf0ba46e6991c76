"""Polygons drawn into an image of labels."""

from __future__ import annotations

import numpy as np


def draw(corners: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Label the pixels inside each polygon, int32 `shape` (y, x): polygon n gives n + 1.

    `corners` [polygon, corner, (y, x)] in pixels. Where polygons overlap, the pixel belongs to the
    first of them. A pixel is inside when its centre is.
    """
    labels = np.zeros(shape, np.int32)
    star, y, start, stop = _spans(np.asarray(corners[::-1], float), shape)
    length = stop - start
    first = y * shape[1] + start - (np.cumsum(length) - length)
    pixels = np.repeat(first, length) + np.arange(int(length.sum()))
    labels.ravel()[pixels] = np.repeat(len(corners) - star, length)
    return labels


def _spans(
    polygons: np.ndarray, shape: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Rows of pixels inside the polygons: number, y, and x from start to before stop."""
    ends = np.roll(polygons, -1, axis=1)
    upward = polygons[..., 0] <= ends[..., 0]
    low = np.where(upward[..., None], polygons, ends).reshape(-1, 2)
    high = np.where(upward[..., None], ends, polygons).reshape(-1, 2)
    top = np.clip(np.ceil(low[:, 0]), 0, shape[0]).astype(np.int64)
    many = np.maximum(np.clip(np.ceil(high[:, 0]), 0, shape[0]).astype(np.int64) - top, 0)
    edge = np.repeat(np.arange(len(low)), many)
    y = top[edge] + np.arange(len(edge)) - np.repeat(np.cumsum(many) - many, many)
    slope = (high[:, 1] - low[:, 1]) / np.maximum(high[:, 0] - low[:, 0], 1e-12)
    x = low[edge, 1] + (y - low[edge, 0]) * slope[edge]
    star = edge // polygons.shape[1]
    order = np.lexsort((x, star * shape[0] + y))
    star, y, x = star[order][::2], y[order][::2], x[order]
    start = np.clip(np.ceil(x[::2]), 0, shape[1]).astype(np.int64)
    stop = np.clip(np.floor(x[1::2]) + 1, 0, shape[1]).astype(np.int64)
    seen = stop > start
    return star[seen], y[seen], start[seen], stop[seen]
