"""Cross-sections joined to a volume of labels in a file: fused from several views, or linked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from ... import __version__
from ...analysis.particles.bodies import bodies
from ...analysis.particles.extent import Extent
from ...analysis.particles.fusion import Fusion, Plan
from ...analysis.particles.linking import Linking
from ...analysis.particles.sections import VIEWS, Sections
from ...stream.labelvolume import LabelVolume
from ...stream.unfinished import Unfinished

Tell = Callable[[str, int, int], None]
"""Told what is being done, how much of it is done, and of how much; may raise to end it."""


@dataclass(frozen=True)
class Joining:
    """How cross-sections become particles."""

    method: str = "fusion"
    """fusion, or linking"""
    fusion: Fusion = field(default_factory=Fusion)
    linking: Linking = field(default_factory=Linking)

    def __call__(
        self,
        sections: Sections,
        out: Path,
        work: Unfinished,
        lineage: dict[str, Any],
        tell: Tell,
        labels: np.ndarray | None = None,
    ) -> xr.Dataset:
        """Write the volume to `out`; give its table. What was done is added to `lineage`.

        `labels` [z, y, x], if given, takes the labels too.
        """
        draw = self._fused if self.method == "fusion" else self._linked
        return draw(sections, out, work, lineage, tell, labels)

    def _fused(
        self,
        sections: Sections,
        out: Path,
        work: Unfinished,
        lineage: dict[str, Any],
        tell: Tell,
        copy: np.ndarray | None,
    ) -> xr.Dataset:
        plan = self.fusion.plan(sections)
        lineage["method"] = "views fused to the fixed points of ways to centroids"
        lineage["fusion"] = {**asdict(self.fusion), "stride": plan.grid.stride}
        lineage["notes"] += plan.extent.notes
        rest = _rest(plan, work, tell)
        volume = plan.volume(rest[slab] for slab in plan.slabs)
        coverage, total = volume.coverage(rest), np.zeros((volume.particles + 1, 5))
        with LabelVolume(out, plan.extent.shape, _known(plan.extent)) as file:
            for number, (first, labels, sums) in enumerate(volume.labels(rest, coverage), 1):
                file.put(first, labels)
                if copy is not None:
                    copy[first : first + len(labels)] = labels
                total += sums
                tell("drawn", number, len(plan.blocks))
            table = bodies(total, plan.extent, coverage.share(plan.grid.seen))
            return _finished(file, table, lineage)

    def _linked(
        self,
        sections: Sections,
        out: Path,
        work: Unfinished,
        lineage: dict[str, Any],
        tell: Tell,
        copy: np.ndarray | None,
    ) -> xr.Dataset:
        del work
        linked = self.linking.link(sections)
        lineage["method"] = f"cross-sections of {VIEWS[linked.view]} slices linked by assignment"
        lineage["linking"] = asdict(self.linking)
        lineage["notes"] += linked.extent.notes
        many = linked.extent.shape[linked.view]
        with LabelVolume(out, linked.extent.shape, _known(linked.extent)) as file:
            for index in range(many):
                plane = linked.plane(index)
                file.put_plane(linked.view, index, plane)
                if copy is not None:
                    np.moveaxis(copy, linked.view, 0)[index] = plane
                tell("drawn", index + 1, many)
            return _finished(file, bodies(linked.sums(), linked.extent), lineage)


def _rest(plan: Plan, work: Unfinished, tell: Tell) -> np.ndarray:
    """Places of rest of all cells, on the disk; slabs that are there are not computed again."""
    name = f"rest-{plan.grid.stride}-{plan.slabs[0].stop}"
    rest = work.mapped(name, plan.grid.shape, np.dtype(np.int32))
    for number, slab in enumerate(plan.slabs):
        if not work.has(f"{name}-{number}"):
            rest[slab] = plan.rest(slab)
            rest.flush()  # type: ignore[attr-defined]  # a mapped array
            work.put(f"{name}-{number}", {})
        tell("fused", number + 1, len(plan.slabs))
    return rest


def _finished(file: LabelVolume, table: xr.Dataset, lineage: dict[str, Any]) -> xr.Dataset:
    table.attrs |= {key: lineage[key] for key in ("method", "slices")}
    if lineage["notes"]:
        table.attrs["note"] = "; ".join(lineage["notes"])
    file.finish(table, lineage, __version__)
    return table


def _known(extent: Extent) -> tuple[float, float, float] | None:
    return extent.pixel if all(extent.pixel) else None
