"""Packings of particles in a volume, with every voxel's particle known: balls, ellipsoids, lumps.

packed = electrode(np.random.default_rng(1), (96, 112, 112), radius=13, fill=0.5)
packed.labels
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage
from scipy.spatial import cKDTree
from scipy.spatial.transform import Rotation

KINDS = ("balls", "ellipsoids", "lumps")
SPREAD = 0.15
"""Standard deviation of the logarithm of the radii."""
CLOSENESS = 0.97
"""Distance of centres that touching particles keep, over the sum of their radii."""
WAVES = 7
"""Plane waves over the sphere of directions that make a lump."""


@dataclass(frozen=True, slots=True)
class Electrode:
    """A volume of particles."""

    labels: np.ndarray
    """int32 [z, y, x], from 1 without gaps; 0 is between particles"""
    radius: float
    """Voxels, about which sizes scatter."""


def electrode(
    rng: np.random.Generator,
    shape: tuple[int, int, int],
    radius: float = 13.0,
    fill: float = 0.5,
    kind: str = "ellipsoids",
) -> Electrode:
    """Pack particles of about `radius` voxels into `shape` (z, y, x) until `fill` of it is full.

    Faces of the volume cut particles, as the field of view does. Particles that touch share a
    straight border. ValueError names what can't be made.
    """
    if kind not in KINDS:
        raise ValueError(f"no particles are called {kind!r}; allowed: {', '.join(KINDS)}")
    if min(shape) < 1 or not 0 < fill <= 0.6 or not 1 <= radius < np.inf:
        raise ValueError(f"shape {shape}, radius {radius}, fill {fill}: fill is at most 0.6")
    centres, radii = _settled(rng, np.array(shape, float), radius, fill)
    depth = np.ones(shape, np.float32)
    labels = np.zeros(shape, np.int32)
    for number, (centre, size) in enumerate(zip(centres, radii, strict=True), 1):
        _paint(rng, labels, depth, number, centre, size, kind)
    seen = np.bincount(labels.ravel()) > 0
    seen[0] = False
    return Electrode((np.cumsum(seen) * seen).astype(np.int32)[labels], radius)


def grey(
    rng: np.random.Generator, labels: np.ndarray, blur: float = 0.8, noise: float = 0.08
) -> np.ndarray:
    """Show a packing as a tomogram does, float32 [z, y, x]: particles about 1, binder and pores.

    Particles differ a little, a dark line parts those that touch; `blur` in voxels, `noise` of the
    contrast (standard deviations).
    """
    level = 1 + 0.06 * rng.standard_normal(int(labels.max()) + 1)
    binder = ndimage.gaussian_filter(rng.standard_normal(labels.shape, np.float32), 3) * 12
    image = np.where(labels > 0, level[labels], 0.15 + 0.1 * (binder > 0.5)).astype(np.float32)
    for axis in range(3):
        one, two = np.moveaxis(labels, axis, 0)[:-1], np.moveaxis(labels, axis, 0)[1:]
        seam = (one != two) & (one > 0) & (two > 0)
        np.moveaxis(image, axis, 0)[:-1][seam] *= 0.5
    image = ndimage.gaussian_filter(image, blur)
    noisy: np.ndarray = image + np.float32(noise) * rng.standard_normal(labels.shape, np.float32)
    return noisy


def _settled(
    rng: np.random.Generator, shape: np.ndarray, radius: float, fill: float
) -> tuple[np.ndarray, np.ndarray]:
    """Centres and radii of balls that hardly overlap: pushed apart until they are."""
    margin = 1.5 * radius
    room = shape + 2 * margin
    wanted = fill * room.prod()
    each = 4 / 3 * np.pi * radius**3 * np.exp(4.5 * SPREAD**2)
    radii = radius * np.exp(SPREAD * rng.standard_normal(max(1, round(wanted / each))))
    centres = rng.random((len(radii), 3)) * room
    for _ in range(300):
        tree = cKDTree(centres, boxsize=room)  # endless: no crowd at the walls
        pairs = tree.query_pairs(2 * radii.max(), output_type="ndarray")
        apart = centres[pairs[:, 1]] - centres[pairs[:, 0]]
        apart -= room * np.rint(apart / room)
        far = np.maximum(np.linalg.norm(apart, axis=1), 1e-6)
        deep = CLOSENESS * radii[pairs].sum(axis=1) - far
        close = deep > 0
        if not (deep > 0.01 * radius).any():
            break
        push = 0.5 * (deep / far)[close, None] * apart[close]
        np.add.at(centres, pairs[close, 0], -push)
        np.add.at(centres, pairs[close, 1], push)
        centres %= room
    return centres - margin, radii


def _paint(
    rng: np.random.Generator,
    labels: np.ndarray,
    depth: np.ndarray,
    number: int,
    centre: np.ndarray,
    radius: float,
    kind: str,
) -> None:
    """Give the particle every voxel that lies deeper in it than in any other."""
    axes = np.exp(rng.normal(0, 0.16, 3)) if kind != "balls" else np.ones(3)
    axes = radius * axes / axes.prod() ** (1 / 3)
    turn = Rotation.from_quat(rng.standard_normal(4)).as_matrix().astype(np.float32)
    ways, phases = rng.standard_normal((WAVES, 3)) * 1.6, rng.uniform(0, 2 * np.pi, WAVES)
    reach = 1.35 * axes.max() + 1
    low = np.maximum(np.floor(centre - reach), 0).astype(int)
    high = np.minimum(np.ceil(centre + reach) + 1, labels.shape).astype(int)
    if (high <= low).any():
        return
    box = tuple(slice(a, b) for a, b in zip(low, high, strict=True))
    grid = [
        np.arange(a, b, dtype=np.float32) - c for a, b, c in zip(low, high, centre, strict=True)
    ]
    place = np.stack(np.meshgrid(*grid, indexing="ij"), axis=-1) @ turn / axes.astype(np.float32)
    here = np.sqrt((place * place).sum(axis=-1))
    if kind == "lumps":
        towards = place / np.maximum(here, 1e-6)[..., None]
        waves = np.cos(towards @ ways.T.astype(np.float32) + phases.astype(np.float32))
        here = here / (1 + np.float32(0.35 / WAVES**0.5) * waves.mean(axis=-1) * WAVES**0.5)
    deeper = here < depth[box]
    depth[box][deeper] = here[deeper]
    labels[box][deeper] = number
