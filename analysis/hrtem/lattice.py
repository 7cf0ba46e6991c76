"""The lattice that the spots of one grain share: it says where each of them is better than itself.

In the plane of a zone the ideal positions q of a phase's reflections (complex) go to the measured
ones by k = c q + e conj(q): c turns and scales, e is what distorts. c is free, e is small.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from .candidates import Candidates
from .detect import Reflections
from .grains import ZONE, Grains
from .phases import Phase

SURE = 0.8
"""Posterior from which two spots are enough for a lattice; below it takes three."""
DISTORTION = 0.03
"""Standard deviation of e over c: wide, as pixels may be anisotropic."""
LOCAL = 0.002
"""Standard deviation of a spot's own misplacement from the lattice, over |k|."""
SHIFT = 0.04
"""Misplacement of any spot over its width 1 / diameter, whatever its strength."""
FLAT = 0.5
"""Area in 1/nm^2 that two of the spots must span."""
FAR = 4.0
"""Standard deviations from the lattice beyond which a spot isn't of it."""


@dataclass(frozen=True, slots=True)
class Lattice:
    """The lattice of one grain."""

    grain: int
    rows: np.ndarray
    """The reflections that it was fitted to."""
    zone: np.ndarray
    """float [3, 2]: takes hkl to the ideal (along, across)."""
    map: np.ndarray
    """float [2, 2]: takes the ideal place to (kx, ky)."""
    spread: np.ndarray
    """float [4, 4]: covariance of `map`, row by row."""

    def place(self, hkl: np.ndarray) -> np.ndarray:
        """Where reflections are, complex kx + i ky."""
        k = hkl @ self.zone @ self.map.T
        return np.asarray(k[:, 0] + 1j * k[:, 1])

    def sigma(self, hkl: np.ndarray) -> np.ndarray:
        """Standard error of each component of `place`, without `LOCAL`."""
        q = hkl @ self.zone
        parts = [np.einsum("ni,ij,nj->n", q, self.spread[s, s], q) for s in (slice(2), slice(2, 4))]
        return np.asarray(np.sqrt(np.maximum(sum(parts) / 2, 0)))


def errors(found: Reflections) -> np.ndarray:
    """Standard error of each component of k, the lens' shift included."""
    return np.asarray(np.hypot(found.sigma, (SHIFT + found.along / 2) / found.diameter))


def lattices(
    found: Reflections, grain: np.ndarray, grains: Grains, known: Candidates
) -> list[Lattice]:
    """Fit the lattice of each grain whose spots determine one."""
    k, sigma = found.kx + 1j * found.ky, errors(found)
    numbers, row = _candidates(grain, grains)
    if not len(numbers):
        return []
    valid = row >= 0
    leader = grains.posterior[numbers].argmax(axis=1).tolist()
    zones = map(tuple, grains.zone[numbers].tolist())
    planes = [zone_plane(known.phases[n], zone) for n, zone in zip(leader, zones, strict=True)]
    q = np.where(valid[..., None], grains.hkl[row] @ np.stack(planes), 0)
    fits, used, maps, spread = _fit(np.where(valid, k[row], 0), sigma[row], q, valid)
    return [
        Lattice(int(numbers[n]), row[n, used[n]], planes[n], maps[n], spread[n])
        for n in np.flatnonzero(fits)
    ]


def _candidates(grain: np.ndarray, grains: Grains) -> tuple[np.ndarray, np.ndarray]:
    """Grains with spots enough, and the reflections of each, padded with -1: [grain, spot]."""
    zone = (grains.kind == ZONE)[grain] if len(grains) else np.zeros(len(grain), bool)
    rows = np.flatnonzero((grain >= 0) & grains.explained & zone)
    rows = rows[np.argsort(grain[rows], kind="stable")]
    count = np.bincount(grain[rows], minlength=len(grains))
    sure = grains.posterior.max(axis=1, initial=0) > SURE
    enough = count >= np.where(sure, 2, 3)
    rows = rows[enough[grain[rows]]]
    numbers = np.flatnonzero(enough)
    padded = np.full((len(numbers), int(count[numbers].max(initial=0))), -1)
    padded[np.arange(padded.shape[1]) < count[numbers, None]] = rows
    return numbers, padded


@lru_cache(maxsize=4096)
def zone_plane(phase: Phase, zone: tuple[int, int, int]) -> np.ndarray:
    """Axes of the zone's plane: [3, 2]; hkl @ it are the ideal places."""
    basis = phase.g(np.eye(3, dtype=int))
    normal = np.linalg.inv(basis) @ zone
    normal = normal / np.linalg.norm(normal)
    one = np.cross(normal, np.eye(3)[np.abs(normal).argmin()])
    one /= np.linalg.norm(one)
    plane = np.asarray(basis @ np.stack([one, np.cross(normal, one)], axis=1))
    plane.flags.writeable = False  # it is given to all who ask again
    return plane


def _fit(
    k: np.ndarray, sigma: np.ndarray, q: np.ndarray, valid: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Fit all lattices at once: `k`, `sigma` [grain, spot], `q` [grain, spot, 2], what is `valid`.

    Which of them fit, which spots they use, the maps [grain, 2, 2] and their covariances. Fitted
    again without spots far off. Seen from the other side a lattice is its mirror image.
    """
    ideal = q[..., 0] + 1j * q[..., 1]
    spanned = _cross(ideal)
    sense = np.where((spanned * _cross(k)).sum(axis=(1, 2)) >= 0, 1.0, -1.0)
    mirror = np.stack([np.ones(len(sense)), sense], axis=1)
    q = q * mirror[:, None]
    used, fits = valid, np.ones(len(k), bool)
    for _ in range(2):
        both = used[:, :, None] & used[:, None]
        fits = fits & (np.where(both, np.abs(spanned), 0).max(axis=(1, 2)) >= FLAT)
        fitted, spread = _solve(k, np.where(used, 1 / sigma, 0), q)
        misfit = np.abs(q @ fitted.transpose(0, 2, 1) @ (1, 1j) - k) / sigma
        used = valid & (misfit < FAR)
    mean = np.where(valid, np.minimum(misfit, FAR), 0).sum(axis=1) / valid.sum(axis=1)
    fits = fits & (used.sum(axis=1) >= 2) & (mean <= FAR / 2)
    turn = np.tile(mirror, (1, 2))
    return fits, used, fitted * mirror[:, None], spread * turn[:, None] * turn[:, :, None]


def _cross(k: np.ndarray) -> np.ndarray:
    """Area that each two vectors of a grain span, signed."""
    return np.asarray((k[:, :, None].conj() * k[:, None]).imag)


def _solve(k: np.ndarray, weight: np.ndarray, q: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Least squares for c and e, e held small; as the maps and their covariances."""
    x, y = q[..., 0], q[..., 1]
    # k = (c1 + i c2)(x + i y) + (e1 + i e2)(x - i y)
    real = np.stack([x, -y, x, y], axis=-1)
    imag = np.stack([y, x, -y, x], axis=-1)
    twice = np.concatenate([weight, weight], axis=1)
    design = np.concatenate([real, imag], axis=1) * twice[..., None]
    seen = np.concatenate([k.real, k.imag], axis=1) * twice
    small = np.diag([0, 0, DISTORTION**-2.0, DISTORTION**-2.0])
    turned = design.transpose(0, 2, 1)
    spread = np.linalg.inv(turned @ design + small + 1e-9 * np.eye(4))
    c1, c2, e1, e2 = (spread @ (turned @ seen[..., None]))[..., 0].T
    to = np.array([[1, 0, 1, 0], [0, -1, 0, 1], [0, 1, 0, 1], [1, 0, -1, 0]], float)
    maps = np.stack([c1 + e1, e2 - c2, c2 + e2, c1 - e1], axis=1).reshape(-1, 2, 2)
    return maps, to @ spread @ to.T
