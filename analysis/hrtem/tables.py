"""The labelled arrays in which the result travels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr

from ..operators import Calibration
from .candidates import Candidates
from .columns import Variable, classes
from .frame import Found, Limits
from .grain_table import grain_table
from .maps import AMORPHOUS, UNKNOWN, VACUUM
from .ring_views import ring_variables
from .spot_table import peak_table, spot_labels, spot_table


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
    variables |= _fractions(found)
    variables |= _verdicts(found, length)
    variables |= _spectra(found)
    variables |= _correction(len(found), limits)
    variables |= spot_table(found, known, limits, length)
    variables |= grain_table(found, known, limits, length)
    variables |= peak_table(found, known, limits, length)
    if limits.rings:
        labels = [spot_labels(one, known, limits) for one in found]
        variables |= ring_variables([one.rings for one in found], labels, limits.rings, length)
    coords = _coordinates(found[0], known, length)
    fringes = found[0].rings.fringes
    if fringes is not None:
        coords |= _fine(fringes.shape[1:], found[0].rings.pixel, length)
    attrs = _attributes(found, limits, known, calibration, notes)
    return xr.Dataset(variables, coords, attrs)


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


def _fine(shape: Sequence[int], pixel: Sequence[float], length: str) -> dict[str, Any]:
    """Where the pixels of the inverse transforms are."""
    return {
        f"fringe_{axis}": (
            f"fringe_{axis}",
            (np.arange(n) + 0.5) * step,
            {"units": length, "long_name": f"along {axis}"},
        )
        for axis, n, step in zip("yx", shape, pixel, strict=True)
    }


def _maps(found: Sequence[Found], known: Candidates) -> dict[str, Variable]:
    dims = ("frame", "y", "x")
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
        "orientation_map": (
            dims,
            np.stack([_turned(one) for one in found]),
            {"long_name": "azimuth of the grain's reference reflection", "units": "degree"},
        ),
    }


def _turned(one: Found) -> np.ndarray:
    """Rotation of the grain of each pixel, NaN where there is none or its zone is not known."""
    rotation: np.ndarray = np.r_[np.nan, one.orientation.rotation].astype(np.float32)
    return np.asarray(rotation[one.grains_at])


def _fractions(found: Sequence[Found]) -> dict[str, Variable]:
    every = [one.fractions for one in found]
    of = "of the specimen's area"
    rows: dict[str, tuple[tuple[str, ...], list[Any], str]] = {
        "phase_fraction": (("frame", "phase"), [f.phases for f in every], f"expected share {of}"),
        "phase_fraction_sigma": (
            ("frame", "phase"),
            [f.sigma for f in every],
            "standard deviation, by doubt about phases and edges",
        ),
        "crystalline_fraction": (
            ("frame",),
            [f.crystalline for f in every],
            f"share of all grains {of}",
        ),
        "crystalline_fraction_sigma": (
            ("frame",),
            [f.crystalline_sigma for f in every],
            "standard deviation, by doubt about edges",
        ),
    }
    return {
        name: (dims, np.array(values, np.float32), {"long_name": words, "units": "1"})
        for name, (dims, values, words) in rows.items()
    }


def _verdicts(found: Sequence[Found], length: str) -> dict[str, Variable]:
    """What each frame is, whether or not there is a grain in it."""
    # vacuum, amorphous and crystalline, by the highest class there is
    state = [min(int(one.classes.max()), UNKNOWN) for one in found]
    count = [np.bincount(one.classes.ravel(), minlength=UNKNOWN)[AMORPHOUS] for one in found]
    area = [n * one.grid.pixel_area for n, one in zip(count, found, strict=True)]
    return {
        "specimen": (
            ("frame",),
            np.array(state, np.uint8),
            {
                "long_name": "what the specimen in the frame is",
                "flag_values": np.array([VACUUM, AMORPHOUS, UNKNOWN], np.uint8),
                "flag_meanings": "vacuum amorphous crystalline",
            },
        ),
        "amorphous_area": (
            ("frame",),
            np.array(area, np.float32),
            {"long_name": "area of the specimen without a crystal", "units": f"{length}2"},
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


def _correction(frames: int, limits: Limits) -> dict[str, Variable]:
    """With which correction of the pixel grid each frame was read: what it says is relative to."""
    if not limits.calibrated:
        return {}
    what = {
        "scale": "log of the pixel size used over the header's",
        "anisotropy": "log of the pixel's height over its width, over the header's",
        "shear": "angle by which the axes close up, radian",
    }
    return {
        f"correction_{name}": (
            ("frame",),
            np.full(frames, getattr(limits.correction, name)),
            {"long_name": words, "units": "1"},
        )
        for name, words in what.items()
    }


def _attributes(
    found: Sequence[Found],
    limits: Limits,
    known: Candidates,
    calibration: Calibration,
    notes: Sequence[str],
) -> dict[str, Any]:
    words = list(notes)
    if not limits.calibrated:
        words.append(
            "the pixel size is unknown: lengths are in pixels, and phases are told by ratios and "
            "angles alone, as far as they can be"
        )
    attrs: dict[str, Any] = {
        "title": "HRTEM phases",
        "candidates": " ".join(known.names),
        "database_sha256": known.database,
        "cell_temperatures_K": [phase.temperature for phase in known.phases],
        "calibration_origin": _origin(limits, calibration),
        "scale_tolerance": limits.scale_tolerance,
        "spot_threshold": found[0].threshold,
    }
    if limits.calibrated:
        attrs["correction"] = [round(float(value), 6) for value in limits.correction.values]
        attrs["scale_error"] = [round(one.grains.scale, 5) for one in found]
        attrs["scale_error_sigma"] = [round(one.grains.scale_sigma, 5) for one in found]
        for n, name in ((1, "anisotropy"), (2, "shear")):
            attrs[name] = [round(float(one.grains.correction[n]), 5) for one in found]
            sigma = [float(np.sqrt(one.grains.covariance[n, n])) for one in found]
            attrs[f"{name}_sigma"] = [round(value, 5) for value in sigma]
    if words:
        attrs["note"] = "; ".join(words)
    return attrs


def _origin(limits: Limits, calibration: Calibration) -> str:
    """Where the pixel size is known from, and who said that it is to be corrected."""
    if limits.correction.nothing:
        return calibration.origin
    accepted = calibration.correction == tuple(limits.correction.values)
    how = (calibration.accepted or "accepted") if accepted else "by the settings"
    return f"{calibration.origin}, corrected: {how}"
