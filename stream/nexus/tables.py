"""Tables in the archive: columns of one length, a dataset each, that grow result by result."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import h5py
import numpy as np

from ..errors import WireError
from .columns import CHUNK_BYTES, growing, plain_text, put_attributes
from .names import free_name
from .variables import Axis, Variable

MOST_VARIANTS = 64
"""Shapes, types, units or axes in which one variable may come."""


class Column:
    """One variable as it came first; what differs from it in kind is another column.

    Small rows wait in memory until there are enough of them, or until `save`.
    """

    def __init__(self, like: Variable, dataset: h5py.Dataset, want: Callable[[int], None]) -> None:
        self._like = like
        self._meaning = like.meaning
        self._want = want
        self._dataset = dataset
        self._waiting: list[np.ndarray] = []
        self._waiting_bytes = 0
        self._first = 0
        """The row of the first that waits."""
        self._next = 0
        """The row after the last that came."""

    def fits(self, variable: Variable) -> bool:
        """Whether rows of `variable` can go on here."""
        like = self._like
        return (
            like.ours == variable.ours
            and like.dims == variable.dims
            and like.values.shape[1:] == variable.values.shape[1:]
            and _kind(like.values) == _kind(variable.values)
            and like.axes.keys() == variable.axes.keys()
            and self._meaning == variable.meaning
            and all(_same(like.axes[dim], variable.axes[dim]) for dim in like.axes)
        )

    def put(self, first: int, values: np.ndarray) -> None:
        """Take rows from `first` on."""
        if not values.size:
            return
        if first != self._next:
            self.write()
        if not self._waiting:
            self._first = first
        self._waiting.append(values)
        self._waiting_bytes += values.nbytes
        self._next = first + len(values)
        if self._waiting_bytes >= CHUNK_BYTES:
            self.write()

    def write(self) -> None:
        """Write what waits; texts that are too long widen the column."""
        if not self._waiting:
            return
        values = np.concatenate(self._waiting)
        if values.dtype.kind == "S":
            width = max(values.dtype.itemsize, self._dataset.dtype.itemsize)
            values = values.astype(h5py.string_dtype("utf-8", width))
            if width > self._dataset.dtype.itemsize:
                self._widen(width)
        self._dataset.resize(self._next, 0)
        self._dataset[self._first :] = values
        self._waiting.clear()
        self._waiting_bytes = 0

    def save(self, rows: int) -> None:
        """Write what waits, and make the column as long as its table."""
        self.write()
        if self._dataset.shape[0] != rows:
            self._dataset.resize(rows, 0)

    def _widen(self, width: int) -> None:
        old, name = self._dataset, self._dataset.name
        self._want(old.size * width)
        group = old.parent
        wide = growing(group, f"{name}~", old.shape[1:], h5py.string_dtype("utf-8", width))
        wide.resize(old.shape)
        wide[...] = old[...].astype(wide.dtype)
        for key, value in old.attrs.items():
            wide.attrs[key] = value
        del group[name]
        group.move(wide.name, name)
        self._dataset = wide


def _kind(values: np.ndarray) -> str:
    return "S" if values.dtype.kind == "S" else values.dtype.str


def _same(one: Axis, other: Axis) -> bool:
    a, b = one.values, other.values
    if a is b:
        return True
    return a.shape == b.shape and a.dtype.kind == b.dtype.kind and a.tobytes() == b.tobytes()


Place = Callable[[Variable], h5py.Dataset]
"""Makes the dataset of a new column, empty."""


class Table:
    """Columns of one length; a result without some of them leaves fill values there."""

    def __init__(self, place: Place, want: Callable[[int], None]) -> None:
        self.rows = 0
        self._want = want
        self._place = place
        self._columns: dict[str, list[Column]] = {}
        self._ragged = False

    def check(self, variables: Sequence[Variable]) -> None:
        """Refuse what would make columns without end; WireError `bad_result`."""
        for variable in variables:
            columns = self._columns.get(variable.name, [])
            if len(columns) >= MOST_VARIANTS and self._find(variable) is None:
                raise WireError(
                    "bad_result",
                    f"{variable.name[:63]!r} came in {MOST_VARIANTS} shapes, units or axes already",
                )

    def put(self, variables: Sequence[Variable], offsets: Mapping[str, int]) -> None:
        """Append the rows of `variables`; `offsets` are the rows that tables had before."""
        rows = len(variables[0].values)
        for variable in variables:
            column = self._find(variable) or self._new(variable)
            values = variable.values
            if variable.refers:
                values = np.where(values >= 0, values + offsets[variable.refers], values)
            column.put(self.rows, values)
        self.rows += rows
        self._ragged = True

    def _find(self, variable: Variable) -> Column | None:
        columns = self._columns.get(variable.name, ())
        return next((column for column in columns if column.fits(variable)), None)

    def _new(self, variable: Variable) -> Column:
        none = np.empty((0, *variable.values.shape[1:]), variable.values.dtype)
        axes = {dim: Axis(axis.values.copy(), {}) for dim, axis in variable.axes.items()}
        column = Column(
            replace(variable, values=none, axes=axes), self._place(variable), self._want
        )
        self._columns.setdefault(variable.name, []).append(column)
        return column

    def save(self) -> None:
        """Write what waits, and make all columns one length."""
        if not self._ragged:
            return
        for columns in self._columns.values():
            for column in columns:
                column.save(self.rows)
        self._ragged = False


def place_column(group: h5py.Group, variable: Variable) -> h5py.Dataset:
    """Make the empty dataset of `variable` and its axes in `group`, attributes and all."""
    axes = {dim: put_axis(group, dim, axis) for dim, axis in variable.axes.items()}
    values = variable.values
    name = free_name(variable.name, group)
    dataset = growing(group, name, values.shape[1:], values.dtype)
    put_attributes(dataset, variable.attrs)
    dataset.attrs["name"] = plain_text(variable.name)
    dataset.attrs["dims"] = [plain_text(dim) for dim in (variable.table, *variable.dims)]
    if axes:
        dataset.attrs["row_axes"] = [basename(axes[d]) if d in axes else "" for d in variable.dims]
    if variable.coordinate:
        dataset.attrs["coordinate"] = True
    return dataset


def put_axis(group: h5py.Group, dim: str, axis: Axis) -> h5py.Dataset:
    """Write the coordinate of a dimension beside what it belongs to; again only if it differs."""
    for dataset in group.values():
        if dataset.attrs.get("axis_of") == plain_text(dim) and _same(Axis(dataset[...], {}), axis):
            return dataset
    dataset = group.create_dataset(free_name(dim, group), data=axis.values)
    put_attributes(dataset, axis.attrs)
    dataset.attrs["axis_of"] = plain_text(dim)
    return dataset


def basename(item: h5py.HLObject) -> str:
    """Give the last part of a path in the file."""
    return str(item.name).rpartition("/")[2]
