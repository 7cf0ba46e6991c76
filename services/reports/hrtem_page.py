"""The report of an HRTEM session as a page."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from matplotlib.figure import Figure

from ...analysis.hrtem.library import Library
from ...analysis.hrtem.session import SessionMap
from .ending import made, without_result
from .hrtem_session import fractions_figure, frames_figure, posterior_figure, spacings_figure
from .page import Page
from .style import drawing, save
from .words import formula

if TYPE_CHECKING:
    from ..batch.hrtem import Seen
    from ..batch.session import Sitting
    from ..batch.technique import Batch

PAGE = "report.html"
SESSION = "session"
"""Folder of the pictures of the whole session."""
SHOWN = 4
"""Magnifications whose posterior is drawn."""
CAPTIONS = {
    "map": "Image, phases and the posterior probability of each label. Grains bear their number in "
    "grains.csv; outlines are smoothed over a pixel of the map.",
    "spectrum": "Power over background. Circles are the spots found, Friedel pairs; indices stand "
    "on one side, arcs on the other show where the phases found would scatter.",
    "profile": "Radial profile: the maximum shows crystals, the mean what is amorphous. Peaks bear "
    "phase, indices and spacing.",
    "components": "The largest grains one by one: image, inverse Fourier transform of the grain's "
    "spots alone, and the heat map of their fringes over the whole field.",
}
FILES = {
    "frames.csv": "a row a frame: file, pixel size, counts, shares of the phases, errors",
    "grains.csv": "a row a grain: phase, probability, runner-up, zone axis, spacings, area, place",
    "spots.csv": "a row a spot: k, d, indices, signal to noise, the grain it belongs to",
    "hrtem.nxs": "everything, maps and spectra too, as NeXus (HDF5)",
}


def write(batch: Batch, seen: Seen, sittings: Sequence[Sitting], library: Library) -> Path:
    """Write report.html into the folder of the batch, its pictures beside it."""
    page = Page(f"HRTEM phases: {batch.title}")
    _top(page, batch, seen, sittings)
    _session(page, batch, seen, library)
    _calibration(page, batch, sittings)
    _pictures(page, batch)
    _frames(page, seen)
    without_result(page, batch, seen.rows, "frame")
    made(page, batch, FILES)
    path = batch.out / PAGE
    aside = path.with_name(f".{PAGE}.part")
    aside.write_text(page.html(), encoding="utf-8")
    aside.replace(path)
    return path


def _top(page: Page, batch: Batch, seen: Seen, sittings: Sequence[Sitting]) -> None:
    items = batch.gathered.items
    without = len(batch.failed) + sum(bool(row.get("error")) for row in seen.rows)
    page.facts(
        {
            "frames": len(items),
            "without a result": without,
            "files that can't be read": len(batch.gathered.refused),
            "grains": sum(seen.count.values()) + sum(seen.unscaled.values()),
            "grains with a phase": sum(seen.grains),
        }
    )
    page.text(f"Phases found: {_listed(seen.count) or 'none'}.")
    if likely := _listed(seen.unscaled):
        page.text(f"Without a pixel size, by ratios and angles alone, likely: {likely}.")
    for sitting in sittings:
        if sitting.found is not None and sitting.found.attrs["alarm"] != "none":
            page.text(f"{sitting.name}: {sitting.found.attrs['alarm']}.", "alarm")
    bare = sum(item.pixel_size is None for item in items)
    if bare:
        page.text(
            f"{bare} frames say no pixel size: lengths in them are in pixels, and phases are named "
            "by ratios and angles alone; they are not among the shares. Give --pixel-size if you "
            "know it.",
            "alarm",
        )
    if without or batch.gathered.refused:
        page.text("Some frames or files have no result; the section below names each.", "alarm")


def _listed(count: Mapping[str, int]) -> str:
    """Phases with their grains, those with most first."""
    named = Counter({name: many for name, many in count.items() if name != "unknown"})
    return ", ".join(f"{formula(name)} ({many} grains)" for name, many in named.most_common())


def _session(page: Page, batch: Batch, seen: Seen, library: Library) -> None:
    page.section("The session")
    if not len(seen.session.number):
        page.text("No frame is calibrated: shares and spacings are not known.")
        return
    said = SessionMap().finish(seen.session)
    names = [str(name) for name in said["phase"].values]
    kelvin = batch.settings["temperature"]
    rows = [
        (
            formula(name),
            100 * float(said["phase_fraction"].values[n]),
            100 * float(said["phase_fraction_sigma"].values[n]),
            100 * float(said["labelled_fraction"].values[n]),
            seen.count.get(name, 0),
        )
        for n, name in enumerate(names)
    ]
    rows.sort(key=lambda row: -row[1])
    figures = [
        _drawn(batch, "fractions", lambda: fractions_figure(said), "Share of each phase."),
        _drawn(
            batch,
            "spacings",
            lambda: spacings_figure(seen.spacings, names, kelvin, library),
            "Spacings of all spots, by the phase that they were given to.",
        ),
    ]
    page.figures([figure for figure in figures if figure])
    head = ("phase", "area by posterior, %", "standard error, %", "area by label, %", "grains")
    page.table(head, rows)
    page.text(
        f"Shares of {said.attrs['specimen_area_nm2']:.4g} nm² of specimen in "
        f"{said.attrs['frames']} frames. The standard error is the larger of the spread "
        "between frames (as if each showed another place; not known from one frame) and of the "
        "doubt about phases and edges in them, with as many grains missed or misread as in "
        "phantoms; not what shows no fringes anywhere.",
        "soft",
    )
    over = _drawn(
        batch, "frames", lambda: frames_figure(seen.rows, names), "Shares frame by frame."
    )
    if over:
        page.figures([over])


def _drawn(
    batch: Batch, name: str, make: Callable[[], Figure | None], caption: str
) -> tuple[str, str] | None:
    folder = batch.out / SESSION
    folder.mkdir(exist_ok=True)
    path = folder / f"{name}.png"
    with drawing():
        figure = make()
        if figure is None:
            path.unlink(missing_ok=True)
            return None
        save(figure, path)
    return f"{SESSION}/{path.name}", caption


def _calibration(page: Page, batch: Batch, sittings: Sequence[Sitting]) -> None:
    page.section("Calibration")
    origins = Counter(str(i.calibration.get("origin", "none")) for i in batch.gathered.items)
    page.table(("pixel size comes from", "frames"), origins.most_common())
    if not sittings:
        page.text("No frame says a pixel size: there is nothing to compare the crystals with.")
    for words in batch.words if len(sittings) <= SHOWN else ():
        page.text(words)
    rows = [_found(sitting) for sitting in sittings]
    if rows:
        head = (
            "header", "frames", "scale, %", "±", "height over width, %", "±", "shear, degrees",
            "±", "grains read", "grains seen", "p by chance", "what became of it",
        )  # fmt: skip
        page.table(head, rows)
        page.text(
            "Scale: the true pixel over the header's, less 1. p: the share of permuted azimuths "
            "that score as high. Once accepted, the shear is taken out of the places of the spots; "
            "maps keep the axes of the image.",
            "soft",
        )
    figures = [
        _drawn(
            batch,
            f"calibration-{n}",
            lambda found=sitting.found: posterior_figure(found),  # type: ignore[misc]
            f"What the crystals say of the scale: {sitting.name}.",
        )
        for n, sitting in enumerate(sittings[:SHOWN], 1)
    ]
    page.figures([figure for figure in figures if figure], "small")


def _found(sitting: Sitting) -> tuple[object, ...]:
    """A row of the table of calibrations."""
    found = sitting.found
    if found is None:
        return (sitting.name, len(sitting.frames), *[""] * 9, sitting.fate)
    values, sigma = found["calibration"].values, found["calibration_sigma"].values
    units = (100.0, 100.0, math.degrees(1.0))
    numbers = [
        float(round(unit * number, 3))
        for unit, pair in zip(units, zip(values, sigma, strict=True), strict=True)
        for number in pair
    ]
    said = found.attrs
    return (
        sitting.name,
        len(sitting.frames),
        *numbers,
        float(said["grains_used"]),
        said["grains_seen"],
        str(said["p_value"]),
        sitting.fate,
    )


def _pictures(page: Page, batch: Batch) -> None:
    page.section("Pictures")
    if not batch.pictures:
        page.text("None were asked for, or there is no frame to draw.")
    else:
        many = len(batch.pictures)
        page.text(
            f"{many} of {len(batch.gathered.items)} frames: of each phase the frame that shows "
            "most of it, then those with most grains. --pictures N draws more. A click gives the "
            "full size.",
            "soft",
        )
    for number, files in sorted(batch.pictures.items()):
        page.heading(f"frame {number}: {batch.gathered.items[number].label}")
        by_kind = {Path(file).stem.rpartition("-")[2]: file for file in files}
        for kind, caption in CAPTIONS.items():
            if kind in by_kind:
                page.figures([(by_kind[kind], caption)])


def _frames(page: Page, seen: Seen) -> None:
    page.section("Frames")
    head = ("frame", "file", "place", "spots", "grains", "with a phase", "phases", "note")
    rows = [
        (
            row["frame"],
            row["file"],
            row["place"],
            row.get("spots", ""),
            row.get("grains", ""),
            row.get("identified", ""),
            ", ".join(formula(name) for name in sorted(phases)),
            row.get("error") or row.get("note") or "",
        )
        for row, phases in zip(seen.rows, seen.phases, strict=True)
    ]
    page.table(head, rows)
