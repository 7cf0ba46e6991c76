"""Middles of polygons and the cells within them, compiled by numba: import this late."""

from __future__ import annotations

import numpy as np

from .kernels import compiled


def _middle(corners: np.ndarray) -> tuple[float, float, float]:
    """Twice the signed area of a polygon [corner, (y, x)] and its centroid; without area a corner.

    From the first corner on, so that far from the origin no digits are lost.
    """
    many = len(corners)
    y0, x0 = corners[0, 0], corners[0, 1]
    twice, cy, cx = 0.0, 0.0, 0.0
    for r in range(many):
        s = r + 1 if r + 1 < many else 0
        ya, xa = corners[r, 0] - y0, corners[r, 1] - x0
        yb, xb = corners[s, 0] - y0, corners[s, 1] - x0
        turn = xa * yb - ya * xb
        twice += turn
        cy += (ya + yb) * turn
        cx += (xa + xb) * turn
    if twice == 0:
        return 0.0, y0 + 0.0, x0 + 0.0
    return twice, y0 + cy / (3 * twice), x0 + cx / (3 * twice)


middle_of = compiled(_middle)


def _paint(corners: np.ndarray, owner: np.ndarray, first: int) -> np.ndarray:
    """Draw the stars of one slice; where they overlap the first has the cell.

    corners: float32 [star, ray, (a, b)], cells of the grid
    owner: int32 [a, b], number of the star, -1 none; row 0 is row `first` of the grid
    Gives the centroids, float32 [star, (a, b)].
    """
    rows, columns = owner.shape
    stars, rays = corners.shape[0], corners.shape[1]
    owner[:] = -1
    cross = np.empty(rays, np.float32)
    middle = np.zeros((stars, 2), np.float32)
    for n in range(stars):
        twice, a, b = middle_of(corners[n])
        if abs(twice) < 1e-6:
            continue
        middle[n, 0], middle[n, 1] = a, b
        low, high = corners[n, :, 0].min(), corners[n, :, 0].max()
        start = int(max(np.ceil(low) - first, 0.0))
        stop = int(min(np.floor(high) + 1 - first, rows + 0.0))
        for row in range(start, stop):
            at = row + first
            many = 0
            for r in range(rays):
                s = r + 1 if r + 1 < rays else 0
                p, q = corners[n, r, 0], corners[n, s, 0]
                if (p <= at) != (q <= at):
                    part = (at - p) / (q - p)
                    cross[many] = corners[n, r, 1] + part * (corners[n, s, 1] - corners[n, r, 1])
                    many += 1
            found = np.sort(cross[:many])
            for pair in range(0, many - 1, 2):
                left = int(np.ceil(max(found[pair], 0.0)))
                right = int(np.floor(min(found[pair + 1], columns - 1.0)))
                for column in range(left, right + 1):
                    if owner[row, column] < 0:
                        owner[row, column] = n
    return middle


paint = compiled(_paint)
