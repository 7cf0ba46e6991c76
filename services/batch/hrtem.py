"""`beamside batch hrtem`: phases of HRTEM images, a session at a time."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from ...analysis import operators
from ...analysis.hrtem.applied import WORDS
from ...analysis.hrtem.mapper import PhaseMapper
from ...analysis.hrtem.selfcal import SelfCalibration
from ...analysis.hrtem.session import SessionMap
from ...analysis.hrtem.session_state import Session, nothing
from ...analysis.hrtem.spacings import Spacings
from ...analysis.hrtem.uncalibrated import Uncalibrated
from ...stream.messages import Result
from ..library import chosen_folder, gifts
from .columns import columns_of, rows_of
from .items import Gathered, Item
from .session import Sitting, enough, sittings
from .technique import Batch, Done, Once, Row, Settings, Wish
from .unscaled import Unscaled

WHERE = ("frame", "file", "place")
UNIT = "length_unit"
FRAMES = (
    *WHERE, "error", "pixel_y_nm", "pixel_x_nm", "pixel_origin", UNIT, "grains", "identified",
    "spots", "labelled_spots", "scale_error", "scale_error_sigma", "note",
)  # fmt: skip
TOGETHER = ("session_phase", "session_probability")
"""Columns of grains without a scale: what all frames together make of them."""
NAMED = 5
"""Frames with the pixels of others that are named."""
POOL = SessionMap()
UNNAMED = ("vacuum", "amorphous", "unknown")


@dataclass(slots=True)
class Seen:
    """What the report needs of all frames."""

    rows: list[dict[str, Any]] = field(default_factory=list)
    """Of the table of frames."""
    grains: list[int] = field(default_factory=list)
    """Identified ones, by frame."""
    phases: list[frozenset[str]] = field(default_factory=list)
    session: Session = field(default_factory=nothing)
    spacings: Spacings = field(default_factory=Spacings)
    count: dict[str, int] = field(default_factory=dict)
    """Grains of each phase, `unknown` too, in frames with a pixel size."""
    unscaled: dict[str, int] = field(default_factory=dict)
    """The same in frames without one."""


class Hrtem:
    """The technique `hrtem`."""

    name = "hrtem"

    def __init__(self, settings: Settings) -> None:
        """Refuse what the analysis does not know: LookupError, ValueError."""
        operator = operators.load(self.name, settings, gifts(chosen_folder()))
        if not isinstance(operator, PhaseMapper):
            raise LookupError(f"the analysis {self.name!r} is another's here; remove that plug-in")
        self.settings: Settings = {
            field.name: getattr(operator, field.name)
            for field in fields(operator)
            if not field.metadata.get("given")
        }
        self._library = operator.library
        self.sittings: list[Sitting] = []
        self._phases = operator.library.choose(operator.candidates)
        self.seen = Seen()
        self._unscaled = Unscaled(self._without_scale())
        self._first: dict[str, tuple[int, str]] = {}
        self._again: dict[int, str] = {}
        self._grain_columns: dict[str, None] = {}
        self._spot_columns: dict[str, None] = {}

    def fingerprint(self) -> Mapping[str, Any]:
        """The database of phases."""
        return {"database_sha256": self._library.sha256}

    def arranged(self, gathered: Gathered, wish: Wish) -> Gathered:
        """All frames, as they are."""
        del wish
        return gathered

    def again(
        self, frames: Iterator[Done], batch: Batch, once: Once, *, apply: bool
    ) -> tuple[Mapping[int, Settings], list[Result]]:
        """Calibrate on the session; apply it where it is accepted and the evidence carries it."""
        self.sittings = sittings(
            self._noted(frames), self._calibration(), once, batch.made_by, self._again
        )
        batch.words += _repeated(batch, self._again)
        batch.words += self._unscaled.finish(once, batch.made_by)
        settings: dict[int, Settings] = {}
        by_header = self.settings["calibration"] in WORDS
        for sitting in self.sittings:
            use = apply and by_header and enough(sitting)
            if use:
                more = {**self.settings, "calibration": sitting.correction}
                settings |= dict.fromkeys(sitting.frames, more)
            sitting.fate = self._fate(sitting, apply=apply)
            batch.words.append(sitting.words)
        found = [*(sitting.result for sitting in self.sittings), self._unscaled.result]
        return settings, [result for result in found if result is not None]

    def _fate(self, sitting: Sitting, *, apply: bool) -> str:
        if self.settings["calibration"] not in WORDS:
            return "not applied: the settings give a correction of their own"
        if not enough(sitting):
            return "not applied"
        if apply:
            return "accepted: its frames were analysed again with it"
        return "not applied; --calibrate accepts it"

    def _calibration(self) -> SelfCalibration:
        known = self.settings
        return SelfCalibration(
            candidates=known["candidates"],
            k_max=known["k_max"],
            strain=known["strain_tolerance"],
            distortion=known["distortion_tolerance"],
            temperature=known["temperature"],
            library=self._library,
        )

    def _without_scale(self) -> Uncalibrated:
        known = self.settings
        return Uncalibrated(
            candidates=known["candidates"],
            unknown_prior=known["unknown_prior"],
            temperature=known["temperature"],
            library=self._library,
        )

    def _noted(self, frames: Iterator[Done]) -> Iterator[Done]:
        """Take note of all columns that there are, and of frames with the pixels of another one.

        The analysis may learn more columns with time.
        """
        for done in frames:
            pixels = str(done.result.provenance.get("pixels", f"frame {done.number}"))
            first, label = self._first.setdefault(pixels, (done.number, done.item.label))
            if first != done.number:
                self._again[done.number] = label
            elif done.item.pixel_size is None and done.result.error is None:
                self._unscaled.add(done)
            self._grain_columns |= dict.fromkeys(columns_of(done.result.data, "grain"))
            self._spot_columns |= dict.fromkeys(columns_of(done.result.data, "spot"))
            yield done

    def columns(self) -> Mapping[str, Sequence[str]]:
        """Of the tables of frames, grains and spots."""
        shares = [f"fraction_{name}" for name in self._phases]
        shares += [f"fraction_{name}_sigma" for name in self._phases]
        together = TOGETHER if self._unscaled.frames else ()
        return {
            "frames": [*FRAMES, *shares],
            "grains": [
                *WHERE,
                "grain",
                *self._grain_columns,
                *together,
                "verdict",
                "d_spacings",
                UNIT,
            ],
            "spots": [*WHERE, "spot", *self._spot_columns, UNIT],
        }

    def tables(self, done: Done) -> Mapping[str, Sequence[Row]]:
        """The rows of a frame."""
        data, where = done.result.data, _where(done)
        if done.result.error is not None:
            row = {**where, **_pixel(done.item), "error": done.result.error}
            self._note(row, [], data, counted=False)
            return {"frames": [row], "grains": [], "spots": []}
        unit = {UNIT: str(data["y"].attrs["units"])}
        spots = [
            {**where, "spot": n, **row, **unit} for n, row in enumerate(rows_of(data, "spot"), 1)
        ]
        grains = [
            {
                **where,
                "grain": n,
                **row,
                **dict(
                    zip(TOGETHER, self._unscaled.named.get((done.number, n - 1), ()), strict=False)
                ),
                "verdict": _verdict(row),
                "d_spacings": _spacings(spots, n - 1),
                **unit,
            }
            for n, row in enumerate(rows_of(data, "grain"), 1)
        ]
        for row in spots:  # counted from 1 in the tables; 0 is none
            row["grain"] += 1
        frame = {**where, **_pixel(done.item), **unit, **_counted(data, grains, spots)}
        first = self._again.get(done.number)
        if first is not None:
            note = f"the same pixels as {first}: not counted in what all frames say"
            frame["note"] = "; ".join(filter(None, [frame["note"], note]))
        self._note(frame, grains, data, counted=first is None)
        return {"frames": [frame], "grains": grains, "spots": spots}

    def _note(
        self, row: dict[str, Any], grains: Sequence[Row], data: xr.Dataset, *, counted: bool
    ) -> None:
        seen = self.seen
        named = [str(g["phase"]) for g in grains if g["phase"] not in UNNAMED]
        seen.rows.append(row)
        seen.grains.append(len(named))
        seen.phases.append(frozenset(named))
        if not counted:
            return
        count = seen.count if row.get(UNIT) == "nm" else seen.unscaled
        for grain in grains:
            count[str(grain["phase"])] = count.get(str(grain["phase"]), 0) + 1
        if row.get(UNIT) == "nm":
            seen.session = POOL.add(seen.session, data, [int(row["frame"])])
            seen.spacings.add(data)

    def worth_drawing(self, most: int) -> list[int]:
        """Of each phase the frame that shows most of it, then those with most grains."""
        seen = self.seen
        good = [n for n, row in enumerate(seen.rows) if not row.get("error")]
        order = sorted(good, key=lambda n: -seen.grains[n])
        chosen: dict[int, None] = {}
        for phase in self._phases:
            best = [n for n in order if phase in seen.phases[n]]
            chosen |= dict.fromkeys(best[:1])
        chosen |= dict.fromkeys(order)
        return sorted(int(seen.rows[n]["frame"]) for n in list(chosen)[:most])

    def draw(self, image: np.ndarray, result: Result, stem: Path) -> list[Path]:
        """Map, spectrum, profile, components."""
        from ..reports.hrtem_frame import draw

        return draw(image, result, stem, self._library)

    def report(self, batch: Batch) -> Path:
        """Write the page."""
        from ..reports.hrtem_page import write

        return write(batch, self.seen, self.sittings, self._library)


def technique(settings: Settings) -> Hrtem:
    """Make the technique with these settings of the analysis."""
    return Hrtem(settings)


def _where(done: Done) -> dict[str, Any]:
    return {"frame": done.number, "file": done.item.name, "place": done.item.index}


def _pixel(item: Item) -> dict[str, Any]:
    y, x = item.pixel_size or (None, None)
    origin = item.calibration.get("origin", "none")
    return {"pixel_y_nm": y, "pixel_x_nm": x, "pixel_origin": origin}


def _repeated(batch: Batch, again: Mapping[int, str]) -> list[str]:
    """Say which frames hold the pixels of another one; nothing if none does."""
    if not again:
        return []
    items = batch.gathered.items
    some = [f"{items[n].label} is {first}" for n, first in list(again.items())[:NAMED]]
    more = [f"and {len(again) - NAMED} more"] if len(again) > NAMED else []
    return [
        f"{len(again)} of {len(items)} frames hold the pixels of another one and count once: "
        f"{', '.join([*some, *more])}"
    ]


def _verdict(grain: Row) -> str:
    """What the label of a grain means, where its probability alone could be misread."""
    if grain["phase"] != "unknown":
        return "named"
    if grain["probability"] > 0.5:
        return "most probably no candidate"
    if grain["runner_up_probability"] > grain["probability"]:
        return f"undecided: most probably {grain['runner_up']}, but not surely enough to be named"
    return "undecided: several candidates fit, or none"


def _spacings(spots: Sequence[Row], grain: int) -> str:
    """Spacings of a grain's spots with their indices, the longest first."""
    own = sorted((row for row in spots if row["grain"] == grain), key=lambda row: -row["d"])
    words = [(f"{row['d']:.4f}", str(row["label"]).partition(" ")[2]) for row in own]
    return "; ".join(f"{d} ({hkl})" if hkl else d for d, hkl in words)


def _counted(data: xr.Dataset, grains: Sequence[Row], spots: Sequence[Row]) -> dict[str, Any]:
    return {
        "grains": len(grains),
        "identified": sum(row["phase"] not in UNNAMED for row in grains),
        "spots": len(spots),
        "labelled_spots": sum(bool(row["label"]) for row in spots),
        **_scale(data),
        "note": data.attrs.get("note", "").replace("frame 0: ", ""),
        **(_fractions(data) if data["y"].attrs["units"] == "nm" else {}),
    }


def _scale(data: xr.Dataset) -> dict[str, float]:
    """What the grains of a frame say of its scale; nothing where they say nothing."""
    said = {name: data.attrs.get(name) for name in ("scale_error", "scale_error_sigma")}
    # what is not a number has been kept as JSON says it, null
    known = {name: float(one[0]) for name, one in said.items() if one and one[0] is not None}
    return known if len(known) == len(said) and all(map(math.isfinite, known.values())) else {}


def _fractions(data: xr.Dataset) -> dict[str, float]:
    """Share of each phase, and its standard deviation."""
    return {
        f"fraction_{phase}{end}": float(data[f"phase_fraction{end}"].values[0, n])
        for end in ("", "_sigma")
        for n, phase in enumerate(data["phase"].values)
    }
