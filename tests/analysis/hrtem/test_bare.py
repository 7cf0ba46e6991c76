"""Crystals in what looks like vacuum."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import sparse

from beamside.analysis.hrtem.bare import bare
from beamside.analysis.hrtem.detect import Reflections
from beamside.analysis.hrtem.regions import Regions

SHAPE = (10, 20)
VACUUM = np.zeros(SHAPE, bool)
HALF = VACUUM.copy()
HALF[:, 8:] = True
"""Vacuum on the left, the specimen on the right."""


def seen(k: list[complex], columns: slice) -> Reflections:
    """Reflections of one place, some columns wide."""
    one = VACUUM.copy()
    one[3:7, columns] = True
    mask = sparse.csr_array(np.tile(one.ravel(), (len(k), 1)).astype(np.float32))
    flat = np.zeros(len(k))
    regions = Regions(np.arange(len(k)), mask, flat, flat, flat, flat, flat)
    nothing: Any = None
    both = np.array(k)
    return Reflections(both.imag, both.real, flat, flat, regions, nothing, flat)


@pytest.mark.parametrize(
    ("k", "columns", "there"),
    [
        ([3 + 1j], slice(1, 6), True),  # no part of it is in the specimen
        ([3 + 1j], slice(4, 10), False),  # carried out of the specimen by the lens
        ([3 + 1j, 6 + 2j], slice(4, 10), False),  # both of them, as they are of one direction
        ([3 + 1j, 1 - 3j], slice(4, 10), True),  # one lens can't carry two directions alike
        ([3 + 1j, 1 - 3j], slice(6, 14), False),  # most of it is seen as specimen
    ],
)
def test_fringes_of_two_directions_are_a_crystal(
    k: list[complex], columns: slice, there: bool
) -> None:
    found = seen(k, columns)
    said = bare(found, np.zeros(len(k), int), HALF)
    assert said.any() == there
    assert not there or (said == (found.regions.mask.sum(axis=0) > 0).reshape(SHAPE)).all()
