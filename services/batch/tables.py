"""Tables for people and spreadsheets: CSV with one head line, units in the names of the columns."""

from __future__ import annotations

import csv
import os
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from .technique import Row

DIGITS = 6


class Tables:
    """CSV files that take rows, and get their names when all is written; use it in a `with`."""

    def __init__(self, folder: Path, columns: Mapping[str, Sequence[str]]) -> None:
        self.paths = {name: folder / f"{name}.csv" for name in columns}
        self._columns = columns
        self._opened = ExitStack()
        self._writers: dict[str, Any] = {}

    def __enter__(self) -> Tables:
        for name, path in self.paths.items():
            # with its mark of byte order, or spreadsheets take UTF-8 for something else
            file = _aside(path).open("w", newline="", encoding="utf-8-sig")
            self._opened.enter_context(file)
            self._writers[name] = csv.DictWriter(file, self._columns[name], restval="")
            self._writers[name].writeheader()
        return self

    def __exit__(self, kind: type[BaseException] | None, *trouble: object) -> None:
        self._opened.close()
        for path in self.paths.values():
            if kind is None:
                os.replace(_aside(path), path)
            else:
                _aside(path).unlink(missing_ok=True)

    def add(self, rows: Mapping[str, Sequence[Row]]) -> None:
        """Write the rows of a frame."""
        for name, several in rows.items():
            for row in several:
                self._writers[name].writerow({key: shown(value) for key, value in row.items()})


def _aside(path: Path) -> Path:
    return path.with_name(f".{path.name}.part")


def shown(value: Any) -> Any:
    """Give numbers with six digits, nothing for what is not a number; texts can't be formulas."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.{DIGITS}g}" if value == value else ""
    if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r"):
        return f"'{value}"  # a file's name must not run in a spreadsheet
    return value
