"""How well one hypothesis (these two spots are that pair of reflections) explains a group of spots.

All hypotheses of all groups of an image are scored at once, [hypothesis, spot]. Positions in the
plane are complex numbers, x + i y. A hypothesis fixes the crystal's lattice in the plane up to a
rotation, which is integrated over, and the scale of the image, which is left open: the score is a
parabola in the scale.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .candidates import Candidates

STRAY = 0.05
"""Prior probability that a spot of a group belongs to something else."""
SECOND = 0.1
"""Probability that such a spot is one of the reflections where two others add up."""
LOOSE = 0.15
"""Prior probability that a spot is misplaced far more than the others: wedges and tilts shift the
spots of small grains by several per cent (Malm & O'Keefe 1997)."""
LOOSENESS = 3.0
"""How much larger its standard deviations are then."""


@dataclass(frozen=True, slots=True)
class Spots:
    """Spots by group, padded: arrays [group, spot], strongest first."""

    k: np.ndarray
    """complex, kx + i ky [1/nm]"""
    sigma: np.ndarray
    """Standard error of k across its direction, everything but the scale [1/nm]."""
    radial: np.ndarray
    """Standard error of k along its direction: larger, as the lens shifts spots along it [1/nm]."""
    valid: np.ndarray
    second: np.ndarray
    """Where two stronger spots of the group add up (or one doubles): nonlinear imaging puts a spot
    there whatever the structure factor, bool."""
    row: np.ndarray
    """Row of each spot in the table it came from."""


@dataclass(frozen=True, slots=True)
class Hypotheses:
    """One row each."""

    group: np.ndarray
    base: np.ndarray
    """The two spots taken for the pair, int [n, 2]; twice the same for a line."""
    phase: np.ndarray
    hkl: np.ndarray
    """int [n, 2, 3]; the second is zero for a line."""
    plane: np.ndarray
    """complex [n, 2]"""
    weight: np.ndarray
    """log prior"""
    zone: np.ndarray
    """Sum of visibilities of the zone (of the row, for a line)."""

    def keep(self, rows: np.ndarray) -> Hypotheses:
        """Take some of the rows."""
        return Hypotheses(*(getattr(self, name)[rows] for name in Hypotheses.__slots__))


@dataclass(frozen=True, slots=True)
class Scores:
    """What the hypotheses are worth: log evidence = constant - chi2(s) / 2, s the scale error."""

    constant: np.ndarray
    chi2: np.ndarray
    """Coefficients of 1, s, s^2: [hypothesis, 3]."""
    hkl: np.ndarray
    """Index of every spot, int [hypothesis, spot, 3]."""
    explained: np.ndarray
    """bool [hypothesis, spot]"""


def area(k_max: float) -> float:
    """Area of the half plane below `k_max`, where a spot of nothing known may lie."""
    return float(np.pi * k_max**2 / 2)


def base_vectors(spots: Spots, group: np.ndarray, base: np.ndarray) -> np.ndarray:
    """The two observed vectors, the second turned to the acute side; complex [n, 2].

    For a line the second is the perpendicular.
    """
    one, two = spots.k[group, base[:, 0]], spots.k[group, base[:, 1]]
    two = np.where((one.conj() * two).real < 0, -two, two)
    return np.stack([one, np.where(base[:, 0] == base[:, 1], 1j * one, two)], axis=1)


def coordinates(basis: np.ndarray, k: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Write k[n, spot] as a * basis[:, 0] + b * basis[:, 1]."""
    one, two = basis[:, :1], basis[:, 1:]
    area_of = (one.conj() * two).imag
    return (k.conj() * two).imag / area_of, (one.conj() * k).imag / area_of


def score(
    spots: Spots, these: Hypotheses, known: Candidates, scale_tolerance: float, k_max: float
) -> Scores:
    """Index every spot by every hypothesis and weigh the misfits."""
    k, valid = spots.k[these.group], spots.valid[these.group]
    errors = spots.radial[these.group], spots.sigma[these.group]
    basis = base_vectors(spots, these.group, these.base)
    a, b = coordinates(basis, k)
    hkl = np.rint(
        a[..., None] * these.hkl[:, None, 0] + b[..., None] * these.hkl[:, None, 1]
    ).astype(int)
    ideal, fits = _ideal(these, hkl)
    mirror = (basis[:, 0].conj() * basis[:, 1]).imag < 0
    ideal = np.where(mirror[:, None], ideal.conj(), ideal)
    visible = known.visibility(np.broadcast_to(these.phase[:, None], fits.shape), hkl)
    columns = np.arange(k.shape[1])
    is_base = (columns == these.base[:, :1]) | (columns == these.base[:, 1:])
    likely = np.where(spots.second[these.group], SECOND, visible / these.zone[:, None])
    share = np.where(is_base, 1.0, (1 - STRAY) * likely)
    possible = valid & fits & (visible > 0)
    turn, scale = _align(k, ideal, is_base, errors, scale_tolerance)
    rest = _misplaced(k, ideal, turn * (1 + scale), turn)
    weights, gain = _tight_or_loose(rest, errors)
    misfit = rest.real**2 * weights[0] + rest.imag**2 * weights[1]
    with np.errstate(divide="ignore"):
        gain = gain + np.log(share)
    stray = np.log(STRAY / area(k_max))
    explained = (possible & (gain > stray)) | is_base
    turn, _ = _align(k, ideal, explained, (weights[0] ** -0.5, weights[1] ** -0.5), scale_tolerance)
    rest = _misplaced(k, ideal, turn, turn)
    along, across = (np.where(explained, weight, 0.0) for weight in weights)
    size = np.abs(ideal)
    chi2 = np.stack(
        [
            (rest.real**2 * along + rest.imag**2 * across).sum(axis=1),
            -2 * (size * rest.real * along).sum(axis=1),
            (size**2 * along).sum(axis=1),
        ],
        axis=1,
    )
    terms = np.where(explained, gain + misfit / 2, np.where(valid, stray, 0.0)).sum(axis=1)
    # The rotation, uniform over a full turn, integrated about its best value.
    rotation = -0.5 * np.log(2 * np.pi * (size**2 * across).sum(axis=1))
    return Scores(these.weight + terms + rotation, chi2, hkl, explained)


def _misplaced(k: np.ndarray, ideal: np.ndarray, moved: np.ndarray, turn: np.ndarray) -> np.ndarray:
    """How far k is from its ideal place, along (real) and across (imaginary) its direction."""
    direction = ideal * turn[:, None] / np.maximum(np.abs(ideal), 1e-12)
    misplaced: np.ndarray = (k - ideal * moved[:, None]) * direction.conj()
    return misplaced


def _tight_or_loose(
    rest: np.ndarray, errors: tuple[np.ndarray, np.ndarray]
) -> tuple[tuple[np.ndarray, np.ndarray], np.ndarray]:
    """Weights (1 / variance, along and across) and log density of the likelier misplacement."""
    along, across = errors
    chi2 = (rest.real / along) ** 2 + (rest.imag / across) ** 2
    norm = -np.log(2 * np.pi * along * across)
    tight = np.log(1 - LOOSE) + norm - chi2 / 2
    loose = np.log(LOOSE / LOOSENESS**2) + norm - chi2 / (2 * LOOSENESS**2)
    wider = np.where(loose > tight, LOOSENESS, 1.0)
    return ((along * wider) ** -2, (across * wider) ** -2), np.maximum(tight, loose)


def _ideal(these: Hypotheses, hkl: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where the lattice puts `hkl[n, spot, 3]` (complex), and whether that lies in the plane."""
    one, two = (these.hkl[:, None, n].astype(float) for n in (0, 1))
    h = hkl.astype(float)
    s11, s12, s22 = ((u * v).sum(axis=-1) for u, v in ((one, one), (one, two), (two, two)))
    t1, t2 = (h * one).sum(axis=-1), (h * two).sum(axis=-1)
    line = s22 == 0
    determinant = np.where(line, s11, s11 * s22 - s12**2)
    a = np.where(line, t1, t1 * s22 - t2 * s12) / determinant
    b = np.where(line, 0.0, t2 * s11 - t1 * s12) / determinant
    rebuilt = a[..., None] * one + b[..., None] * two
    fits = (np.abs(rebuilt - h) < 1e-3).all(axis=-1)
    return a * these.plane[:, :1] + b * these.plane[:, 1:], fits


def _align(
    k: np.ndarray,
    ideal: np.ndarray,
    use: np.ndarray,
    errors: tuple[np.ndarray, np.ndarray],
    scale_tolerance: float,
) -> tuple[np.ndarray, np.ndarray]:
    """Best rotation (a unit complex number) and scale error of `ideal` onto `k`."""
    overlap = np.where(use, ideal.conj() * k, 0)
    turn = (overlap / errors[1] ** 2).sum(axis=1)
    turn = turn / np.maximum(np.abs(turn), 1e-30)
    size = np.where(use, np.abs(ideal) ** 2, 0)
    along = (overlap * turn[:, None].conj()).real
    strength = (size / errors[0] ** 2).sum(axis=1)
    excess = ((along - size) / errors[0] ** 2).sum(axis=1)
    return turn, excess / (strength + 1 / scale_tolerance**2)


def unknown_lattice(spots: Spots, group: np.ndarray, base: np.ndarray, k_max: float) -> np.ndarray:
    """Log evidence that the spots are the nodes of any lattice, spanned by two of them: [n].

    Without this rival a phase that is not among the candidates would be taken for the one that
    fits by chance.
    """
    k, valid = spots.k[group], spots.valid[group]
    sigma = np.sqrt(spots.sigma[group] * spots.radial[group])
    a, b = coordinates(base_vectors(spots, group, base), k)
    na, nb = np.rint(2 * a) / 2, np.rint(2 * b) / 2
    whole = (na % 1 == 0) & (nb % 1 == 0)
    line = (base[:, 0] == base[:, 1])[:, None]
    count = np.where(whole, np.where(line, 4.0, 24.0), np.where(line, 12.0, 100.0))
    near = (np.abs(na) <= 3) & (np.abs(nb) <= 3) & ((na != 0) | (nb != 0)) & (~line | (nb == 0))
    basis = base_vectors(spots, group, base)
    rest = np.abs(k - na * basis[:, :1] - nb * basis[:, 1:]) ** 2
    rows = np.arange(len(group))
    s1, s2 = sigma[rows, base[:, 0]][:, None], sigma[rows, base[:, 1]][:, None]
    variance = sigma**2 + (na * s1) ** 2 + np.where(line, 0.0, (nb * s2) ** 2)
    node = np.log((1 - STRAY) / count / (2 * np.pi * variance)) - rest / variance / 2
    free = np.log(1 / area(k_max))
    gain = np.maximum(np.where(near, node, -np.inf), free + np.log(STRAY))
    columns = np.arange(k.shape[1])
    is_base = (columns == base[:, :1]) | (columns == base[:, 1:])
    total: np.ndarray = np.where(valid, np.where(is_base, free, gain), 0.0).sum(axis=1)
    return total
