"""Tables as variables of a dataset: one for each column, over the table's own dimension."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .candidates import Candidates

BEFORE = ("vacuum", "amorphous", "unknown")
"""Classes before the candidates."""

Variable = tuple[tuple[str, ...], np.ndarray, dict[str, Any]]


def classes(known: Candidates) -> dict[str, Any]:
    """CF attributes of a variable that holds classes."""
    meanings = [*BEFORE, *known.names]
    return {
        "flag_values": np.arange(len(meanings), dtype=np.uint8),
        "flag_meanings": " ".join(meanings),
    }


def table(
    name: str, columns: dict[str, tuple[Sequence[np.ndarray], Any, str, str | None]]
) -> dict[str, Variable]:
    """Variables `<name>_<column>`; a column is its rows by frame, dtype, words and units."""
    variables: dict[str, Variable] = {}
    for column, (rows, dtype, words, units) in columns.items():
        attrs = {"long_name": words} | ({"units": units} if units else {})
        variables[f"{name}_{column}"] = ((name,), _column(rows, dtype), attrs)
    return variables


def _column(rows: Sequence[np.ndarray], dtype: Any) -> np.ndarray:
    joined: np.ndarray = np.concatenate([np.asarray(row) for row in rows]).astype(dtype)
    return joined


def frames(counts: Sequence[int]) -> list[np.ndarray]:
    """Number of the frame of each row, frame by frame."""
    return [np.full(count, frame) for frame, count in enumerate(counts)]
