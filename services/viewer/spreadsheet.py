"""CSV, a piece at a time: an image of any size costs the memory of some rows."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from . import describe

CELLS = 1 << 16
"""Of one piece."""
MARK = "\ufeff"
"""The mark of byte order: without it spreadsheets take UTF-8 for something else."""


def image(values: np.ndarray) -> Iterator[bytes]:
    """`values[y, x]` as rows of numbers, without a head; |z| of complex ones."""
    rows = max(1, CELLS // max(1, values.shape[1]))
    yield MARK.encode()
    for first in range(0, len(values), rows):
        piece = describe.inline(values[first : first + rows])
        yield written(map(_numbers, piece))


def columns(head: Sequence[str], pieces: Iterable[Sequence[Sequence[Any]]]) -> Iterator[bytes]:
    """Columns of one length under their names; `pieces` are the columns, some rows at a time."""
    yield MARK.encode() + written([list(map(harmless, head))])
    for piece in pieces:
        yield written(zip(*map(_cells, piece), strict=True))


def with_units(name: str, attrs: Mapping[str, Any]) -> str:
    """The head of a column."""
    units = str(attrs.get("units", ""))
    return f"{name} [{units}]" if units else name


def written(rows: Iterable[Sequence[Any]]) -> bytes:
    """Rows as CSV."""
    out = io.StringIO()
    csv.writer(out).writerows(rows)
    return out.getvalue().encode("utf-8", "replace")


def harmless(value: Any) -> Any:
    """A text that a spreadsheet would take for a formula gets a quote before it."""
    if isinstance(value, str) and value[:1] in "=+-@\t\r" and value and value != "-inf":
        return "'" + value
    return value


def _cells(column: Sequence[Any]) -> list[Any]:
    """The cells of a column: nothing where there is no value."""
    return [harmless(value) for value in _numbers(column)]


def _numbers(values: Sequence[Any]) -> list[Any]:
    return ["" if value is None or value != value else value for value in values]
