"""Every pair of reflections that two spots of a candidate phase may be.

Made once for a set of phases: a table with one row for each kind of pair (equal lengths, equal
angle), and a search tree over what can be measured of a pair whatever its orientation.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from .library import Library, shipped
from .phases import Phase, centred, load_phase

WEAK = 0.15
"""Visibility of an extinct or vanishing reflection beside the strongest: sums of two others stand
there too (nonlinear imaging, double diffraction). The rest goes with the kinematic |F|."""
ALONE = 0.05
"""How likely an extinct or vanishing reflection is the only one seen, beside the strongest."""
FADE = 6.0
"""1/nm, where the envelope of a microscope has taken 1/e of the visibility."""

MOST = 250
"""Candidates that a class of one byte tells apart, with vacuum, amorphous and unknown."""

D_SEEN = 1.2
"""Smallest d-spacing that is looked for, angstrom (1/k_max)."""


@dataclass(frozen=True, slots=True)
class Sheets:
    """The reflections of every zone, one of each Friedel pair; padded, [zone, reflection]."""

    strength: np.ndarray
    """log |F|^2 over that of the phase's strongest; -inf where there is none."""
    k: np.ndarray
    """1/nm; 0 where there is none."""


@dataclass(frozen=True)
class Candidates:
    """Phases and their pairs of reflections."""

    phases: tuple[Phase, ...]
    pair_phase: np.ndarray
    """int [pair]"""
    pair_hkl: np.ndarray
    """int [pair, 2, 3]; the second has an acute angle to the first."""
    pair_plane: np.ndarray
    """Reciprocal vectors of the two in their plane, [pair, 2, (along, across)], 1/nm."""
    pair_weight: np.ndarray
    """log of the probability that two strong spots of a zone of this phase are this pair."""
    pair_zone: np.ndarray
    """Sum of the visibilities in the half plane of the pair's zone."""
    line_phase: np.ndarray
    """int [line]; a line is one family of reflections."""
    line_hkl: np.ndarray
    line_k: np.ndarray
    line_weight: np.ndarray
    line_zone: np.ndarray
    """Sum of the visibilities along the row of the line."""
    visible: np.ndarray
    """Visibility of every (phase, h, k, l), flat; look up through `visibility`."""
    first: np.ndarray
    """Where a phase begins in `visible`."""
    half: np.ndarray
    """Largest |h|, |k|, |l| in the table of a phase, int [phase, 3]."""
    database: str
    """sha256 of the library that they are from."""
    kinematic: np.ndarray
    """|F| over the strongest of every (phase, h, k, l), flat, as `visible`."""
    pair_sheet: np.ndarray
    """Row of the pair's zone in `sheets`."""
    pair_chance: np.ndarray
    """log of the probability that a crystal of this phase is seen along the pair's zone."""
    sheets: Sheets

    @property
    def names(self) -> tuple[str, ...]:
        """The phases' names."""
        return tuple(phase.name for phase in self.phases)

    def features(self) -> np.ndarray:
        """What can be measured of each pair: mean log length, log ratio, angle [rad]."""
        return measure(self.pair_plane[:, 0], self.pair_plane[:, 1])

    def visibility(self, phase: np.ndarray, hkl: np.ndarray) -> np.ndarray:
        """How visible `hkl[..., 3]` of `phase[...]` are; 0 what can't be there."""
        return self._look(self.visible, phase, hkl)

    def amplitude(self, phase: np.ndarray, hkl: np.ndarray) -> np.ndarray:
        """|F| over that of the phase's strongest reflection, 0 where there is none."""
        return self._look(self.kinematic, phase, hkl)

    def _look(self, table: np.ndarray, phase: np.ndarray, hkl: np.ndarray) -> np.ndarray:
        half = self.half[phase]
        inside = (np.abs(hkl) <= half).all(axis=-1)
        size = 2 * half + 1
        place = np.where(inside[..., None], hkl + half, 0)
        index = (place[..., 0] * size[..., 1] + place[..., 1]) * size[..., 2] + place[..., 2]
        values: np.ndarray = np.where(inside, table[self.first[phase] + index], 0.0)
        return values


def measure(one: np.ndarray, two: np.ndarray) -> np.ndarray:
    """(mean log length, log ratio of lengths, acute angle [rad]) of pairs of vectors [..., 2]."""
    a, b = np.hypot(*np.moveaxis(one, -1, 0)), np.hypot(*np.moveaxis(two, -1, 0))
    cross = one[..., 0] * two[..., 1] - one[..., 1] * two[..., 0]
    angle = np.arctan2(np.abs(cross), np.abs((one * two).sum(axis=-1)))
    return np.stack([(np.log(a) + np.log(b)) / 2, np.log(a / b), angle], axis=-1)


@lru_cache(maxsize=8)
def candidates(
    names: str | tuple[str, ...],
    temperature: float | None,
    k_max: float,
    library: Library | None = None,
) -> Candidates:
    """Prepare the phases called `names` (a set, or several) at `temperature` [K].

    Out of the shipped phases, or of `library`. LookupError if there is none of that name, or
    there are more than one byte can tell apart.
    """
    known = library or shipped()
    chosen = known.choose(names)
    if len(chosen) > MOST:
        raise LookupError(f"{len(chosen)} candidates are too many: choose {MOST} at most")
    phases = tuple(load_phase(name, temperature, k_max, known) for name in chosen)
    tables = [_table(phase, k_max) for phase in phases]
    sizes = [len(table[0]) for table in tables]
    pairs = [_pairs(phase, *table[:2]) for phase, table in zip(phases, tables, strict=True)]
    lines = [_lines(phase, *table) for phase, table in zip(phases, tables, strict=True)]
    number = np.arange(len(phases))
    pair = [np.concatenate(column) for column in zip(*pairs, strict=True)]
    line = [np.concatenate(column) for column in zip(*lines, strict=True)]
    sheet, chance, sheets = _sheets(phases, pairs)
    return Candidates(
        phases=phases,
        pair_phase=np.repeat(number, [len(columns[0]) for columns in pairs]),
        pair_hkl=pair[0],
        pair_plane=pair[1],
        pair_weight=pair[2],
        pair_zone=pair[3],
        line_phase=np.repeat(number, [len(columns[0]) for columns in lines]),
        line_hkl=line[0],
        line_k=line[1],
        line_weight=line[2],
        line_zone=line[3],
        visible=np.concatenate([table[0] for table in tables]),
        first=np.concatenate([[0], np.cumsum(sizes)[:-1]]).astype(int),
        half=np.array([table[1] for table in tables]),
        database=known.sha256,
        kinematic=np.concatenate([table[2] for table in tables]),
        pair_sheet=sheet,
        pair_chance=chance,
        sheets=sheets,
    )


def readings(record: Mapping[str, Any]) -> int:
    """Ways to read two spots as reflections of a phase (as `database.record` tells it).

    About what memory and time go with: the larger the cell and the lower the symmetry, the more.
    """
    seen = [row for row in record["reflections"] if row["d_A"] > D_SEEN]
    return int(len(seen) * sum(row["mult"] for row in seen) // 4)


def _table(phase: Phase, k_max: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Visibility of every hkl up to the largest index, flat, those largest indices, and |F|."""
    half = np.maximum(np.abs(phase.hkl).max(axis=0, initial=0), 1)
    axes = [np.arange(-n, n + 1) for n in half]
    hkl = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)
    k = np.linalg.norm(phase.g(hkl), axis=1)
    table = np.where(centred(phase.centring, hkl) & (k <= k_max) & (k > 0), WEAK, 0.0)
    size = 2 * half + 1
    place = phase.hkl + half
    index = (place[:, 0] * size[1] + place[:, 1]) * size[2] + place[:, 2]
    table[index] = WEAK + (1 - WEAK) * phase.amplitude
    amplitude = np.zeros(len(table))
    amplitude[index] = phase.amplitude
    return table * np.exp(-((k / FADE) ** 2)), half, amplitude


def _lookup(table: np.ndarray, half: np.ndarray, hkl: np.ndarray) -> np.ndarray:
    size = 2 * half + 1
    place = hkl + half
    values: np.ndarray = table[(place[:, 0] * size[1] + place[:, 1]) * size[2] + place[:, 2]]
    return values


def _half_space(phase: Phase) -> np.ndarray:
    """One of each Friedel pair: rows of `phase.hkl`."""
    sign = np.sign(phase.hkl) @ (9, 3, 1)
    return np.flatnonzero(sign > 0)


def _pairs(phase: Phase, table: np.ndarray, half: np.ndarray) -> tuple[np.ndarray, ...]:
    """Pairs of one phase: hkl, plane, log weight, zone."""
    space = _half_space(phase)
    _, first, mult = np.unique(phase.family[space], return_index=True, return_counts=True)
    one, two = (v.ravel() for v in np.meshgrid(space[first], space, indexing="ij"))
    many = np.repeat(mult, len(space)).astype(float)
    g1, g2 = phase.g(phase.hkl[one]), phase.g(phase.hkl[two])
    k1, k2 = np.linalg.norm(g1, axis=1), np.linalg.norm(g2, axis=1)
    dot = (g1 * g2).sum(axis=1)
    sine = np.linalg.norm(np.cross(g1, g2), axis=1) / (k1 * k2)
    # Each pair once: with the shorter first; equally long ones stand there twice, at half weight.
    use = (sine > 0.05) & (k1 <= k2 * (1 + 1e-9))
    many[np.abs(k1 - k2) < 1e-9] /= 2
    one, two, many, dot, k1, k2, sine = (v[use] for v in (one, two, many, dot, k1, k2, sine))
    sign = np.where(dot < 0, -1, 1)
    hkl = np.stack([phase.hkl[one], phase.hkl[two] * sign[:, None]], axis=1)
    cosine = np.abs(dot) / (k1 * k2)
    zeros = np.zeros(len(k1))
    plane = np.stack(
        [np.stack([k1, zeros], axis=-1), np.stack([k2 * cosine, k2 * sine], axis=-1)], axis=1
    )
    seen = [_lookup(table, half, phase.hkl[rows]) for rows in (one, two)]
    weight = many * seen[0] * seen[1] / (k1 * k2 * sine)
    key = np.stack([phase.family[one], phase.family[two], np.rint(cosine * 1e5)], axis=1)
    _, kept, kind = np.unique(key, axis=0, return_index=True, return_inverse=True)
    weight = np.bincount(kind.ravel(), weight)
    zone = _zone_sum(phase, table, half, hkl[kept])
    return hkl[kept], plane[kept], np.log(weight / weight.sum()), zone


def _zone_sum(phase: Phase, table: np.ndarray, half: np.ndarray, hkl: np.ndarray) -> np.ndarray:
    """Sum of the visibilities of the half plane that each pair spans."""
    zone = np.cross(hkl[:, 0], hkl[:, 1])
    zone = zone // np.gcd.reduce(zone, axis=1)[:, None]
    kinds, which = np.unique(zone, axis=0, return_inverse=True)
    space = phase.hkl[_half_space(phase)]
    inside = (kinds @ space.T) == 0
    total: np.ndarray = (inside @ _lookup(table, half, space))[which.ravel()]
    return total


def _sheets(
    phases: tuple[Phase, ...], pairs: list[tuple[np.ndarray, ...]]
) -> tuple[np.ndarray, np.ndarray, Sheets]:
    """Zone of each pair, the log of its chance, and the reflections of all zones."""
    number, chance = [], []
    rows: list[tuple[np.ndarray, np.ndarray]] = []
    for phase, (hkl, _, weight, total) in zip(phases, pairs, strict=True):
        axis = np.cross(hkl[:, 0], hkl[:, 1])
        axis = axis // np.gcd.reduce(axis, axis=1)[:, None]
        # Equivalent zones look alike: same length of the axis, same sum of visibilities.
        length = np.linalg.norm(axis @ np.linalg.inv(phase.reciprocal), axis=1)
        look = np.rint(np.stack([length, total], axis=1) * 1e5)
        _, first, kind = np.unique(look, axis=0, return_index=True, return_inverse=True)
        mass = np.bincount(kind.ravel(), np.exp(weight))
        chance.append(np.log(mass)[kind.ravel()])
        number.append(kind.ravel() + len(rows))
        space = phase.hkl[_half_space(phase)]
        power = 2 * np.log(np.maximum(phase.amplitude[_half_space(phase)], 1e-3))
        k = np.linalg.norm(phase.g(space), axis=1)
        rows += [(power[inside], k[inside]) for inside in (axis[first] @ space.T) == 0]
    widest = max((len(power) for power, _ in rows), default=0)
    strength, length = np.full((len(rows), widest), -np.inf), np.zeros((len(rows), widest))
    for n, (power, k) in enumerate(rows):
        strength[n, : len(k)], length[n, : len(k)] = power, k
    return np.concatenate(number), np.concatenate(chance), Sheets(strength, length)


def _lines(
    phase: Phase, table: np.ndarray, half: np.ndarray, amplitude: np.ndarray
) -> tuple[np.ndarray, ...]:
    """Families of one phase: hkl, |k|, log weight, sum of the visibilities of the row."""
    space = _half_space(phase)
    _, first, mult = np.unique(phase.family[space], return_index=True, return_counts=True)
    hkl = phase.hkl[space[first]]
    k = np.linalg.norm(phase.g(hkl), axis=1)
    # Where all else is too weak to be seen, the power |F|^2 tells which one it is.
    power = ALONE + (1 - ALONE) * _lookup(amplitude, half, hkl) ** 2
    weight = mult * power * np.exp(-((k / FADE) ** 2)) / k
    parallel = (np.cross(hkl[:, None], phase.hkl[space][None]) == 0).all(axis=-1)
    row = parallel @ _lookup(table, half, phase.hkl[space])
    return hkl, k, np.log(weight / weight.sum()), row
