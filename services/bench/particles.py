"""The cases of particles, one after the other."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any


def measure(rounds: int, official: Path | None) -> Iterator[dict[str, Any]]:
    """Measure all cases of particles; `official` is an interpreter that has stardist."""
    from .particle_slices import measure_slices
    from .particle_tables import measure_features, measure_forest
    from .particle_volume import measure_volume

    yield from measure_slices(rounds, official)
    yield from measure_features()
    yield from measure_forest()
    yield from measure_volume()
