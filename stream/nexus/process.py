"""One analysis in the archive: its NXprocess, and the plots and tables of what it found."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import h5py
import numpy as np

from ..messages import Result
from .columns import LONGEST_ATTRIBUTE, TextLog, put_text, to_json
from .names import free_name, moment
from .tables import MOST_VARIANTS, Table, basename, place_column, put_axis
from .tree import put_group
from .variables import FRAME, UNKNOWN, Variable

TAKEN = (
    *("data", "frames", "far_frames", "far_data", "end_time", "end_time_estimated"),
    *("definition", "sample", "sampleID", "source"),
)
"""Names in the entry that may still be needed."""
KIND_OF_ROW = {1: "scalar", 2: "spectrum", 3: "image"}


class Process:
    """What one analysis found."""

    def __init__(
        self, entry: h5py.Group, result: Result, index: int, want: Callable[[int], None]
    ) -> None:
        self._entry = entry
        self._want = want
        name = free_name(result.analysis, {*entry, *TAKEN})
        self._group = group = put_group(entry, name, "NXprocess")
        version = result.provenance.get("version", "")
        put_text(group, "program", f"beamside {result.analysis}")
        put_text(group, "version", str(version))
        put_text(group, "date", moment(result.done_ns).isoformat())
        group["sequence_index"] = index
        settings = result.provenance.get("settings")
        _put_settings(put_group(group, "settings", "NXparameters"), settings)
        self._provenance = put_group(group, "provenance", "NXcollection")
        self._provenances: dict[bytes, int] = {}
        self._frames = put_group(group, "frames", "NXcollection")
        self._errors = TextLog(self._frames, "errors", "why there is no result: JSON lines")
        self._notes = TextLog(self._frames, "notes", "attributes as they changed: JSON lines")
        self._attributes: dict[str, bytes] = {}
        self._tables: dict[str, Table] = {}
        self._groups: dict[str, h5py.Group] = {}

    def check(self, tables: Mapping[str, list[Variable]]) -> None:
        """Refuse what would make columns without end; WireError `bad_result`."""
        for name, variables in tables.items():
            if name in self._tables:
                self._tables[name].check(variables)

    def put(self, result: Result, prepared: Mapping[str, list[Variable]]) -> None:
        """Append a result as its variables by table, or why there is none."""
        provenance = self._provenance_of(result)
        if result.error is not None:
            said = {"frames": result.frames, "error": result.error, "done_time": result.done_ns}
            self._errors.add(to_json(said | {"provenance": provenance}))
            return
        tables = {FRAME: _about_frames(result, provenance)}
        for name, variables in prepared.items():
            tables[name] = tables.get(name, []) + variables
            self._tables.setdefault(name, Table(self._place, self._want))
        self._tables.setdefault(FRAME, Table(self._place, self._want))
        offsets = {name: table.rows for name, table in self._tables.items()}
        for name, variables in tables.items():
            self._tables[name].put(variables, offsets)
        labels = result.labels
        self._note("", result, labels.attrs)
        for key, variable in labels.variables.items():
            self._note(str(key), result, variable.attrs)

    def save(self) -> None:
        """Write what was held back, and make all columns of a table one length."""
        self._errors.save()
        self._notes.save()
        for table in self._tables.values():
            table.save()

    def _provenance_of(self, result: Result) -> int:
        """Give which of the texts in `provenance` holds for a result, from 1; 0 = too many."""
        said = to_json(result.provenance)
        index = self._provenances.get(said)
        if index is None:
            if len(self._provenances) >= MOST_VARIANTS:
                return 0
            put_text(self._provenance, free_name("json", self._provenance), said.decode())
            index = self._provenances[said] = len(self._provenances) + 1
        return index

    def _note(self, name: str, result: Result, attributes: Mapping[Any, Any]) -> None:
        """Log attributes that differ from those of the result before; the first are in place."""
        said = to_json(attributes)
        in_place = b"{}" if not name or len(said) > LONGEST_ATTRIBUTE else said
        if said != self._attributes.setdefault(name, in_place):
            self._attributes[name] = said
            line = {"frames": result.frames, "variable": name, "attrs": attributes}
            self._notes.add(to_json(line))

    def _place(self, variable: Variable) -> h5py.Dataset:
        if variable.table != FRAME:
            return place_column(self._group_of(variable.table), variable)
        if variable.ours:
            dataset = place_column(self._frames, variable)
            dataset.attrs["target"] = dataset.name
            return dataset
        numeric = variable.values.dtype.kind != "S"
        group = put_group(
            self._group,
            free_name(variable.name, self._group),
            "NXdata" if numeric else "NXcollection",
        )
        dataset = place_column(group, variable)
        if numeric:
            self._plot(group, dataset, variable)
        return dataset

    def _group_of(self, table: str) -> h5py.Group:
        if table not in self._groups:
            name = free_name(table, self._group)
            self._groups[table] = put_group(self._group, name, "NXcollection")
        return self._groups[table]

    def _plot(self, group: h5py.Group, dataset: h5py.Dataset, variable: Variable) -> None:
        """Say how to plot an NXdata; the run's first image is what the file shows by default."""
        frame = free_name(FRAME, group)
        group[frame] = self._frames[FRAME]
        axes = [frame]
        for dim in variable.dims:
            axis = variable.axes.get(dim)
            plain = axis is not None and axis.values.dtype.kind in "iuf"
            axes.append(basename(put_axis(group, dim, axis)) if axis and plain else ".")
        group.attrs["signal"] = basename(dataset)
        group.attrs["axes"] = axes
        for index, name in enumerate(axes):
            if name != ".":
                group.attrs[f"{name}_indices"] = index
        interpretation = KIND_OF_ROW.get(dataset.ndim, "image")
        dataset.attrs["interpretation"] = interpretation
        if self._group.attrs.get("default") is None:
            self._group.attrs["default"] = basename(group)
        process = self._entry.get(self._entry.attrs.get("default", ""))
        shown = process is not None and process.attrs["NX_class"] == "NXprocess"
        if interpretation == "image" and not shown:
            self._group.attrs["default"] = basename(group)
            self._entry.attrs["default"] = basename(self._group)


def _put_settings(group: h5py.Group, settings: object) -> None:
    for key, value in settings.items() if isinstance(settings, Mapping) else ():
        name = free_name(str(key), group)
        if isinstance(value, bool | int | float) and abs(value) < 1 << 63:
            group[name] = value
        else:
            text = value if isinstance(value, str) else to_json(value).decode()
            put_text(group, name, text)


def _about_frames(result: Result, provenance: int) -> list[Variable]:
    count = len(result.frames)
    times = {
        "received_time": (result.received_ns, "arrival of the oldest frame of the result"),
        "detector_time": (result.detector_ns, "exposure's end of the oldest frame of the result"),
        "done_time": (result.done_ns, "Unix time at which the analysis was done"),
    }
    facts = [
        Variable(
            FRAME,
            FRAME,
            (),
            np.array(result.frames, np.int64),
            {"long_name": "frame number"},
            ours=True,
        ),
        Variable(
            "provenance",
            FRAME,
            (),
            np.full(count, provenance, np.int32),
            {"long_name": "which of the texts in `provenance` holds, from 1"},
            ours=True,
        ),
    ]
    for name, (time, words) in times.items():
        values = np.full(count, time if time and 0 < time < UNKNOWN else UNKNOWN, np.int64)
        attrs = {"units": "ns", "long_name": words}
        facts.append(Variable(name, FRAME, (), values, attrs, ours=True))
    return facts
