"""Network evolution of a growing volume: what its particles would do to each other.

Half cycle by half cycle, to be played through on the page.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import xarray as xr

from .contacts import contacts
from .features import Features
from .growing import LOOK, column, section_damage
from .network import Network
from .scene import seams
from .sections import Sections
from .volume import ParticleVolume


@dataclass(frozen=True)
class ParticleNetwork:
    """Cycle the particles of a volume that grows; its state is that of `ParticleVolume`."""

    volume: ParticleVolume = field(default_factory=ParticleVolume)
    model: Network = field(default_factory=lambda: Network(cycles=10))

    def start(self) -> Sections:
        """Begin: no slice."""
        return self.volume.start()

    def add(self, state: Sections, said: xr.Dataset, numbers: Sequence[int]) -> Sections:
        """Take in what `ParticleFinder` said."""
        return self.volume.add(state, said, numbers)

    def merge(self, one: Sections, other: Sections) -> Sections:
        """Join the slices of two workers."""
        return self.volume.merge(one, other)

    def save(self, state: Sections) -> dict[str, np.ndarray]:
        """Give the state as arrays."""
        return self.volume.save(state)

    def restore(self, arrays: Mapping[str, np.ndarray]) -> Sections:
        """Take up what `save` gave; ValueError if it is something else."""
        return self.volume.restore(arrays)

    def finish(self, state: Sections) -> xr.Dataset:
        """Say how synchrony and damage evolve along `half_cycle`, and how it looks.

        `damage_view` [half_cycle, row, column] is the volume from outside by damage,
        `activity_view` by activity. Only a `note` where the size of a voxel is unknown.
        """
        title = "network evolution"
        found = self.volume.joined(state)
        if found is None or found.cell is None or not found.table.sizes["particle"]:
            words = "a network needs particles, and to know what a voxel measures"
            return xr.Dataset(attrs={"title": title, "note": words, "alarm": "none"})
        labels, cell = found.labels, found.cell
        shapes = Features(closing=min(cell) / 2, published=False)(labels, None, cell)
        damage = section_damage(found.sections, labels, found.stride)
        known = np.nan_to_num(damage[shapes["particle_label"].values])
        shapes["particle_damage"] = ("particle", known, shapes["particle_damage"].attrs)
        said = self.model(shapes, contacts(labels, cell))
        said = said.drop_vars(["particle_lithium", "voltage"])
        seen = LOOK(labels, cell)["seen"].values
        for name in ("damage", "activity"):
            views = _views(said, seen, name)
            named = {"long_name": f"particles from outside, by {name}", "units": "1"}
            said[f"{name}_view"] = (("half_cycle", "row", "column"), views, named)
        return said.assign_attrs(alarm="none")


def _views(said: xr.Dataset, seen: np.ndarray, name: str) -> np.ndarray:
    """The volume from outside at each half cycle, float32 [half cycle, row, column]."""
    seam = seams(seen)
    pictures = []
    for half in range(said.sizes["half_cycle"]):
        now = ("particle", said[f"particle_{name}"].values[half])
        one = column(seen, said[["particle_label"]].assign(now=now), "now")
        one[seam] = np.nan
        pictures.append(one.astype(np.float32))
    return np.stack(pictures)
