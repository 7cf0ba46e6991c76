"""`beamside calibrate`: what the crystals in archived frames say of the microscope's pixel size."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import xarray as xr

from ..analysis.hrtem.reference import reference
from ..analysis.hrtem.selfcal import SelfCalibration, calibrate
from ..stream.errors import FileError
from ..stream.nexus import read_result
from .library import chosen_folder, library
from .verification import archives_in

ANALYSIS = "hrtem"
APART = 1_000_000
"""Between the frame numbers of one archive and the next: they are frames of one session."""


def command(args: argparse.Namespace) -> int:
    """Calibrate on the results in archives of one session; nothing is applied by it."""
    phases: Any = tuple(args.phases) if len(args.phases) > 1 else args.phases[0]
    known = library(chosen_folder())
    settings = (
        reference(phases, library=known)
        if args.reference
        else SelfCalibration(candidates=phases, library=known)
    )
    paths = [path for given in args.archives for path in archives_in(given)]
    said = describe(calibrate(list(results(paths)), settings))
    if args.json:
        sys.stdout.write(orjson.dumps(said, option=orjson.OPT_SERIALIZE_NUMPY).decode() + "\n")
    else:
        sys.stdout.write("\n".join(lines(said)) + "\n")
    return 0


def results(paths: Sequence[Path]) -> Iterator[tuple[xr.Dataset, list[int]]]:
    """What the analysis said of the frames of each archive; FileError if it did not look."""
    for n, path in enumerate(paths):
        data = read_result(path, ANALYSIS)
        if "spot_frame" not in data:
            raise FileError(f"{path}: no spots were found in its frames; name other archives")
        if "grain" not in data.dims:
            continue  # spots, but no grain in any frame: nothing to learn from
        # in the archive a spot names the number of its frame, not its place in a batch
        highest = int(data["spot_frame"].max()) if data.sizes["spot"] else 0
        yield data, [n * APART + number for number in range(highest + 1)]


def describe(found: xr.Dataset) -> dict[str, Any]:
    """The finding under stable keys: values, standard deviations, evidence, and words."""
    sigma = found["calibration_sigma"].values
    values = found["calibration"].values
    plain = {
        key: value.item() if isinstance(value, np.generic) else value
        for key, value in found.attrs.items()
    }
    return {
        "correction": [round(float(v), 6) for v in values],
        "correction_sigma": [round(float(s), 6) for s in sigma],
        "matrix": found["matrix"].values.tolist(),
        **plain,
    }


def lines(said: dict[str, Any]) -> list[str]:
    """The finding for people, and how to apply it."""
    scale, anisotropy, shear = said["correction_sigma"]
    rows = [
        ("scale", f"{said['scale']:.4f} +- {scale:.4f}  true pixel over the header's"),
        ("anisotropy", f"{said['anisotropy']:+.4f} +- {anisotropy:.4f}  height over width"),
        ("shear", f"{said['shear_degrees']:+.2f} +- {np.degrees(shear):.2f} degrees"),
        ("grains", f"{said['grains_used']} of {said['grains_seen']}, {said['frames']} frames"),
        ("chance", f"p = {said['p_value']} that permuted azimuths score as high"),
        ("alarm", said.get("alarm") or "none"),
        ("note", said.get("note") or ""),
        ("apply", f"--set 'analysis.settings.calibration={said['correction']}'"),
    ]
    return [f"  {name:<11}{text}" for name, text in rows if text]
