"""`beamside evaluate`: an analysis over images with known truth, and how right it was."""

from __future__ import annotations

import argparse
import json
import sys
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from ..analysis import operators
from ..analysis.hrtem.score import TOLERANCE, merge, report, score
from ..analysis.hrtem.truth import Truth, truth
from ..stream.errors import FileError
from .bench.machine import describe
from .library import chosen_folder, gifts
from .settings import assignment


def command(args: argparse.Namespace) -> int:
    """Run the command and print its result: a table, or one JSON object on one line."""
    settings: dict[str, Any] = {}
    for text in args.assignments:
        settings |= assignment(f"analysis.{text}")["analysis"]
    if bool(args.truth) == (args.packings is not None):
        raise ValueError("give files with truth, or for particles --packings N")
    result = _scores(args, settings)
    if args.out:
        command = "beamside " + " ".join(sys.argv[1:])
        day = f"{datetime.now(UTC):%Y-%m-%d}"
        kept = {"command": command, "date": day, "machine": describe(), "result": result}
        args.out.write_text(json.dumps(kept, allow_nan=False, indent=2) + "\n")
    said = json.dumps(result, allow_nan=False) if args.json else table(result)
    sys.stdout.write(said + "\n")
    return 0


def _scores(args: argparse.Namespace, settings: dict[str, Any]) -> dict[str, Any]:
    if args.packings is not None:
        if args.analysis != "particles":
            raise ValueError(
                "--packings are of particles: beamside evaluate particles --packings N"
            )
        from .evaluate_packings import evaluate as evaluate_packings

        return evaluate_packings(args.packings, settings)
    if args.analysis == "spectra":
        from .evaluate_spectra import evaluate as evaluate_spectra

        return evaluate_spectra(args.truth, settings)
    if args.analysis == "particles":
        from .evaluate_particles import evaluate as evaluate_particles

        return evaluate_particles(args.truth, settings)
    return evaluate(args.truth, settings)


def evaluate(
    files: Sequence[Path], settings: Mapping[str, Any], tolerance: float = TOLERANCE
) -> dict[str, Any]:
    """Run the analysis `hrtem` with `settings` over simulations and pool what was right.

    Each file is an npz of the simulations' form (image, phase_map, grain_map, spots, meta); the
    analysis is told the pixel size of the header, not the true one. The result is that of
    `analysis.hrtem.score.report`. FileError names a file that has no image with truth.
    """
    operator = operators.load("hrtem", settings, gifts(chosen_folder()))
    tallies = []
    for path in files:
        image, true = read(path)
        calibration = operators.Calibration(
            pixel_size=true.header, voltage=true.voltage, origin="header of a simulation"
        )
        tallies.append(score(operator(image[None], calibration), true, tolerance=tolerance))
    return report(merge(tallies))


def read(path: Path) -> tuple[np.ndarray, Truth]:
    """Read image[y, x] and truth from an npz file; FileError says what is wrong with it."""
    if not path.is_file():
        raise FileError(f"{path}: no such file")
    if not zipfile.is_zipfile(path):
        raise FileError(f"{path} is no npz file, so no image with truth")
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        true, image = truth(arrays), arrays["image"]
    except KeyError as error:
        raise FileError(
            f"{path}: no {error.args[0]!r} in it: this is no image with truth"
        ) from error
    except (ValueError, AttributeError, OSError, EOFError, zipfile.BadZipFile) as error:
        raise FileError(f"{path}: {error}; give npz files as the simulations are") from error
    for name in ("phase_map", "grain_map"):
        if image.ndim != 2 or arrays[name].shape != image.shape:
            raise FileError(
                f"{path}: image is {image.shape} and {name} {arrays[name].shape}; "
                "both must be [y, x] of one shape"
            )
    return image, true


def table(result: Mapping[str, Any]) -> str:
    """Lay a result out for people, one figure a line; `-` where there was nothing to count."""
    rows = list(_leaves(result))
    width = max(len(name) for name, _ in rows)
    return "\n".join(f"{name:<{width}}  {_figure(value)}" for name, value in rows)


def _leaves(tree: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, float | None]]:
    for name, value in tree.items():
        words = f"{above} {name}".strip().replace("_", " ")
        if isinstance(value, Mapping):
            yield from _leaves(value, words)
        else:
            yield words, value


def _figure(value: float | None) -> str:
    return "-" if value is None else f"{value:.4g}"
