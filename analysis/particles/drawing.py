"""Polygons drawn into an image of labels."""

from __future__ import annotations

import numpy as np


def draw(corners: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Label the pixels inside each polygon, int32 `shape` (y, x): polygon n gives n + 1.

    `corners` [polygon, corner, (y, x)] in pixels. Where polygons overlap, the pixel belongs to the
    first of them. A pixel is inside when its centre is.
    """
    owner = np.empty(shape, np.int32)
    from .polygons import paint  # compiled

    paint(np.ascontiguousarray(corners, np.float32), owner, 0)
    return owner + np.int32(1)
