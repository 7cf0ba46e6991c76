"""Which way a grain is turned: along a zone axis, or away from one so that a row is left."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from itertools import product
from math import gcd

import numpy as np

from .crystals import reflections

BAND = (1.4, 6.5)
"""Spatial frequencies in 1/nm of the spots that a zone axis is chosen for."""
STRONG = 0.2
"""Amplitude, relative to the crystal's strongest, of a spot that is worth looking along."""
AWAY = (8.0, 15.0)
"""Degrees by which a row grain is turned about its row."""


@dataclass(frozen=True, slots=True)
class Orientation:
    """How a crystal lies under the beam."""

    zone: tuple[int, int, int]
    """The zone axis [uvw] it was turned from."""
    mode: str
    """zone | row"""
    tilt: float
    """Angle between the zone axis and the beam in degrees."""
    rotation: np.ndarray
    """float64[3, 3]: takes the crystal's Cartesian axes to (x, y, beam)."""


@dataclass(frozen=True, slots=True)
class Zone:
    """A direction to look along, and a strong reflection seen there."""

    axis: tuple[int, int, int]
    direction: np.ndarray
    """float64[3]: unit vector in the crystal's Cartesian axes."""
    across: np.ndarray
    """float64[n, 3]: unit vectors of the strong reflections in this zone."""


@cache
def zones(name: str) -> tuple[tuple[Zone, ...], np.ndarray]:
    """Give the crystal's zone axes with two or more strong rows, and how often each is met.

    Short axes (dense zones) are met more often, as the inverse square of their length.
    """
    table = reflections(name)
    length = np.linalg.norm(table.g, axis=1)
    size = np.abs(table.potential)
    strong = (length > BAND[0]) & (length < BAND[1]) & (size > STRONG * size.max())
    found, weights = list[Zone](), list[float]()
    for axis in product(range(-3, 4), range(-3, 4), range(-3, 4)):
        if axis <= (0, 0, 0) or gcd(*axis) != 1:
            continue
        across = table.g[strong & (table.hkl @ np.array(axis) == 0)]
        if np.linalg.matrix_rank(across, tol=1e-6) == 2:
            vector = np.array(axis) @ table.axes
            span = float(np.linalg.norm(vector))
            units = across / np.linalg.norm(across, axis=1, keepdims=True)
            found.append(Zone(axis, vector / span, units))
            weights.append(span**-2)
    return tuple(found), np.array(weights) / sum(weights)


def orient(name: str, rows: float, tilt: float, rng: np.random.Generator) -> Orientation:
    """Draw an orientation: a row with probability `rows`, else a zone off by about `tilt` deg."""
    known, weights = zones(name)
    zone = known[int(rng.choice(len(known), p=weights))]
    row = bool(rng.random() < rows)
    x = zone.across[int(rng.integers(len(zone.across)))]
    rotation = np.stack([x, np.cross(zone.direction, x), zone.direction])
    if row:
        rotation = _about_x(float(rng.uniform(*AWAY) * rng.choice([-1, 1]))) @ rotation
    turn = rng.uniform(0, 360)
    lean = abs(rng.normal(0, tilt)) * (0.3 if row else 1.0)
    rotation = _about_z(turn) @ _about_x(lean) @ _about_z(rng.uniform(0, 360)) @ rotation
    angle = float(np.degrees(np.arccos(np.clip(rotation[2] @ zone.direction, -1, 1))))
    return Orientation(zone.axis, "row" if row else "zone", angle, rotation)


def _about_x(degrees: float) -> np.ndarray:
    c, s = np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))
    return np.array([[1, 0, 0], [0, c, -s], [0, s, c]])


def _about_z(degrees: float) -> np.ndarray:
    c, s = np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))
    return np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]])
