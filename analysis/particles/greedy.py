"""The loops of the suppression of stars, compiled by numba: import this late.

Stars come in order, the most probable first; each is compared with those that stay already, and
goes with the first that it shares too much with.
"""

from __future__ import annotations

import math

import numpy as np

from .kernels import compiled
from .polygons import middle_of

ASIDE = (1.37e-4, 2.11e-4)
"""Pixels that one of two polygons is moved by, so that no corner lies on an edge of the other."""


def _measure(corners: np.ndarray, discs: np.ndarray) -> None:
    """Measure polygons [star, corner, (y, x)]; discs [star, 5]: area, centroid y, x, radii.

    The radii are those of a disc about the centroid within the polygon, and of one around it.
    """
    stars, many = corners.shape[0], corners.shape[1]
    for n in range(stars):
        double, cy, cx = middle_of(corners[n])
        near, far, inside = np.inf, 0.0, False
        for r in range(many):
            s = r + 1 if r + 1 < many else 0
            y, x = corners[n, r, 0] - cy, corners[n, r, 1] - cx
            dy, dx = corners[n, s, 0] - cy - y, corners[n, s, 1] - cx - x
            length = dy * dy + dx * dx
            part = -(y * dy + x * dx) / length if length > 0 else 0.0
            part = min(max(part, 0.0), 1.0)
            ny, nx = y + part * dy, x + part * dx
            near = min(near, ny * ny + nx * nx)
            far = max(far, y * y + x * x)
            if (y > 0) != (y + dy > 0) and (x * dy > y * dx) == (dy > 0):
                inside = not inside
        discs[n, 0], discs[n, 1], discs[n, 2] = abs(double) / 2, cy, cx
        discs[n, 3], discs[n, 4] = math.sqrt(near) if inside else 0.0, math.sqrt(far)


def _lens(apart: float, one: float, two: float) -> float:
    """Area that two discs of radius `one` and `two` share whose centres are `apart`."""
    r, s = min(one, two), max(one, two)
    if r <= 0 or apart >= r + s:
        return 0.0
    if apart <= s - r:
        return math.pi * r * r
    a = min(max((apart * apart + r * r - s * s) / (2 * apart * r), -1.0), 1.0)
    b = min(max((apart * apart + s * s - r * r) / (2 * apart * s), -1.0), 1.0)
    kite = (r + s - apart) * (apart + r - s) * (apart - r + s) * (apart + r + s)
    return r * r * math.acos(a) + s * s * math.acos(b) - math.sqrt(max(kite, 0.0)) / 2


def _sides(of: np.ndarray, edges: np.ndarray, said: np.ndarray) -> None:
    """On which side of each edge each corner lies, said[corner, edge]; above 0 is within."""
    many = len(edges)
    for i in range(len(of)):
        y, x = of[i, 0], of[i, 1]
        for j in range(many - 1):
            dy, dx = edges[j + 1, 0] - edges[j, 0], edges[j + 1, 1] - edges[j, 1]
            said[i, j] = dx * (y - edges[j, 0]) - dy * (x - edges[j, 1])
        j = many - 1
        dy, dx = edges[0, 0] - edges[j, 0], edges[0, 1] - edges[j, 1]
        said[i, j] = dx * (y - edges[j, 0]) - dy * (x - edges[j, 1])


sides = compiled(_sides)


def _within(of: np.ndarray, edges: np.ndarray, own: np.ndarray, other: np.ndarray) -> float:
    """Add up x y' - y x' over the parts of the outline `of` that lie within `edges`."""
    many, total = len(of), 0.0
    for i in range(many):
        y = of[i, 0]
        after = i + 1 if i + 1 < many else 0
        turns, inside = 0, 0.0
        for j in range(many):
            k = j + 1 if j + 1 < many else 0
            above, then = edges[j, 0] > y, edges[k, 0] > y
            side = own[i, j] > 0
            if above != then:
                turns += (then and side) - (above and own[i, j] < 0)
            if side != (own[after, j] > 0) and (other[j, i] > 0) != (other[k, i] > 0):
                end = own[after, j]
                inside += end / (end - own[i, j]) * (1.0 if end > 0 else -1.0)
        total += (of[i, 1] * of[after, 0] - of[i, 0] * of[after, 1]) * (turns + inside)
    return total


within = compiled(_within)


def _shared(first: np.ndarray, second: np.ndarray, own: np.ndarray, other: np.ndarray) -> float:
    """Area that two polygons [corner, (y, x)] share; `own`, `other` [corner, corner]: room to work.

    Exact for polygons that don't cross themselves, convex or not. Green's theorem: the outline of
    what is shared consists of the parts of each outline that lie inside the other; a part from s to
    t of the edge from a to b adds (t - s) (a x b) / 2.
    """
    sides(first, second, own)
    sides(second, first, other)
    area: float = abs(within(first, second, own, other) + within(second, first, other, own)) / 2
    return area


measure, lens, shared = compiled(_measure), compiled(_lens), compiled(_shared)


def _greedy(corners: np.ndarray, threshold: float, aside: tuple[float, float]) -> np.ndarray:
    """Tell which of the polygons [star, corner, (y, x)] stay, bool [star]; the best come first."""
    stars, many = corners.shape[0], corners.shape[1]
    discs = np.empty((stars, 5))
    measure(corners, discs)
    kept = np.zeros(stars, np.bool_)
    side = 2 * discs[:, 4].max() + 8  # of a cell: what meets a star has its middle next to it
    low_y, low_x = discs[:, 1].min(), discs[:, 2].min()
    rows = int((discs[:, 1].max() - low_y) / side) + 1
    columns = int((discs[:, 2].max() - low_x) / side) + 1
    first, following = np.full((rows, columns), -1), np.full(stars, -1)
    own, other = np.empty((many, many)), np.empty((many, many))
    one, two = np.empty((many, 2)), np.empty((many, 2))
    for n in range(stars):
        row, column = int((discs[n, 1] - low_y) / side), int((discs[n, 2] - low_x) / side)
        stays = True
        for r in range(max(row - 1, 0), min(row + 2, rows)):
            for c in range(max(column - 1, 0), min(column + 2, columns)):
                k = first[r, c]
                while k >= 0 and stays:
                    apart = math.hypot(discs[n, 1] - discs[k, 1], discs[n, 2] - discs[k, 2])
                    allowed = threshold * (min(discs[n, 0], discs[k, 0]) + 1e-10)
                    if lens(apart, discs[n, 3], discs[k, 3]) > allowed:
                        stays = False
                    elif lens(apart, discs[n, 4], discs[k, 4]) > allowed:
                        for corner in range(many):
                            for axis in range(2):
                                middle = corners[k, 0, axis]
                                one[corner, axis] = corners[k, corner, axis] - middle
                                shifted = corners[n, corner, axis] - middle + aside[axis]
                                two[corner, axis] = shifted
                        stays = shared(one, two, own, other) <= allowed
                    k = following[k]
        if stays:
            kept[n] = True
            following[n] = first[row, column]
            first[row, column] = n
    return kept


greedy = compiled(_greedy)
