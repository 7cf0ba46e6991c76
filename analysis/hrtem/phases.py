"""The phases that a specimen may hold: cells, reflections, and the sets to choose from."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import Any

import numpy as np

SETS: Mapping[str, tuple[str, ...]] = {
    "li-sei": ("Li", "Li2O", "LiOH", "LiF", "Li2CO3", "LiH", "Li3N", "Li2S", "Li2O2", "Cu"),
    "na-sei": ("Na", "NaF", "Na2O", "NaOH", "Na2CO3", "NaH", "Cu"),
    "sei": (
        *("Li", "Li2O", "LiOH", "LiF", "Li2CO3", "LiH", "Li3N", "Li2S", "Li2O2", "Cu", "Cu2O"),
        *("Na", "NaF", "Na2O", "NaOH", "Na2CO3"),
    ),
    "oxides": ("Co3O4", "CoO", "Li2O", "Li2O2", "Cu2O"),
    "calibrants": ("Au", "Si", "graphite", "MoS2", "SrTiO3", "Cu"),
}
"""Candidate sets by the chemistry of the experiment; `all` is every phase of the database."""


@dataclass(frozen=True, slots=True)
class Phase:
    """One crystal structure at one temperature."""

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


@lru_cache(maxsize=1)
def database() -> tuple[dict[str, Any], str]:
    """Read the shipped phases.json; give its phases and its sha256."""
    text = files(__package__).joinpath("phases.json").read_bytes()
    return json.loads(text)["phases"], hashlib.sha256(text).hexdigest()


def choose(candidates: str | tuple[str, ...]) -> tuple[str, ...]:
    """Names of the phases of a set, or the given names; LookupError says what there is."""
    known = database()[0]
    if isinstance(candidates, str):
        candidates = (candidates,)
    names: list[str] = []
    for name in candidates:
        if name == "all":
            names += known
        elif name in SETS:
            names += SETS[name]
        elif name in known:
            names.append(name)
        else:
            allowed = ", ".join([*SETS, "all", *known])
            raise LookupError(f"no phase or set {name!r}; there are: {allowed}")
    if not names:
        raise LookupError(f"no candidate phase given; sets: {', '.join([*SETS, 'all'])}")
    return tuple(dict.fromkeys(names))


def load_phase(name: str, temperature: float | None, k_max: float) -> Phase:
    """Take one phase, its cell brought to `temperature` [K] where the expansion is known."""
    record = database()[0][name]
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
        centring=record["space_group"][0],
        hkl=np.concatenate(hkl) if hkl else np.zeros((0, 3), int),
        family=np.array(family, int),
        amplitude=np.array(amplitude),
        temperature=known,
    )


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
