"""Bodies of known volume, area and cracks, as label volumes."""

from __future__ import annotations

import numpy as np
from scipy.special import ellipeinc, ellipkinc


def places(half: int, offset: tuple[float, float, float] = (0, 0, 0)) -> np.ndarray:
    """Positions of voxel centres [z, y, x, 3] around the middle."""
    grid = np.arange(-half, half + 1)
    grids = np.meshgrid(grid, grid, grid, indexing="ij")
    return np.asarray(np.stack(grids, axis=-1) + np.array(offset))


def ellipsoid(axes: tuple[float, float, float], margin: int = 3) -> np.ndarray:
    """A body with half axes in voxels, off the middle of a voxel."""
    where = places(int(max(axes)) + margin, (0.3, 0.2, -0.4)) / np.array(axes)
    return np.asarray((where**2).sum(axis=-1) <= 1)


def ellipsoid_area(axes: tuple[float, float, float]) -> float:
    """Area by elliptic integrals (Legendre)."""
    c, b, a = sorted(axes)
    if c == a:
        return 4 * np.pi * a**2
    phi = np.arccos(c / a)
    k = a**2 * (b**2 - c**2) / (b**2 * (a**2 - c**2))
    bent = ellipeinc(phi, k) * np.sin(phi) ** 2 + ellipkinc(phi, k) * np.cos(phi) ** 2
    return float(2 * np.pi * c**2 + 2 * np.pi * a * b / np.sin(phi) * bent)


def cracked(radius: int, width: float, reach: float) -> tuple[np.ndarray, np.ndarray]:
    """A ball with a flat round crack inside, slanted: solid and crack."""
    where = places(radius + 3, (0.3, 0.2, -0.4))
    normal = np.array([1, 2, 3]) / np.sqrt(14)
    distance = (where**2).sum(axis=-1)
    ball = distance <= radius**2
    crack = ball & (np.abs(where @ normal) < width / 2) & (distance < reach**2)
    return ball & ~crack, crack


def touching(radius: float, normal: tuple[float, float, float]) -> np.ndarray:
    """Two balls cut by a plane, so that they touch in a disk of `radius`: labels 4 and 9."""
    along = np.array(normal) / np.linalg.norm(normal)
    where = places(int(2.2 * radius) + 4, (0.1, 0.25, 0.4))
    apart, far = 0.8 * radius, np.hypot(radius, 0.8 * radius)
    height = where @ along
    labels = np.zeros(where.shape[:3], np.uint16)
    labels[(((where - apart * along) ** 2).sum(axis=-1) <= far**2) & (height >= 0)] = 4
    labels[(((where + apart * along) ** 2).sum(axis=-1) <= far**2) & (height < 0)] = 9
    return labels


def packing(seed: int = 0, side: int = 3, radius: float = 7) -> np.ndarray:
    """Cracked ellipsoids on a grid of side^3; labels have holes."""
    random = np.random.default_rng(seed)
    cell = int(2.4 * radius) + 2
    labels = np.zeros((side * cell,) * 3, np.uint16)
    where = places(cell // 2)[:cell, :cell, :cell]
    for number, index in enumerate(np.ndindex(side, side, side)):
        axes = radius * random.uniform(0.75, 1.1, 3)
        body = ((where / axes) ** 2).sum(axis=-1) <= 1
        if number % 5:
            body &= np.abs(where[..., number % 3]) >= random.uniform(0, 1.2)
        box = tuple(slice(i * cell, (i + 1) * cell) for i in index)
        labels[box][body] = 3 * number + 2
    return labels
