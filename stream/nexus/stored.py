"""The variables of an analysis as they lie in the file."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import h5py

from .columns import RESERVED
from .tables import basename

OURS = ("name", "dims", "row_axes", "coordinate", "axis_of", "interpretation", "target")


@dataclass(frozen=True, slots=True)
class Stored:
    """One variable of an analysis as it lies in the file."""

    name: str
    dims: tuple[str, ...]
    """The first is what a row is."""
    dataset: h5py.Dataset
    coordinate: bool

    @property
    def axes(self) -> dict[str, h5py.Dataset]:
        """The coordinates of its dimensions."""
        names = self.dataset.attrs.get("row_axes", ())
        group = self.dataset.parent
        return {d: group[str(n)] for d, n in zip(self.dims[1:], names, strict=False) if n}


def stored(process: h5py.Group) -> Iterator[Stored]:
    """Give the variables of an analysis, the archive's own columns about frames first."""
    groups = [
        process["frames"],
        *(g for g in process.values() if g.name != f"{process.name}/frames"),
    ]
    for group in groups:
        for dataset in group.values() if isinstance(group, h5py.Group) else ():
            attrs = dataset.attrs
            linked = "target" in attrs and attrs["target"] != f"{group.name}/{basename(dataset)}"
            if "dims" in attrs and not linked:
                dims = tuple(str(dim) for dim in attrs["dims"])
                yield Stored(str(attrs["name"]), dims, dataset, "coordinate" in attrs)


def attributes(dataset: h5py.Dataset) -> dict[str, Any]:
    """Give the attributes that an analysis wrote."""
    named = {}
    for key, value in dataset.attrs.items():
        if key not in OURS:
            bare = key.removesuffix("_")
            named[bare if bare in RESERVED or bare.startswith("_") else key] = value
    return named
