"""Grains: what lies where in a phantom, how it is cut, and how thick it is.

A grain is an ellipse with straight facets and a tapered edge. Lengths are in nm and measured from
the first corner of the canvas, which is the image with a margin on all sides.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from .orientation import Orientation, orient

TRIES = 40
"""Places tried for one grain before it is given up."""
MOSTLY = 0.6
"""Fraction of a grain that lies in the specimen, at least; the edge cuts the rest off."""
EDGE = 0.25
"""Fraction of its plateau thickness from which a grain counts as being there."""


@dataclass(frozen=True, slots=True)
class Specimen:
    """What is looked at."""

    phases: tuple[str, ...] = ("Li", "Li2O", "LiF", "Li2CO3")
    """Names in `crystals.CRYSTALS`; grains take them by turn."""
    n_grains: int | None = None
    """How many at most (fewer where there is no room); None = as many as cover `cover`."""
    cover: float = 0.33
    """Fraction of the specimen covered by grains."""
    diameter: tuple[float, float] = (3.5, 12.0)
    """Smallest and largest mean diameter in nm; sizes in between are log-uniform."""
    thickness: float = 10.0
    """Of matrix and grains together, in nm."""
    film: float = 2.0
    """Thickness of the matrix that is left where a grain is thickest, at least, in nm."""
    density: float = 64.0
    """Atoms of the amorphous matrix (carbon) per nm^3."""
    vacuum: float = 0.15
    """Fraction of the image beside the specimen."""
    rows: float = 0.3
    """Fraction of grains turned away from a zone axis so that one row of spots is left."""
    tilt: float = 0.8
    """Standard deviation of the misorientation from the zone axis in degrees."""
    strain: float = 0.003
    """Standard deviation of the relative change of a grain's lattice constant."""

    def __post_init__(self) -> None:
        """Refuse what can't be made; ValueError says what is allowed."""
        if not self.phases:
            raise ValueError("phases is empty: name one at least, or set n_grains = 0")
        if not 0 <= self.vacuum <= 0.9:
            raise ValueError(f"vacuum = {self.vacuum}: give a fraction of the image, 0 to 0.9")
        if not 0 < self.film < self.thickness:
            raise ValueError(f"film = {self.film}: give more than 0 and less than the thickness")


@dataclass(frozen=True, slots=True)
class Grain:
    """One crystal in the matrix."""

    number: int
    """Its value in the grain map, from 1."""
    phase: str
    centre: tuple[float, float]
    """(y, x) in nm."""
    axes: tuple[float, float]
    """Semi-axes of the outline in nm."""
    angle: float
    """Of the first axis from x towards y, in radian."""
    facets: tuple[tuple[float, float], ...]
    """Cuts: direction in radian and distance, where the outline is the unit circle."""
    taper: float
    """Depth over which the full thickness is reached, where the outline is the unit circle."""
    thickness: float
    """Of its plateau in nm."""
    orientation: Orientation
    scale: float
    """Lattice constant over the published one."""


@dataclass(frozen=True, slots=True)
class Window:
    """The part of a canvas around one grain."""

    box: tuple[slice, slice]
    """Where it is in the canvas."""
    y: np.ndarray
    """float64[n, 1]: of the pixel centres in nm."""
    x: np.ndarray
    """float64[1, m]: of the pixel centres in nm."""


def window(
    grain: Grain, shape: tuple[int, ...], pixels: tuple[float, float], reach: float = 1.0
) -> Window:
    """Give the part of a canvas[y, x] that holds the grain's outline enlarged by `reach`."""
    c, s = np.cos(grain.angle), np.sin(grain.angle)
    a, b = grain.axes
    halves = (reach * np.hypot(a * s, b * c), reach * np.hypot(a * c, b * s))
    slices, centres = [], []
    for centre, half, pixel, n in zip(grain.centre, halves, pixels, shape, strict=True):
        low = min(max(int((centre - half) / pixel), 0), n - 1)
        high = min(max(int((centre + half) / pixel) + 1, low + 1), n)
        slices.append(slice(low, high))
        centres.append((np.arange(low, high) + 0.5) * pixel)
    return Window((slices[0], slices[1]), centres[0][:, None], centres[1][None, :])


def depth(grain: Grain, y: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Give how deep inside the outline points lie: 1 at the centre, 0 on it, negative outside."""
    dy, dx = y - grain.centre[0], x - grain.centre[1]
    c, s = np.cos(grain.angle), np.sin(grain.angle)
    u = ((dx * c + dy * s) / grain.axes[0]).astype(np.float32)
    v = ((dy * c - dx * s) / grain.axes[1]).astype(np.float32)
    inside = 1 - np.hypot(u, v)
    for direction, distance in grain.facets:
        cut = np.float32(distance) - u * np.float32(np.cos(direction))
        np.minimum(inside, cut - v * np.float32(np.sin(direction)), out=inside)
    return np.asarray(inside)


def plateau(grain: Grain, inside: np.ndarray) -> np.ndarray:
    """Turn a depth into relative thickness: a smooth taper from 0 to 1."""
    t = np.clip(inside / np.float32(grain.taper), 0, 1)
    return np.asarray(t * t * (3 - 2 * t))


def place(
    specimen: Specimen, solid: np.ndarray, cell: tuple[float, float], rng: np.random.Generator
) -> list[Grain]:
    """Lay grains without overlap on the coarse map `solid`[y, x] (bool, pixels of `cell` nm)."""
    field = float(min(np.multiply(cell, solid.shape)))
    taken, grains = np.zeros_like(solid), list[Grain]()
    phases = _turns(specimen.phases, rng)
    for size in _sizes(specimen, field, rng):
        if specimen.n_grains is None and taken.sum() >= specimen.cover * solid.sum():
            break
        drawn = _draw(len(grains) + 1, next(phases), size, specimen, rng)
        grain = _settle(drawn, solid, taken, cell, rng)
        if grain is not None:
            grains.append(grain)
    return grains


def _turns(phases: tuple[str, ...], rng: np.random.Generator) -> Iterator[str]:
    while True:
        yield from (phases[i] for i in rng.permutation(len(phases)))


def _sizes(specimen: Specimen, field: float, rng: np.random.Generator) -> list[float]:
    """Draw diameters; where the number is set, the largest come first so that they find room."""
    largest = min(specimen.diameter[1], 0.4 * field)
    low, high = np.log(min(specimen.diameter[0], largest)), np.log(largest)
    count = specimen.n_grains
    sizes = np.exp(rng.uniform(low, high, 2000 if count is None else count))
    return [float(size) for size in (sizes if count is None else np.sort(sizes)[::-1])]


def _draw(
    number: int, phase: str, size: float, specimen: Specimen, rng: np.random.Generator
) -> Grain:
    aspect = np.sqrt(rng.uniform(1.0, 1.7))
    cuts = int(rng.integers(0, 6))
    facets = zip(rng.uniform(0, 2 * np.pi, cuts), rng.uniform(0.7, 0.95, cuts), strict=True)
    thickest = (specimen.thickness - specimen.film) * rng.uniform(0.7, 1.0)
    return Grain(
        number=number,
        phase=phase,
        centre=(0.0, 0.0),
        axes=(size / 2 * aspect, size / 2 / aspect),
        angle=float(rng.uniform(0, np.pi)),
        facets=tuple((float(a), float(b)) for a, b in facets),
        taper=float(rng.uniform(0.15, 0.4)),
        thickness=float(min(rng.uniform(0.8, 1.5) * size / aspect, thickest)),
        orientation=orient(phase, specimen.rows, specimen.tilt, rng),
        scale=float(rng.normal(1.0, specimen.strain)),
    )


def _settle(
    grain: Grain,
    solid: np.ndarray,
    taken: np.ndarray,
    cell: tuple[float, float],
    rng: np.random.Generator,
) -> Grain | None:
    """Find room for the grain, most of it in the specimen, and mark it in `taken`."""
    rows, columns = np.nonzero(solid & ~taken)
    gap = max(cell) / min(grain.axes)
    for i in rng.integers(0, len(rows), TRIES) if len(rows) else ():
        y, x = (np.array([rows[i], columns[i]]) + rng.random(2)) * cell
        moved = replace(grain, centre=(float(y), float(x)))
        part = window(moved, solid.shape, cell, 1 + 2 * gap)
        inside = depth(moved, part.y, part.x) > -gap
        if not taken[part.box][inside].any() and solid[part.box][inside].mean() > MOSTLY:
            taken[part.box] |= inside
            return moved
    return None
