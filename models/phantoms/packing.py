"""Cross-sections of packed particles: round, elongated, faceted or lumpy, apart or touching."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

TABLE = 64
"""Directions in which an outline is tabulated."""
TURNS = np.linspace(0, 2 * np.pi, TABLE, endpoint=False).astype(np.float32)


@dataclass(frozen=True, slots=True)
class Packing:
    """Particles in a plane."""

    labels: np.ndarray
    """int32 [y, x], 0 is background"""
    depth: np.ndarray
    """float32 [y, x]: 0 in the middle of a particle, 1 at its edge, more outside"""
    centres: np.ndarray
    """float32 [particle, (y, x)]; particle n has label n + 1, and may be hidden"""
    radii: np.ndarray
    """float32 [particle], pixels"""


def pack(
    rng: np.random.Generator, shape: tuple[int, int], diameter: float, fill: float, closeness: float
) -> Packing:
    """Put particles of about `diameter` pixels into [y, x] until about `fill` of it is full.

    `closeness` is the distance between centres that is allowed at least, over the sum of radii;
    below 1 they are pressed into each other and share a straight edge.
    """
    radii = _radii(rng, shape, diameter / 2, fill)
    centres, radii = _places(rng, shape, radii, closeness)
    style = rng.dirichlet([1.0, 0.6, 0.6])
    roundness = rng.uniform(0.2, 1.0)
    labels = np.zeros(shape, np.int32)
    depth = np.full(shape, 9.0, np.float32)
    for number, (centre, radius) in enumerate(zip(centres, radii, strict=True), 1):
        outline = _outline(rng, radius, style, roundness)
        _paint(labels, depth, number, centre, outline)
    labels[depth >= 1] = 0
    return Packing(labels, depth, centres, radii)


def _radii(
    rng: np.random.Generator, shape: tuple[int, int], radius: float, fill: float
) -> np.ndarray:
    """Radii of cross-sections, largest first: a plane cuts balls of a narrow or wide size range."""
    spread = rng.uniform(0.05, 0.4)
    many = int(np.clip(2.2 * fill * shape[0] * shape[1] / (np.pi * radius**2), 1, 4000)) + 1
    ball = 1.15 * radius * np.exp(spread * rng.standard_normal(many))
    height = rng.uniform(0, 0.98, many)
    cut = ball * np.sqrt(1 - height**2)
    return np.sort(np.maximum(cut, 2.0).astype(np.float32))[::-1]


def _places(
    rng: np.random.Generator, shape: tuple[int, int], radii: np.ndarray, closeness: float
) -> tuple[np.ndarray, np.ndarray]:
    """Place the largest first where there is room; what finds none in some tries is left out."""
    centres = np.empty((len(radii), 2), np.float32)
    placed = 0
    kept = np.empty(len(radii), np.float32)
    reach = np.array(shape, np.float32)
    for radius in radii:
        tries = rng.random((6, 2), np.float32) * (reach + radius) - radius / 2
        apart = np.hypot(*(tries[:, None] - centres[None, :placed]).transpose(2, 0, 1))
        free = (apart > closeness * (radius + kept[:placed])).all(axis=1)
        if free.any():
            centres[placed], kept[placed] = tries[free.argmax()], radius
            placed += 1
    return centres[:placed], kept[:placed]


def _outline(
    rng: np.random.Generator, radius: float, style: np.ndarray, roundness: float
) -> np.ndarray:
    """Radius in each of TABLE directions, float32."""
    kind = rng.choice(3, p=style)
    turn = TURNS + np.float32(rng.uniform(0, 2 * np.pi))
    aspect = 1 + (1 - roundness) * rng.uniform(0, 0.8)
    shape = 1 / np.sqrt(np.cos(turn) ** 2 / aspect + np.sin(turn) ** 2 * aspect)
    if kind == 1:  # facets
        facets = int(rng.integers(4, 9))
        normals = (np.arange(facets) + rng.uniform(-0.3, 0.3, facets)) * (2 * np.pi / facets)
        far = rng.uniform(0.8, 1.1, facets)
        towards = np.cos(turn[:, None] - normals)
        flat = np.where(towards > 0.05, far / np.maximum(towards, 0.05), 9).min(axis=1)
        shape = shape * np.minimum(flat, 1.3)
    else:
        orders = np.arange(2, 9)
        strength = rng.uniform(0.01, 0.07 if kind == 0 else 0.16) * (1.3 - roundness)
        waves = rng.standard_normal(len(orders)) * strength * (2 / orders)
        phases = rng.uniform(0, 2 * np.pi, len(orders))
        shape = shape * (1 + np.cos(turn[:, None] * orders + phases) @ waves)
    return np.asarray(radius * np.maximum(shape, 0.35), np.float32)


def _paint(
    labels: np.ndarray, depth: np.ndarray, number: int, centre: np.ndarray, outline: np.ndarray
) -> None:
    """Give the particle every pixel that lies deeper in it than in any other."""
    most = float(outline.max()) + 1
    low = np.maximum(np.floor(centre - most), 0).astype(int)
    high = np.minimum(np.ceil(centre + most) + 1, labels.shape).astype(int)
    if (high <= low).any():
        return
    box = (slice(low[0], high[0]), slice(low[1], high[1]))
    y = np.arange(low[0], high[0], dtype=np.float32)[:, None] - centre[0]
    x = np.arange(low[1], high[1], dtype=np.float32)[None, :] - centre[1]
    place = np.arctan2(y, x) * np.float32(TABLE / (2 * np.pi)) + np.float32(TABLE)
    whole = place.astype(np.int32)
    part = place - whole
    edge = outline[whole % TABLE] * (1 - part) + outline[(whole + 1) % TABLE] * part
    here = np.sqrt(y * y + x * x) / edge
    deeper = here < depth[box]
    depth[box][deeper] = here[deeper]
    labels[box][deeper] = number
