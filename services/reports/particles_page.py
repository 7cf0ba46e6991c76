"""The report of a batch of particles as a page."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from ...analysis.particles.flags import WORDS, Flag, doubtful
from .ending import made, plainly, without_result
from .page import Page
from .particles_network import evolution_figure, graph_figure
from .particles_scene import cuts_figure, scene_figure, scenes
from .particles_table import depth_figure, diameters_figure, shells_figure, sizes_figure
from .particles_why import beeswarm_figure, dependence_figure
from .style import drawing, save

if TYPE_CHECKING:
    from ..batch.particle_volume import VolumeBatch
    from ..batch.particles import Seen
    from ..batch.technique import Batch

PAGE = "report.html"
FOLDER = "figures"
COLOURED = ("damage", "diameter", "sphericity", "contact")
"""Features that the scenes are coloured by."""
MOST_ROWS = 500
FILES = {
    "labels.nxs": "the volume of labels, its table, and where it comes from, as NeXus (HDF5)",
    "particles.csv": "a row a particle: its label and every feature, with units",
    "slices.csv": "a row a slice: view, place, particles, errors",
    "particles.nxs": "everything else: outlines of all slices, tables, forests, network evolution",
}
WHY = "What goes with damage"


def write(batch: Batch, seen: Seen, volume: VolumeBatch | None) -> Path:
    """Write report.html into the folder of the batch, its pictures beside it."""
    page = Page(f"Particles: {batch.title}")
    pictures = Pictures(batch.out)
    _top(page, batch, seen, volume)
    if volume is None:
        _slices(page, pictures, seen)
    else:
        _volume(page, pictures, volume)
        _damage(page, pictures, volume)
        _why(page, pictures, volume)
        _network(page, pictures, volume)
    _outlines(page, batch)
    without_result(page, batch, seen.rows, "slice")
    made(page, batch, FILES)
    if volume is not None and volume.features is not None:
        page.heading("How particles were measured")
        told = {key: value for key, value in volume.features.attrs.items() if key != "title"}
        page.table(("setting", "value"), plainly(told))
    pictures.tidy()
    path = batch.out / PAGE
    aside = path.with_name(f".{PAGE}.part")
    aside.write_text(page.html(), encoding="utf-8")
    aside.replace(path)
    return path


class Pictures:
    """Figures of the report, in a folder beside it."""

    def __init__(self, out: Path) -> None:
        self._folder = out / FOLDER
        self._folder.mkdir(exist_ok=True)
        self._drawn: set[str] = set()

    def __call__(self, name: str, make: Callable[[], Figure], caption: str) -> tuple[str, str]:
        """Draw one: its file for the page, and the caption."""
        path = self._folder / f"{name}.png"
        with drawing():
            save(make(), path)
        self._drawn.add(path.name)
        return f"{FOLDER}/{path.name}", caption

    def tidy(self) -> None:
        """Remove what an earlier report drew and this one did not."""
        for path in self._folder.iterdir():
            if path.name not in self._drawn:
                path.unlink()


def _top(page: Page, batch: Batch, seen: Seen, volume: VolumeBatch | None) -> None:
    without = len(batch.failed) + sum(bool(row.get("error")) for row in seen.rows)
    facts: dict[str, Any] = {"slices": len(batch.gathered.items), "without a result": without}
    facts["files left out"] = len(batch.gathered.refused)
    table = None if volume is None else volume.features
    if volume is not None and volume.joined is not None:
        facts["particles"] = int(volume.joined.sizes.get("particle", 0))
    elif volume is None:
        facts["cross-sections"] = sum(int(row.get("particles", 0)) for row in seen.rows)
    if table is not None:
        facts["median diameter, µm"] = f"{float(np.median(table['particle_diameter'])):.3g}"
        damage = table["particle_damage"].values[~doubtful(table)]
        facts["mean damage"] = f"{float(damage.mean()):.3f}" if damage.size else ""
    page.facts(facts)
    for words in batch.words:
        page.text(words)
    if without or batch.gathered.refused:
        page.text("Some slices or files have no result; the section below names each.", "alarm")


def _slices(page: Page, pictures: Pictures, seen: Seen) -> None:
    page.section("Slices")
    units = {str(row["length_unit"]) for row in seen.rows if "length_unit" in row}
    known = np.concatenate([np.zeros(0), *seen.diameters])
    if len(units) == 1 and known.size:
        unit = units.pop()
        words = "Diameters of the cross-sections that no edge cuts. A cross-section is smaller "
        words += "than its particle: by a fifth on average for balls of one size."
        page.figures([pictures("diameters", lambda: diameters_figure(known, unit), words)])
    elif len(units) > 1:
        page.text("Some slices say no pixel size: sizes are not put together.", "alarm")
    head = ("slice", "file", "place", "particles", "covered", "median diameter", "unit", "note")
    keys = ("frame", "file", "place", "particles", "covered", "diameter_median", "length_unit")
    rows = [
        [*(_cell(row.get(key)) for key in keys), row.get("error") or row.get("note") or ""]
        for row in seen.rows[:MOST_ROWS]
    ]
    page.table(head, rows)
    if len(seen.rows) > MOST_ROWS:
        page.text(f"The first {MOST_ROWS} of {len(seen.rows)}; all are in slices.csv.", "soft")
    page.text(
        "Slices that are a volume give more: damage, features, and what goes with it "
        "(--set volume=true).",
        "soft",
    )


def _cell(value: Any) -> Any:
    return "" if value is None or value != value else value


def _volume(page: Page, pictures: Pictures, volume: VolumeBatch) -> None:
    page.section("The volume")
    table = volume.features if volume.features is not None else volume.joined
    if table is None or volume.labels is None or not table.sizes.get("particle"):
        page.text("No particle was found: there is nothing to draw.", "alarm")
        return
    labels, voxel = volume.labels, volume.voxel or (1.0, 1.0, 1.0)
    names = [name for name in COLOURED if f"particle_{name}" in table]
    seen = scenes(labels, voxel)
    for name in names:
        words = f"From outside, whole and with the nearest corner cut out, by {name}. z is up."
        make = _bound(scene_figure, seen, table, name, labels)
        page.figures([pictures(f"scene-{name}", make, words)])
    make = _bound(cuts_figure, volume.stack.values, labels, voxel, table, names[0])
    words = f"Cuts through the middle of the volume; labels over grey values, by {names[0]}."
    page.figures([pictures("cuts", make, words)])
    make = _bound(sizes_figure, table)
    words = "All particles but doubtful ones; the median is that of those that no face cuts."
    page.figures([pictures("sizes", make, words)])
    if volume.features is not None:
        _flags(page, table)


def _bound(draw: Callable[..., Figure], *given: Any) -> Callable[[], Figure]:
    return lambda: draw(*given)


def _flags(page: Page, table: xr.Dataset) -> None:
    flags = table["particle_flags"].values
    rows = [
        (str(flag.name).lower().replace("_", " "), int((flags & flag != 0).sum()), WORDS[flag])
        for flag in Flag
        if (flags & flag != 0).any()
    ]
    if rows:
        page.text("Features that are undefined are left empty in the table, and this is why:")
        page.table(("reason", "particles", "in words"), rows)


def _damage(page: Page, pictures: Pictures, volume: VolumeBatch) -> None:
    page.section("Damage")
    table = volume.features
    if table is None:
        page.text("Nothing is known of damage without the size of a voxel.")
        return
    below = table.attrs.get("crack_below")
    page.text(
        "Damage is the volume of cracks over that of the particle with its cracks. Labelled voxels "
        f"darker than {below:.4g} are cracks, half way between particles and what is around them."
        if isinstance(below, float)
        else "Damage is the volume of cracks over that of the particle with its cracks."
    )
    page.figures(
        [
            pictures(
                "depth",
                lambda: depth_figure(volume.depth),
                "Mean damage with its standard error, and how many particles; below, by the shell "
                "of the particle. Left versus depth, right in rings around the middle.",
            )
        ]
    )
    page.figures(
        [
            pictures(
                "shells",
                lambda: shells_figure(table),
                "From the surface of particles to their core; those that a face cuts left out.",
            )
        ],
        "small",
    )


def _why(page: Page, pictures: Pictures, volume: VolumeBatch) -> None:
    page.section(WHY)
    why = volume.why
    if why is None:
        page.text("Nothing was explained: the reason is at the top of the page.")
        return
    oob = float(np.nanmean(why["r2_oob"].sel(kind="seed").values))
    folds = float(why["r2_cv"].mean()) if "r2_cv" in why else float("nan")
    chance = float(why["r2_by_chance"].mean()) if "r2_by_chance" in why else float("nan")
    page.facts(
        {
            "particles": why.attrs["particles"],
            "R² out of bag": f"{oob:.2f}",
            "R² cross-validated": f"{folds:.2f}",
            "R² by chance": f"{chance:.2f}",
            "p": f"{float(why['p_value']):.2g}" if "p_value" in why else "",
        }
    )
    if folds < 0.1:
        page.text(
            "The forest explains next to nothing of the damage of particles that it has not seen: "
            "read what follows as noise.",
            "alarm",
        )
    page.figures(
        [
            pictures(
                "beeswarm",
                lambda: beeswarm_figure(why),
                "A dot a particle. Right: mean over repeats with their spread; the dashed line is "
                "the largest that shuffled damage gives.",
            )
        ]
    )
    page.figures(
        [
            pictures(
                "dependence",
                lambda: dependence_figure(why),
                "How the share goes with the value. `turns`: what no rising and no falling curve "
                "explains of it, 0 for a monotonic effect, about .6 for a U.",
            )
        ]
    )
    if "note" in why.attrs:
        page.text(f"{why.attrs['note']}.", "soft")


def _network(page: Page, pictures: Pictures, volume: VolumeBatch) -> None:
    page.section("The network of contacts")
    network, table = volume.network, volume.features
    if network is None or table is None:
        page.text("No network was cycled: the reason is at the top of the page.")
        return
    touching = int(network.sizes["contact"])
    parts = int(network["particle_part"].max()) + 1
    page.text(
        f"{table.sizes['particle']} particles, {touching} contacts, {parts} connected parts. What "
        "follows is beamside's own conductance-activity-damage model, not that of a publication."
    )
    page.figures(
        [
            pictures(
                "graph",
                lambda: graph_figure(network, table),
                "Particles as wide as they are, seen along y; contacts as wide as their area.",
            )
        ]
    )
    page.figures([pictures("evolution", lambda: evolution_figure(network), "Over the cycles.")])


def _outlines(page: Page, batch: Batch) -> None:
    page.section("Slices with outlines")
    if not batch.pictures:
        page.text("None were asked for, or there is no slice to draw.")
    for number, files in sorted(batch.pictures.items()):
        page.heading(f"slice {number}: {batch.gathered.items[number].label}")
        page.figures([(file, "") for file in files])
