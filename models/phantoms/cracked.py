"""Cracked particles on a grid: label volumes of any size, with the truth of each particle."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True)
class Cracked:
    """A volume of cracked ellipsoids."""

    labels: np.ndarray
    """uint16 [z, y, x]; cracks and what is between particles are 0."""
    grey: np.ndarray
    """float32 [z, y, x]; particles 100, all else 20, and noise."""
    volume: np.ndarray
    """[particle]: of each ellipsoid, in voxels, cracks counted in; labels are from 1."""
    damage: np.ndarray
    """[particle]: share of its voxels that are cracks."""


def cracked(many: int, radius: float, seed: int = 0, noise: float = 5.0) -> Cracked:
    """Put `many` ellipsoids of about `radius` voxels, each with a flat crack inside, on a grid."""
    random = np.random.default_rng(seed)
    side = int(np.ceil(many ** (1 / 3)))
    half = int(1.2 * radius) + 2
    cell = 2 * half + 1
    layers = int(np.ceil(many / side**2))
    labels = np.zeros((layers * cell, side * cell, side * cell), np.uint16)
    grid = np.arange(-half, half + 1, dtype=np.float32)
    where = np.stack(np.meshgrid(grid, grid, grid, indexing="ij"))
    volume, damage = np.zeros(many, np.int64), np.zeros(many)
    for number, place in enumerate(np.ndindex(layers, side, side)):
        if number == many:
            break
        whole, crack = _particle(where, radius, random)
        box = tuple(slice(cell * n, cell * (n + 1)) for n in place)
        labels[box][whole & ~crack] = number + 1
        volume[number] = np.count_nonzero(whole)
        damage[number] = np.count_nonzero(crack) / volume[number]
    grey = np.where(labels > 0, np.float32(100), np.float32(20))
    grey += random.normal(0, noise, labels.shape).astype(np.float32)
    return Cracked(labels, grey, volume, damage)


def _particle(
    where: np.ndarray, radius: float, random: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Masks of an ellipsoid and of a crack that stays under its surface."""
    axes = radius * random.uniform(0.85, 1.15, 3)
    place = where / axes[:, None, None, None].astype(np.float32)
    distance = (place**2).sum(axis=0)
    normal = random.normal(size=3)
    normal /= np.linalg.norm(normal)
    flat = np.abs(np.tensordot(normal.astype(np.float32), where, 1))
    crack = (flat < random.uniform(0.6, 2.5)) & (distance < random.uniform(0.3, 0.85))
    return distance <= 1, crack & (distance <= 1)
