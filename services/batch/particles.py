"""`beamside batch particles`: slices of electrodes, each by itself or as one volume."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np

from ...analysis import operators
from ...analysis.particles.finder import ParticleFinder
from ...analysis.particles.model import card_of
from ...stream.messages import Result
from .columns import columns_of, rows_of
from .items import Gathered
from .particle_settings import parted
from .particle_volume import VolumeBatch, is_volume
from .technique import Batch, Done, Once, Row, Settings, Wish

SLICES = (
    "frame", "file", "place", "error", "pixel_y_nm", "pixel_x_nm", "particles", "covered",
    "diameter_median", "length_unit", "note",
)  # fmt: skip


@dataclass(slots=True)
class Seen:
    """What the report needs of all slices."""

    rows: list[dict[str, Any]] = field(default_factory=list)
    """Of the table of slices."""
    diameters: list[np.ndarray] = field(default_factory=list)
    """Of the cross-sections of each slice; those that its edge cuts left out."""


class Particles:
    """The technique `particles`."""

    name = "particles"

    def __init__(self, settings: Settings) -> None:
        """Refuse what neither analysis nor report knows: LookupError, ValueError."""
        analysis, self.own = parted(settings)
        operator = operators.load(self.name, analysis)
        if not isinstance(operator, ParticleFinder):
            raise LookupError(f"the analysis {self.name!r} is another's; remove that plug-in")
        self.settings: Settings = {
            one.name: getattr(operator, one.name) for one in fields(operator)
        }
        self._columns: dict[str, None] = {}
        self.seen = Seen()
        self.volume: VolumeBatch | None = None

    def fingerprint(self) -> Mapping[str, Any]:
        """The network."""
        card = card_of(self.settings["model"])
        return {"model": str(card.facts.get("name")), "model_sha256": card.sha256}

    def arranged(self, gathered: Gathered, wish: Wish) -> Gathered:
        """All slices; of a volume cuts in every view, with one size of particles for all."""
        if not is_volume(gathered, wish, self.own):
            return gathered
        self.volume = VolumeBatch.of(gathered, wish, self.own)
        self.settings = {**self.settings, **self.volume.look(self.settings), "maps": False}
        return self.volume.gathered

    def again(
        self, frames: Iterator[Done], batch: Batch, once: Once, *, apply: bool
    ) -> tuple[Mapping[int, Settings], list[Result]]:
        """Nothing is analysed twice; of a volume labels, features and what they say are made."""
        del apply
        if self.volume is None:
            for done in frames:
                self._columns |= dict.fromkeys(columns_of(done.result.data, "particle"))
            return {}, []
        return {}, self.volume.results(frames, batch, once)

    def columns(self) -> Mapping[str, Sequence[str]]:
        """Of the tables of slices and, without a volume, of particles."""
        if self.volume is not None:
            return {"slices": SLICES}
        return {
            "slices": SLICES,
            "particles": ["frame", "file", "place", *self._columns, "length_unit"],
        }

    def tables(self, done: Done) -> Mapping[str, Sequence[Row]]:
        """The rows of a slice."""
        data, item = done.result.data, done.item
        where = {"frame": done.number, "file": item.name, "place": item.index}
        y, x = item.pixel_size or (None, None)
        row: dict[str, Any] = {**where, "pixel_y_nm": y, "pixel_x_nm": x}
        particles: list[Row] = []
        if done.result.error is not None:
            row["error"] = done.result.error
        else:
            unit = {"length_unit": str(data["y"].attrs["units"])}
            row |= _counted(data, unit)
            whole = data["particle_edge"].values == 0
            self.seen.diameters.append(data["particle_diameter"].values[whole])
            if self.volume is None:
                particles = [{**where, **one, **unit} for one in rows_of(data, "particle")]
        self.seen.rows.append(row)
        return {"slices": [row]} | ({} if self.volume else {"particles": particles})

    def worth_drawing(self, most: int) -> list[int]:
        """Slices spread evenly over all views, or those with most particles."""
        good = [row for row in self.seen.rows if not row.get("error")]
        if self.volume is None:
            good = sorted(good, key=lambda row: -row["particles"])[:most]
            return sorted(int(row["frame"]) for row in good)
        chosen: set[int] = set()
        views = sorted({row["file"] for row in good})
        for n, view in enumerate(views):
            own = [int(row["frame"]) for row in good if row["file"] == view]
            many = most // len(views) + (n < most % len(views))
            chosen |= {own[(2 * k + 1) * len(own) // (2 * many)] for k in range(many)}
        return sorted(chosen)

    def draw(self, image: np.ndarray, result: Result, stem: Path) -> list[Path]:
        """The slice with its outlines."""
        from ..reports.particles_slice import draw

        return draw(image, result, stem)

    def report(self, batch: Batch) -> Path:
        """Write the page."""
        from ..reports.particles_page import write

        return write(batch, self.seen, self.volume)


def technique(settings: Settings) -> Particles:
    """Make the technique with these settings of the analysis and of what follows it."""
    return Particles(settings)


def _counted(data: Any, unit: Mapping[str, str]) -> dict[str, Any]:
    diameters = data["particle_diameter"].values
    return {
        "particles": int(data["count"].values[0]),
        "covered": float(data["covered"].values[0]),
        "diameter_median": float(np.median(diameters)) if diameters.size else None,
        **unit,
        "note": str(data.attrs.get("note", "")).replace("frame 0: ", ""),
    }
