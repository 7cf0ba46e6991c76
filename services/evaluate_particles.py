"""`beamside evaluate particles`: slices with labelled particles, and how many were found."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..analysis import operators
from ..analysis.particles.matching import Tally, pooled, report, tallies
from ..stream.errors import FileError
from .evaluate_volumes import scored


@dataclass(frozen=True)
class Labelled:
    """A slice and its truth."""

    image: np.ndarray
    """[y, x], grey"""
    labels: np.ndarray
    """int [y, x], 0 background"""
    valid: np.ndarray | None
    """bool [y, x]: where the truth is known"""
    ignore: np.ndarray | None
    """bool [y, x]: where particles were not labelled"""
    pixel_size: float | None
    """nm"""
    particle_px: float | None
    """Typical diameter, where it is known beforehand."""


def evaluate(files: Sequence[Path], settings: Mapping[str, Any]) -> dict[str, Any]:
    """Run the analysis `particles` with `settings` over slices and pool what was right.

    Each file is an npz of `img` and `labels`, and optionally `valid`, `ignore`, `pixel_size_nm`,
    `particle_px`; the last two are told to the analysis. Or each is one of `volume` and `labels`,
    whose three views are fused and matched in 3D. The result is that of
    `analysis.particles.matching.report`. FileError names a file that has none of it.
    """
    volumes = [path for path in files if "volume" in _names(path)]
    if volumes and len(volumes) < len(files):
        raise FileError(f"{volumes[0]} holds a volume, others slices; score them apart")
    return {
        **report(pooled(_each(files, settings))),
        "slices": len(files) - len(volumes),
        "volumes": len(volumes),
    }


def _each(files: Sequence[Path], settings: Mapping[str, Any]) -> Iterator[dict[float, Tally]]:
    for path in files:
        if "volume" in _names(path):
            yield scored(_arrays(path), settings, path)
            continue
        one = read(path)
        told = {"particle_px": one.particle_px} if one.particle_px else {}
        told = {} if {"particle_px", "particle_um"} & set(settings) else told
        operator = operators.load("particles", {**told, **settings})
        size = (one.pixel_size, one.pixel_size) if one.pixel_size else None
        data = operator(one.image[None], operators.Calibration(size, origin="truth file"))
        yield tallies(one.labels, data["particle_map"].values[0], one.ignore, one.valid)


def read(path: Path) -> Labelled:
    """Read a slice with its labels; FileError says what is wrong with the file."""
    return _checked(_arrays(path), path)


def _names(path: Path) -> set[str]:
    return set(_arrays(path, ()))


def _arrays(path: Path, wanted: tuple[str, ...] | None = None) -> dict[str, np.ndarray]:
    """Read the arrays of a file, those `wanted`; of the others the names."""
    if not path.is_file():
        raise FileError(f"{path}: no such file")
    nothing = np.zeros(0)
    try:
        with np.load(path, allow_pickle=False) as file:
            return {
                name: file[name] if wanted is None or name in wanted else nothing
                for name in file.files
            }
    except (ValueError, OSError, EOFError, zipfile.BadZipFile) as error:
        raise FileError(f"{path}: {error}; give npz files with img and labels") from error


def _checked(arrays: dict[str, np.ndarray], path: Path) -> Labelled:
    for name in ("img", "labels"):
        if name not in arrays:
            raise FileError(f"{path}: no {name!r} in it: this is no slice with labels")
    image, labels = arrays["img"], arrays["labels"]
    if image.ndim != 2:
        raise FileError(f"{path}: img is {image.shape}; it must be grey, [y, x]")
    if labels.dtype.kind not in "ui" or (labels.size and labels.min() < 0):
        raise FileError(f"{path}: labels must be whole numbers from 0, not {labels.dtype}")
    masks = {name: arrays[name].astype(bool) for name in ("valid", "ignore") if name in arrays}
    for name in ("labels", *masks):
        if arrays[name].shape != image.shape:
            raise FileError(f"{path}: img is {image.shape} and {name} {arrays[name].shape}")
    return Labelled(
        image,
        labels.astype(np.int64),
        masks.get("valid"),
        masks.get("ignore"),
        _positive(arrays, "pixel_size_nm", path),
        _positive(arrays, "particle_px", path),
    )


def _positive(arrays: dict[str, np.ndarray], name: str, path: Path) -> float | None:
    if name not in arrays:
        return None
    values = np.unique(np.asarray(arrays[name], float))
    if values.size != 1 or not 0 < values[0] < np.inf:
        raise FileError(f"{path}: {name} must be one number above 0, not {arrays[name]!r}")
    return float(values[0])
