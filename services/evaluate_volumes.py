"""`beamside evaluate particles` for volumes with labelled particles: the whole way in 3D."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ..analysis import operators
from ..analysis.particles.fusion import fused
from ..analysis.particles.matching import Tally
from ..analysis.particles.overlapping import volume_tallies
from ..analysis.particles.sections import Sections
from ..analysis.particles.volume import sections_of
from ..stream.errors import FileError

SLICES = 8
"""Looked at together."""


def scored(
    arrays: Mapping[str, np.ndarray], settings: Mapping[str, Any], path: Path
) -> dict[float, Tally]:
    """Find the particles of `volume` [z, y, x] in its three views, fuse them, match `labels`.

    FileError says what is wrong with the arrays of the file `path`.
    """
    grey, labels = arrays["volume"], arrays.get("labels")
    if labels is None:
        raise FileError(f"{path}: no 'labels' in it: this is no volume with truth")
    if grey.ndim != 3 or labels.shape != grey.shape or labels.dtype.kind not in "ui":
        raise FileError(
            f"{path}: volume is {grey.shape} and labels {labels.shape} of {labels.dtype}; both "
            "must be [z, y, x] of one shape, labels whole numbers from 0"
        )
    if labels.size and (labels.min() < 0 or labels.max() >= 1 << 32):
        raise FileError(f"{path}: labels must lie between 0 and 2^32, 0 is none")
    told = _told(arrays, grey, settings)
    sections = Sections()
    for view in range(3):
        sections = sections.with_(_seen(grey, view, told, _pixel(arrays)))
    return volume_tallies(labels, fused(sections)[0])


def _told(
    arrays: Mapping[str, np.ndarray], grey: np.ndarray, settings: Mapping[str, Any]
) -> dict[str, Any]:
    """Settings with the size of the particles: given, or from the middle slice, for all slices."""
    if {"particle_px", "particle_um"} & set(settings):
        return dict(settings)
    if "particle_px" in arrays:
        return {**settings, "particle_px": float(np.ravel(arrays["particle_px"])[0])}
    operator = operators.load("particles", settings)
    said = operator(grey[len(grey) // 2][None], operators.Calibration()).attrs
    return {**settings, **({"particle_px": said["particle_px"]} if "particle_px" in said else {})}


def _pixel(arrays: Mapping[str, np.ndarray]) -> tuple[float, float] | None:
    if "pixel_size_nm" not in arrays:
        return None
    size = float(np.ravel(arrays["pixel_size_nm"])[0])
    return size, size


def _seen(
    grey: np.ndarray, view: int, settings: dict[str, Any], pixel: tuple[float, float] | None
) -> Iterator[Any]:
    operator = operators.load("particles", settings)
    calibration = operators.Calibration(pixel, origin="truth file")
    slices = np.moveaxis(grey, view, 0)
    for first in range(0, len(slices), SLICES):
        batch = np.ascontiguousarray(slices[first : first + SLICES])
        numbers = range(first, first + len(batch))
        said = operator(batch, calibration)
        said = said.assign_coords(slice_view=("frame", np.full(len(batch), view)))
        yield from sections_of(said, numbers)
