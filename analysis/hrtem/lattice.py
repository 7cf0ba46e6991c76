"""The lattice that the spots of one grain share: it says where each of them is better than itself.

In the plane of a zone the ideal positions q of a phase's reflections (complex) go to the measured
ones by k = c q + e conj(q): c turns and scales, e is what distorts. c is free, e is small.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from .candidates import Candidates
from .detect import Reflections
from .gather import ALONG, STEEP
from .grains import ZONE, Grains

SURE = 0.8
"""Posterior from which two spots are enough for a lattice; below it takes three."""
DISTORTION = 0.03
"""Standard deviation of e over c: wide, as pixels may be anisotropic."""
LOCAL = 0.002
"""Standard deviation of a spot's own misplacement from the lattice, over |k|."""
SHIFT = 0.08
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
    k = np.hypot(found.ky, found.kx)
    shift = SHIFT + ALONG / 2 * np.minimum((k / STEEP) ** 2, 1)
    return np.asarray(np.hypot(found.sigma, shift / found.diameter))


def lattices(
    found: Reflections, grain: np.ndarray, grains: Grains, known: Candidates
) -> Iterator[Lattice]:
    """Fit the lattice of each grain whose spots determine one."""
    k, sigma = found.kx + 1j * found.ky, errors(found)
    leader = grains.posterior.argmax(axis=1) if len(grains) else np.zeros(0, int)
    for number in np.flatnonzero(grains.kind == ZONE).tolist():
        rows = np.flatnonzero((grain == number) & grains.explained)
        enough = 2 if grains.posterior[number, leader[number]] > SURE else 3
        if len(rows) < enough:
            continue
        plane = zone_plane(known.phases[leader[number]].g, grains.zone[number])
        fitted = _fit(k[rows], sigma[rows], grains.hkl[rows] @ plane)
        if fitted is not None:
            yield Lattice(number, rows[fitted[0]], plane, fitted[1], fitted[2])


def zone_plane(g: Callable[[np.ndarray], np.ndarray], zone: np.ndarray) -> np.ndarray:
    """Axes of the zone's plane: [3, 2]; hkl @ it are the ideal places."""
    basis = g(np.eye(3, dtype=int))
    normal = np.linalg.inv(basis) @ zone
    normal = normal / np.linalg.norm(normal)
    one = _product(normal, np.eye(3)[np.abs(normal).argmin()])
    one /= np.linalg.norm(one)
    return np.asarray(basis @ np.stack([one, _product(normal, one)], axis=1))


def _product(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Cross product of two vectors: that of numpy takes ten times as long."""
    (a, b, c), (d, e, f) = one.tolist(), other.tolist()
    return np.array([b * f - c * e, c * d - a * f, a * e - b * d])


def _fit(
    k: np.ndarray, sigma: np.ndarray, q: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
    """Which spots are used, the map [2, 2] and its covariance; None where they don't fit.

    Fitted again without those far off. Seen from the other side a lattice is its mirror image.
    """
    ideal = q[:, 0] + 1j * q[:, 1]
    sense = (_cross(ideal) * _cross(k)).sum()
    q = q * (1.0, 1.0 if sense >= 0 else -1.0)
    used = np.ones(len(k), bool)
    for _ in range(2):
        if np.abs(_cross(ideal[used])).max(initial=0) < FLAT:
            return None
        fitted, spread = _solve(k[used], sigma[used], q[used])
        misfit = np.abs(q @ fitted.T @ (1, 1j) - k) / sigma
        used = misfit < FAR
    if used.sum() < 2 or np.minimum(misfit, FAR).mean() > FAR / 2:
        return None
    if sense < 0:
        turn = np.array([1.0, -1.0, 1.0, -1.0])
        fitted, spread = fitted * (1.0, -1.0), spread * turn * turn[:, None]
    return used, fitted, spread


def _cross(k: np.ndarray) -> np.ndarray:
    """Area that each two vectors span, signed."""
    return np.asarray((k[:, None].conj() * k).imag)


def _solve(k: np.ndarray, sigma: np.ndarray, q: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Least squares for c and e, e held small; as the map and its covariance."""
    x, y = q[:, 0], q[:, 1]
    # k = (c1 + i c2)(x + i y) + (e1 + i e2)(x - i y)
    real = np.stack([x, -y, x, y], axis=1)
    imag = np.stack([y, x, -y, x], axis=1)
    design = np.concatenate([real, imag]) / np.tile(sigma, 2)[:, None]
    seen = np.concatenate([k.real, k.imag]) / np.tile(sigma, 2)
    small = np.diag([0, 0, DISTORTION**-2.0, DISTORTION**-2.0])
    spread = np.linalg.inv(design.T @ design + small + 1e-9 * np.eye(4))
    c1, c2, e1, e2 = spread @ (design.T @ seen)
    to = np.array([[1, 0, 1, 0], [0, -1, 0, 1], [0, 1, 0, 1], [1, 0, -1, 0]], float)
    map_ = np.array([[c1 + e1, e2 - c2], [c2 + e2, c1 - e1]])
    return map_, to @ spread @ to.T
