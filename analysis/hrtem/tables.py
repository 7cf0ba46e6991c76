"""The labelled arrays in which the result travels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr

from ..operators import Calibration
from .candidates import Candidates
from .frame import Found, Limits
from .grains import FITS, ZONE
from .maps import UNKNOWN
from .phases import database

BEFORE = ("vacuum", "amorphous", "unknown")
"""Classes before the candidates."""

Variable = tuple[tuple[str, ...], np.ndarray, dict[str, Any]]


def assemble(
    found: Sequence[Found],
    limits: Limits,
    known: Candidates,
    calibration: Calibration,
    notes: Sequence[str],
) -> xr.Dataset:
    """Put what was found in each image of a batch into one dataset."""
    length = "nm" if limits.calibrated else "px"
    variables: dict[str, Variable] = {}
    variables |= _maps(found, known)
    variables |= _spectra(found)
    variables |= _spots(found, known, limits, length)
    variables |= _grains(found, known, limits, length)
    variables |= _peaks(found, known, limits, length)
    coords = _coordinates(found[0], known, length)
    attrs = _attributes(found, limits, known, calibration, notes)
    return xr.Dataset(variables, coords, attrs)


def classes(known: Candidates) -> dict[str, Any]:
    """CF attributes of a variable that holds classes."""
    meanings = [*BEFORE, *known.names]
    return {
        "flag_values": np.arange(len(meanings), dtype=np.uint8),
        "flag_meanings": " ".join(meanings),
    }


def _coordinates(one: Found, known: Candidates, length: str) -> dict[str, Any]:
    k = {"units": f"1/{length}"}
    place = {"units": length}
    return {
        "y": ("y", one.grid.centres(0), {**place, "long_name": "down from the upper edge"}),
        "x": ("x", one.grid.centres(1), {**place, "long_name": "right from the left edge"}),
        "k": ("k", one.profile_k, {**k, "long_name": "spatial frequency"}),
        "ky": ("ky", one.ky, {**k, "long_name": "spatial frequency along y"}),
        "kx": ("kx", one.kx, {**k, "long_name": "spatial frequency along x"}),
        "phase": ("phase", np.array(known.names), {"long_name": "candidate phase"}),
    }


def _maps(found: Sequence[Found], known: Candidates) -> dict[str, Variable]:
    dims = ("frame", "y", "x")
    many = len(known.phases)
    fractions = []
    for one in found:
        count = np.bincount(one.classes.ravel(), minlength=UNKNOWN + 1 + many)
        fractions.append(count[UNKNOWN + 1 :] / max(1, count[1:].sum()))
    return {
        "phase_map": (
            dims,
            np.stack([one.classes for one in found]),
            {"long_name": "phase", **classes(known)},
        ),
        "confidence": (
            dims,
            np.stack([one.confidence for one in found]),
            {"long_name": "posterior probability of the label", "units": "1"},
        ),
        "grain_map": (
            dims,
            np.stack([one.grains_at for one in found]),
            {"long_name": "grain of the frame, from 1; 0 none"},
        ),
        "phase_fraction": (
            ("frame", "phase"),
            np.array(fractions, np.float32).reshape(len(found), many),
            {"long_name": "share of the specimen's area", "units": "1"},
        ),
    }


def _spectra(found: Sequence[Found]) -> dict[str, Variable]:
    over = "power over local background"
    return {
        "spectrum": (
            ("frame", "ky", "kx"),
            np.stack([one.spectrum for one in found]),
            {"long_name": "log10 of the power", "units": "1"},
        ),
        "profile_mean": (
            ("frame", "k"),
            np.stack([one.profile_mean for one in found]),
            {"long_name": f"mean of {over}", "units": "1"},
        ),
        "profile_max": (
            ("frame", "k"),
            np.stack([one.profile_max for one in found]),
            {"long_name": f"maximum of {over}", "units": "1"},
        ),
    }


def _column(rows: Sequence[np.ndarray], dtype: Any) -> np.ndarray:
    joined: np.ndarray = np.concatenate([np.asarray(row) for row in rows]).astype(dtype)
    return joined


def _table(
    name: str, columns: dict[str, tuple[Sequence[np.ndarray], Any, str, str | None]]
) -> dict[str, Variable]:
    """Variables `<name>_<column>`; a column is its rows by frame, dtype, words and units."""
    table: dict[str, Variable] = {}
    for column, (rows, dtype, words, units) in columns.items():
        attrs = {"long_name": words} | ({"units": units} if units else {})
        table[f"{name}_{column}"] = ((name,), _column(rows, dtype), attrs)
    return table


def _frames(counts: Sequence[int]) -> list[np.ndarray]:
    return [np.full(count, frame) for frame, count in enumerate(counts)]


def _spots(
    found: Sequence[Found], known: Candidates, limits: Limits, length: str
) -> dict[str, Variable]:
    first = np.cumsum([0, *(len(one.grains) for one in found)])
    all_of = [one.reflections for one in found]
    rows = [
        np.where(one.grain >= 0, one.grain + start, -1)
        for one, start in zip(found, first, strict=False)
    ]
    k = f"1/{length}"
    return _table(
        "spot",
        {
            "frame": (_frames([len(r) for r in all_of]), np.int32, "frame in the batch", None),
            "ky": ([r.ky for r in all_of], np.float64, "spatial frequency along y", k),
            "kx": ([r.kx for r in all_of], np.float64, "spatial frequency along x", k),
            "d": ([1 / np.hypot(r.ky, r.kx) for r in all_of], np.float64, "spacing", length),
            "k_sigma": (
                [r.sigma for r in all_of],
                np.float64,
                "standard error of ky and of kx from noise; the calibration's comes on top",
                k,
            ),
            "snr": ([r.snr for r in all_of], np.float64, "power over local background", "1"),
            "amplitude": (
                [r.amplitude for r in all_of],
                np.float64,
                "largest amplitude of the fringes",
                "counts",
            ),
            "y": ([r.regions.y for r in all_of], np.float64, "centroid of the fringes", length),
            "x": ([r.regions.x for r in all_of], np.float64, "centroid of the fringes", length),
            "grain": (rows, np.int32, "row of the grain table, -1 none", None),
            "label": ([spot_labels(one, known, limits) for one in found], str, "reflection", None),
        },
    )


def spot_labels(one: Found, known: Candidates, limits: Limits) -> np.ndarray:
    """Phase and indices of each spot of one image, empty where there is no label."""
    labels = []
    grain_class = one.grains.classes(limits.label_above, limits.label_row_above)
    for row, hkl, explained in zip(one.grain, one.grains.hkl, one.grains.explained, strict=True):
        kind = int(grain_class[row]) if row >= 0 else UNKNOWN
        named = explained and kind > UNKNOWN
        labels.append(f"{known.names[kind - UNKNOWN - 1]} {indices(hkl)}" if named else "")
    return np.array(labels, dtype=str) if labels else np.zeros(0, "<U1")


def indices(hkl: Sequence[int]) -> str:
    """Miller indices without spaces where every one has a single digit: `111`, `-202`, `1 0 12`."""
    return ("" if max(abs(int(n)) for n in hkl) < 10 else " ").join(str(int(n)) for n in hkl)


def _grains(
    found: Sequence[Found], known: Candidates, limits: Limits, length: str
) -> dict[str, Variable]:
    every = [one.grains for one in found]
    ranked = [_ranked(one, limits) for one in found]
    table = _table(
        "grain",
        {
            "frame": (_frames([len(g) for g in every]), np.int32, "frame in the batch", None),
            "phase": ([r[0] for r in ranked], np.uint8, "phase", None),
            "probability": ([r[1] for r in ranked], np.float32, "posterior of the phase", "1"),
            "runner_up": ([r[2] for r in ranked], np.uint8, "second most probable phase", None),
            "runner_up_probability": ([r[3] for r in ranked], np.float32, "its posterior", "1"),
            "kind": ([g.kind for g in every], np.uint8, "what the spots are", None),
            "candidates": ([_fitting(one, known) for one in found], str, "phases that fit", None),
            "y": ([g.y for g in every], np.float64, "centre", length),
            "x": ([g.x for g in every], np.float64, "centre", length),
            "area": ([g.area for g in every], np.float64, "area", f"{length}2"),
            "n_spots": ([g.spots for g in every], np.int32, "spots, Friedel pairs once", None),
            "residual": (
                [g.residual for g in every],
                np.float32,
                "rms misfit of the spots in standard deviations",
                "1",
            ),
            "zone": ([_zones(one) for one in found], str, "zone axis; a row has none", None),
        },
    )
    for name in ("grain_phase", "grain_runner_up"):
        table[name][2].update(classes(known))
    table["grain_kind"][2].update(
        flag_values=np.arange(3, dtype=np.uint8), flag_meanings="single-spot single-row zone"
    )
    table["grain_posterior"] = (
        ("grain", "phase"),
        np.concatenate([g.posterior for g in every]).astype(np.float32),
        {"long_name": "posterior probability; the rest is unknown", "units": "1"},
    )
    return table


def _ranked(one: Found, limits: Limits) -> tuple[np.ndarray, ...]:
    """Class and probability of the label, then of the best other answer."""
    full = one.grains.full()
    label = one.grains.classes(limits.label_above, limits.label_row_above)
    rows = np.arange(len(full))
    column = np.where(label == UNKNOWN, full.shape[1] - 1, label.astype(int) - UNKNOWN - 1)
    probability = full[rows, column]
    others = full.copy()
    others[rows, column] = -1
    second = others.argmax(axis=1)
    runner = np.where(second == full.shape[1] - 1, UNKNOWN, second + UNKNOWN + 1)
    return label, probability, runner, others.max(axis=1, initial=0)


def _fitting(one: Found, known: Candidates) -> np.ndarray:
    """Names of the phases that fit each grain, most probable first."""
    names = []
    for row in one.grains.posterior:
        order = [n for n in np.argsort(-row) if row[n] >= FITS]
        names.append(",".join(known.names[n] for n in order))
    return np.array(names, dtype=str) if names else np.zeros(0, "<U1")


def _zones(one: Found) -> np.ndarray:
    grains = one.grains
    words = [
        f"[{' '.join(map(str, zone))}]" if kind == ZONE and any(zone) else ""
        for zone, kind in zip(grains.zone.tolist(), grains.kind, strict=True)
    ]
    return np.array(words, dtype=str) if words else np.zeros(0, "<U1")


def _peaks(
    found: Sequence[Found], known: Candidates, limits: Limits, length: str
) -> dict[str, Variable]:
    rows = [_profile_peaks(one, known, limits) for one in found]
    k = f"1/{length}"
    return _table(
        "peak",
        {
            "frame": (_frames([len(r[0]) for r in rows]), np.int32, "frame in the batch", None),
            "k": ([r[0] for r in rows], np.float64, "spatial frequency", k),
            "d": ([1 / r[0] for r in rows], np.float64, "spacing", length),
            "height": ([r[1] for r in rows], np.float64, "power over local background", "1"),
            "label": ([r[2] for r in rows], str, "reflection of the strongest spot there", None),
        },
    )


def _profile_peaks(
    one: Found, known: Candidates, limits: Limits
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Maxima of profile_max that hold a spot: its k, their height, its label."""
    heights, axis = one.profile_max, one.profile_k
    padded = np.r_[-np.inf, heights, -np.inf]
    tops = np.flatnonzero((heights >= padded[:-2]) & (heights > padded[2:]))
    tops = tops[heights[tops] > one.threshold]
    spot_k = np.hypot(one.reflections.ky, one.reflections.kx)
    labels = spot_labels(one, known, limits)
    width = axis[1] - axis[0] if len(axis) > 1 else 1.0
    k, height, label = [], [], []
    for top in tops:
        near = np.flatnonzero(np.abs(spot_k - axis[top]) < 1.5 * width)
        if near.size:
            best = near[one.reflections.snr[near].argmax()]
            k.append(spot_k[best])
            height.append(float(heights[top]))
            label.append(str(labels[best]))
    return np.array(k, float), np.array(height, float), np.array(label, dtype=str)


def _attributes(
    found: Sequence[Found],
    limits: Limits,
    known: Candidates,
    calibration: Calibration,
    notes: Sequence[str],
) -> dict[str, Any]:
    words = list(notes)
    if not limits.calibrated:
        words.append("the pixel size is unknown: lengths are in pixels and no phase is identified")
    attrs: dict[str, Any] = {
        "title": "HRTEM phases",
        "candidates": " ".join(known.names),
        "database_sha256": database()[1],
        "cell_temperatures_K": [phase.temperature for phase in known.phases],
        "calibration_origin": calibration.origin,
        "scale_tolerance": limits.scale_tolerance,
        "spot_threshold": found[0].threshold,
    }
    if limits.calibrated:
        attrs["scale_error"] = [round(one.grains.scale, 5) for one in found]
        attrs["scale_error_sigma"] = [round(one.grains.scale_sigma, 5) for one in found]
    if words:
        attrs["note"] = "; ".join(words)
    return attrs
