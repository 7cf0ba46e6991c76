"""The phases that a specimen may hold: cells and reflections at one temperature."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .library import Library, shipped


@dataclass(frozen=True, slots=True, eq=False)
class Phase:
    """One crystal structure at one temperature; the same only as itself."""

    name: str
    cell: tuple[float, float, float, float, float, float]
    """a, b, c [nm], alpha, beta, gamma [degrees]."""
    centring: str
    """P, A, B, C, I, F or R: first letter of the space group."""
    hkl: np.ndarray
    """int [reflection, 3], every one, Friedel partners too."""
    family: np.ndarray
    """Which reflections are equivalent by symmetry, int [reflection]."""
    amplitude: np.ndarray
    """Kinematic |F| over the strongest one."""
    temperature: float
    """That the cell stands for, in K: the asked one only if the expansion is known."""

    @property
    def reciprocal(self) -> np.ndarray:
        """Reciprocal basis as columns, 1/nm: g = reciprocal @ hkl, by the true metric tensor."""
        return np.linalg.inv(_cell_vectors(self.cell))

    def g(self, hkl: np.ndarray) -> np.ndarray:
        """Reciprocal vectors of `hkl[..., 3]` in 1/nm, in the crystal's Cartesian axes."""
        vectors: np.ndarray = np.asarray(hkl, np.float64) @ self.reciprocal.T
        return vectors


def _cell_vectors(cell: tuple[float, ...]) -> np.ndarray:
    """Edges of the cell as rows."""
    a, b, c = cell[:3]
    ca, cb, cg = np.cos(np.radians(cell[3:]))
    sg = np.sqrt(1 - cg**2)
    cx, cy = cb, (ca - cb * cg) / sg
    return np.array(
        [[a, 0, 0], [b * cg, b * sg, 0], [c * cx, c * cy, c * np.sqrt(1 - cx**2 - cy**2)]]
    )


def load_phase(
    name: str, temperature: float | None, k_max: float, library: Library | None = None
) -> Phase:
    """Take one phase, its cell brought to `temperature` [K] where the expansion is known.

    Out of the shipped phases, or of `library`.
    """
    record = (library or shipped()).records[name]
    known, expansion = record["T_K"], record["expansion_per_K"]
    scale = 1.0
    if temperature is not None and expansion is not None:
        scale, known = 1 + expansion * (temperature - known), temperature
    a, b, c, *angles = record["cell"]
    rotations = np.array(record["rotations"], int).reshape(-1, 3, 3)
    hkl, family, amplitude = [], [], []
    for n, row in enumerate(record["reflections"]):
        if 10 / (row["d_A"] * scale) > k_max:
            continue
        images = np.array(row["hkl"]) @ rotations
        images = np.unique(np.concatenate([images, -images]), axis=0)
        hkl.append(images)
        family += [n] * len(images)
        amplitude += [row["F_rel"]] * len(images)
    return Phase(
        name=name,
        cell=(a * scale / 10, b * scale / 10, c * scale / 10, angles[0], angles[1], angles[2]),
        centring=_centring(record["space_group"]),
        hkl=np.concatenate(hkl) if hkl else np.zeros((0, 3), int),
        family=np.array(family, int),
        amplitude=np.array(amplitude),
        temperature=known,
    )


def _centring(group: str) -> str:
    """First letter; rhombohedral axes (`R -3 m:R`) span a primitive cell."""
    return "P" if group.endswith(":R") else group[0]


def centred(letter: str, hkl: np.ndarray) -> np.ndarray:
    """Which `hkl[..., 3]` the centring of the lattice allows."""
    h, k, m = np.moveaxis(hkl, -1, 0)
    rules = {
        "A": (k + m) % 2 == 0,
        "B": (h + m) % 2 == 0,
        "C": (h + k) % 2 == 0,
        "I": (h + k + m) % 2 == 0,
        "F": ((h + k) % 2 == 0) & ((k + m) % 2 == 0),
        "R": (-h + k + m) % 3 == 0,
    }
    allowed: np.ndarray = rules.get(letter, np.ones(h.shape, bool))
    return allowed
