"""Results in the archive: an NXprocess for each analysis, with what it found and how.

    /entry/ANALYSIS              NXprocess: program, version, date, sequence_index
    /entry/ANALYSIS/settings     NXparameters: a field for each setting
    /entry/ANALYSIS/provenance   json: versions, settings, hashes; json_2... where it changed
    /entry/ANALYSIS/frames       a row a frame: frame, times, provenance; logs `errors`, `notes`
    /entry/ANALYSIS/VARIABLE     NXdata of a variable along `frame`, with its axes
    /entry/ANALYSIS/THING        a table: `spot_*` columns; `spot_frame` is a frame number
    /entry/ANALYSIS/batch        what is neither per frame nor per thing: a row a result

Rows are in order of arrival, all variables of a table have the same rows, and what a result left
out is the fill value. A variable that comes in another shape, type, unit or on other axes goes on
as `VARIABLE_2`. A column `spot_grain` counts the rows of the whole table `grain`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import h5py

from ..errors import WireError
from ..messages import Result
from .process import Process
from .variables import Variable, take_apart

MOST_ANALYSES = 64


@dataclass(frozen=True, slots=True)
class Prepared:
    """A result that is fit for the archive."""

    result: Result
    tables: Mapping[str, list[Variable]]

    @property
    def nbytes(self) -> int:
        """Bytes that it may take in the file, texts and axes with it."""
        sizes = (
            variable.values.nbytes + sum(axis.values.nbytes for axis in variable.axes.values())
            for variables in self.tables.values()
            for variable in variables
        )
        said = len(repr(self.result.provenance)) + len(self.result.error or "")
        return int(1.02 * sum(sizes)) + 4 * said + (1 << 16)


class Results:
    """All results of one run."""

    def __init__(self, entry: h5py.Group, want: Callable[[int], None]) -> None:
        """`want` makes sure of bytes on the disk before they are written."""
        self._entry = entry
        self._want = want
        self._processes: dict[str, Process] = {}

    def prepare(self, result: Result) -> Prepared:
        """Take a result apart without writing anything; WireError `bad_result` if it can't be."""
        process = self._processes.get(result.analysis)
        if process is None and len(self._processes) >= MOST_ANALYSES:
            raise WireError("bad_result", f"more than {MOST_ANALYSES} analyses in one run")
        tables: dict[str, list[Variable]] = defaultdict(list)
        if result.error is None:
            for variable in take_apart(result):
                tables[variable.table].append(variable)
            if process is not None:
                process.check(tables)
        return Prepared(result, tables)

    def put(self, prepared: Prepared) -> None:
        """Write a prepared result."""
        name = prepared.result.analysis
        process = self._processes.get(name)
        if process is None:
            process = Process(self._entry, prepared.result, len(self._processes) + 1, self._want)
            self._processes[name] = process
        process.put(prepared.result, prepared.tables)

    def save(self) -> None:
        """Write what was held back."""
        for process in self._processes.values():
            process.save()
