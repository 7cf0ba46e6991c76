"""The cases of particles, one after the other."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any


def measure() -> Iterator[dict[str, Any]]:
    """Measure all cases of particles."""
    from .particle_tables import measure_features, measure_forest
    from .particle_volume import measure_volume

    yield from measure_features()
    yield from measure_forest()
    yield from measure_volume()
