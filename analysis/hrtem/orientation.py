"""Orientation: how each grain that shows a zone is turned in the plane of the image.

The zone axis stands along the beam. What is left is the azimuth of one reflection of the zone, the
grain's *reference*: the shortest whose length is its own but for the rotations that take the zone's
pattern to itself. Azimuths are counted counter-clockwise from the image's x axis, as it is seen on
a screen (y points down), and modulo the least of those rotations: 180 degrees, 90 or 60.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from .candidates import Candidates
from .detect import Reflections
from .grains import ZONE, Grains
from .lattice import errors, zone_plane
from .phases import Phase

VISIBLE = 0.02
"""|F| over the largest of a phase from which a reflection counts in the pattern of a zone."""
EQUAL = 1e-3
"""Relative difference below which lengths, and amplitudes, are equal."""


@dataclass(frozen=True, slots=True)
class Orientation:
    """One row for each grain; NaN and empty where no zone is known."""

    rotation: np.ndarray
    """Azimuth of the reference, degrees, from 0 up to `period`."""
    sigma: np.ndarray
    """Its standard error."""
    period: np.ndarray
    """Degrees after which the pattern of the zone repeats."""
    reference: np.ndarray
    """int [grain, 3], 0 0 0 for none."""


@dataclass(frozen=True, slots=True)
class Pattern:
    """What the reflections of one zone look like."""

    plane: np.ndarray
    """float [3, 2]: takes hkl to the ideal (along, across)."""
    fold: int
    """Rotations that take the pattern to itself; even, as k and -k are alike."""
    reference: np.ndarray
    """int [3]"""


def orientations(
    found: Reflections, grain: np.ndarray, grains: Grains, known: Candidates, named: np.ndarray
) -> Orientation:
    """Turn the pattern of each grain's zone onto its spots.

    `grain` is the row of each spot, `named` the grains whose phase is known, bool [grain].
    """
    many = len(grains)
    rotation, sigma, period = np.full((3, many), np.nan)
    reference = np.zeros((many, 3), int)
    k, spread = found.kx + 1j * found.ky, errors(found)
    leader = grains.posterior.argmax(axis=1) if many else np.zeros(0, int)
    for row in np.flatnonzero(named & (grains.kind == ZONE) & grains.zone.any(axis=1)).tolist():
        spots = np.flatnonzero((grain == row) & grains.explained)
        u, v, w = grains.zone[row].tolist()
        pattern = pattern_of(known.phases[leader[row]], (u, v, w))
        if len(spots) < 2 or pattern is None:
            continue
        q = grains.hkl[spots] @ pattern.plane @ (1, 1j)
        turn, seen_from_behind = _turn(q, k[spots], spread[spots])
        aim = complex(pattern.reference @ pattern.plane @ (1, 1j))
        azimuth = -np.degrees(np.angle(turn * (np.conj(aim) if seen_from_behind else aim)))
        period[row], reference[row] = 360 / pattern.fold, pattern.reference
        rotation[row] = azimuth % period[row] % period[row]  # twice: -1e-17 % 180 is 180
        sigma[row] = np.degrees(((np.abs(k[spots]) / spread[spots]) ** 2).sum() ** -0.5)
    return Orientation(rotation, sigma, period, reference)


@lru_cache(maxsize=4096)
def pattern_of(phase: Phase, zone: tuple[int, int, int]) -> Pattern | None:
    """Find the symmetry of a zone's reflections and its reference; None where it has too few."""
    here = (phase.hkl @ np.array(zone) == 0) & (phase.amplitude > VISIBLE)
    hkl, strength = phase.hkl[here], phase.amplitude[here]
    if len(hkl) < 4:
        return None
    plane = zone_plane(phase, zone)
    q = np.asarray(hkl @ plane @ (1, 1j))
    fold = next((n for n in (6, 4) if _repeats(q, strength, n)), 2)
    length = np.abs(q)
    alike = (np.abs(length[:, None] - length) < EQUAL * length).sum(axis=1)
    own = np.flatnonzero(alike == fold) if (alike == fold).any() else np.arange(len(q))
    shortest = own[length[own] < length[own].min() * (1 + EQUAL)]
    first = np.lexsort(hkl[shortest].T[::-1])[-1]
    return Pattern(plane, fold, hkl[shortest[first]])


def _repeats(q: np.ndarray, strength: np.ndarray, fold: int) -> bool:
    """Whether a turn by 360 / fold degrees takes each reflection to one as strong."""
    turned = q * np.exp(2j * np.pi / fold)
    apart = np.abs(turned[:, None] - q)
    nearest = apart.argmin(axis=1)
    there = apart.min(axis=1) < EQUAL * np.abs(q).max()
    same = np.abs(strength[nearest] - strength) < EQUAL
    return bool((there & same).all())


def _turn(q: np.ndarray, k: np.ndarray, sigma: np.ndarray) -> tuple[complex, bool]:
    """Give the complex number that takes q (or conj q: seen from behind) to k by least squares."""
    best: tuple[float, complex, bool] = (np.inf, 1 + 0j, False)
    for mirrored, ideal in ((False, q), (True, q.conj())):
        weight = sigma**-2.0
        turn = complex((weight * ideal.conj() * k).sum() / (weight * np.abs(ideal) ** 2).sum())
        misfit = float((weight * np.abs(k - turn * ideal) ** 2).sum())
        if misfit < best[0] * (1 - EQUAL):
            best = (misfit, turn, mirrored)
    return best[1], best[2]
