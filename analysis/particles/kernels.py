"""The loops over voxels and pixels, compiled by numba when first used (and kept on the disk)."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np

from ..operators import AnalysisError


@lru_cache(maxsize=16)
def compiled(loop: Callable[..., Any]) -> Callable[..., Any]:
    """Compile one of the loops of this package; AnalysisError if numba is not there."""
    try:
        import numba
    except ImportError as error:
        raise AnalysisError("particles need numba: pip install 'beamside[particles]'") from error
    try:
        made: Callable[..., Any] = numba.njit(loop, cache=True, nogil=True)
    except RuntimeError:  # no folder to keep it in
        made = numba.njit(loop, nogil=True)
    return made


def deposit(
    owner: np.ndarray,
    first: int,
    middle: np.ndarray,
    prob: np.ndarray,
    along_a: np.ndarray,
    along_b: np.ndarray,
    weight: np.ndarray,
) -> None:
    """Add the stars of one slice, as `paint` drew them, to fields over a plane of the grid.

    along_a, along_b: float32 [a, b]: sums of prob times the way to the centroid of the star
    weight: float32 [a, b]: sums of prob
    """
    for row in range(owner.shape[0]):
        for column in range(owner.shape[1]):
            n = owner[row, column]
            if n >= 0:
                p = prob[n]
                along_a[row, column] += p * (middle[n, 0] - (row + first))
                along_b[row, column] += p * (middle[n, 1] - column)
                weight[row, column] += p


def settle(
    flow: np.ndarray,
    inside: np.ndarray,
    begin: int,
    first: int,
    reach: float,
    steps: int,
    step: float,
    ends: np.ndarray,
) -> None:
    """Follow the flow from each voxel that is inside to where it comes to rest.

    flow: float32 [axis, z, y, x], cells of the grid; plane 0 is plane `first` of the grid
    inside: bool [z, y, x]; the planes of `ends` begin at `begin` of it
    reach: cells that nothing travels beyond, along each axis
    ends: int32 [z, y, x]: the cell of the grid where it ends, flat; -1 outside
    """
    depth, height, width = inside.shape
    size = np.array((depth - 1, height - 1, width - 1), np.float32)
    for z in range(ends.shape[0]):
        for y in range(height):
            for x in range(width):
                ends[z, y, x] = -1
                if not inside[z + begin, y, x]:
                    continue
                start = (np.float32(z + begin), np.float32(y), np.float32(x))
                at = np.array(start)
                for _ in range(steps):
                    i, j, k = int(at[0]), int(at[1]), int(at[2])
                    i, j, k = min(i, depth - 2), min(j, height - 2), min(k, width - 2)
                    i, j, k = max(i, 0), max(j, 0), max(k, 0)
                    u, v, w = at[0] - i, at[1] - j, at[2] - k
                    far = np.float32(0)
                    for c in range(3):
                        total = np.float32(0)
                        for di in range(2):
                            for dj in range(2):
                                for dk in range(2):
                                    share = (
                                        (u if di else 1 - u)
                                        * (v if dj else 1 - v)
                                        * (w if dk else 1 - w)
                                    )
                                    a, b = min(i + di, depth - 1), min(j + dj, height - 1)
                                    total += share * flow[c, a, b, min(k + dk, width - 1)]
                        new = at[c] + np.float32(step) * total
                        new = min(max(new, start[c] - reach), start[c] + reach)
                        new = min(max(new, np.float32(0)), size[c])
                        far = max(far, abs(new - at[c]))
                        at[c] = new
                    if far < 0.02:
                        break
                i = int(np.rint(at[0])) + first
                ends[z, y, x] = (i * height + int(np.rint(at[1]))) * width + int(np.rint(at[2]))


def enlarge(
    coarse: np.ndarray, stride: int, begin: int, fine: np.ndarray, table: np.ndarray
) -> None:
    """Labels of voxels from labels of cells: of the eight around, the one with the most weight.

    coarse: int32 [z, y, x]; fine: uint32 [z, y, x], whose plane 0 is `begin` voxels after the
    first voxel of plane 0 of `coarse`
    table: float64 [label, 4], added to: voxels, and sums of their z, y, x in `fine`
    """
    shape = coarse.shape
    name = np.empty(8, np.int32)
    for z in range(fine.shape[0]):
        gz = max((z + begin + 0.5) / stride - 0.5, 0.0)
        i = min(int(gz), shape[0] - 1)
        i2, u = min(i + 1, shape[0] - 1), gz - i
        for y in range(fine.shape[1]):
            gy = max((y + 0.5) / stride - 0.5, 0.0)
            j = min(int(gy), shape[1] - 1)
            j2, v = min(j + 1, shape[1] - 1), gy - j
            for x in range(fine.shape[2]):
                gx = max((x + 0.5) / stride - 0.5, 0.0)
                k = min(int(gx), shape[2] - 1)
                k2, w = min(k + 1, shape[2] - 1), gx - k
                name[0], name[1] = coarse[i, j, k], coarse[i, j, k2]
                name[2], name[3] = coarse[i, j2, k], coarse[i, j2, k2]
                name[4], name[5] = coarse[i2, j, k], coarse[i2, j, k2]
                name[6], name[7] = coarse[i2, j2, k], coarse[i2, j2, k2]
                label = name[0]
                same = True
                for c in range(1, 8):
                    same = same and name[c] == label
                if not same:
                    most = -1.0
                    for c in range(8):
                        total = 0.0
                        for d in range(8):
                            if name[d] == name[c]:
                                share = u if d & 4 else 1 - u
                                share *= v if d & 2 else 1 - v
                                total += share * (w if d & 1 else 1 - w)
                        if total > most + 1e-9:
                            most, label = total, name[c]
                fine[z, y, x] = label
                if label:
                    table[label, 0] += 1
                    table[label, 1] += z
                    table[label, 2] += y
                    table[label, 3] += x


def march(
    cells: np.ndarray,
    start: np.ndarray,
    way: np.ndarray,
    steps: int,
    seen: np.ndarray,
    hit: np.ndarray,
) -> None:
    """Follow rays through labels to the first that is not 0.

    cells: labels [z, y, x]; start: float64 [ray, 3], cells; way: float64 [3], of a step
    seen: int32 [ray], the label, 0 where there is none; hit: float32 [ray, 3], where
    """
    depth, rows, columns = cells.shape
    for ray in range(len(start)):
        z, y, x = start[ray, 0], start[ray, 1], start[ray, 2]
        for _ in range(steps):
            if 0 <= z < depth and 0 <= y < rows and 0 <= x < columns:
                label = cells[int(z), int(y), int(x)]
                if label:
                    seen[ray] = label
                    hit[ray, 0], hit[ray, 1], hit[ray, 2] = z, y, x
                    break
            z += way[0]
            y += way[1]
            x += way[2]
