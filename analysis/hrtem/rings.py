"""Where the rings of a powder of a phase would lie: to compare spectra with."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .library import Library
from .phases import load_phase
from .spot_table import indices

WEAKEST = 0.3
"""Of the strongest |F| of the phase; weaker rings are left out."""


@dataclass(frozen=True, slots=True)
class Ring:
    """One family of reflections."""

    k: float
    """1/nm"""
    label: str
    """Miller indices."""
    strength: float
    """|F| over the strongest."""


def rings(
    name: str,
    temperature: float | None,
    k_max: float,
    most: int = 6,
    library: Library | None = None,
) -> list[Ring]:
    """Give the `most` strongest families of the phase called `name`, the longest spacing first.

    Up to `k_max` (1/nm); the cell is brought to `temperature` (K) where its expansion is known. Out
    of the shipped phases, or of `library`.
    """
    phase = load_phase(name, temperature, k_max, library)
    _, first = np.unique(phase.family, return_index=True)
    strong = first[phase.amplitude[first] >= WEAKEST]
    chosen = strong[np.argsort(-phase.amplitude[strong], kind="stable")[:most]]
    found = [
        Ring(
            float(np.linalg.norm(phase.g(phase.hkl[n]))),
            indices(_positive(phase.hkl[phase.family == phase.family[n]]).tolist()),
            float(phase.amplitude[n]),
        )
        for n in chosen
    ]
    return sorted(found, key=lambda ring: ring.k)


def _positive(family: np.ndarray) -> np.ndarray:
    """Of equivalent reflections that with the most positive, then the largest first indices."""
    order = np.lexsort((-family[:, 2], -family[:, 1], -family[:, 0], -np.sign(family).sum(axis=1)))
    chosen: np.ndarray = family[order[0]]
    return chosen
