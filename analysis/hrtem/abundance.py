"""How much of each phase a session holds: areas over many frames, with what is not known of them.

Two things are unknown: which phase a grain is (its posterior), and whether other places of the same
specimen would look alike (the spread between frames). Both are told together, as one variance.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import xarray as xr

from .maps import UNKNOWN, VACUUM


@dataclass(frozen=True, slots=True)
class Areas:
    """Areas in one frame, in one unit of area."""

    specimen: float
    """All that is not vacuum."""
    labelled: np.ndarray
    """[phase], of what is labelled as each."""
    expected: np.ndarray
    """[phase], sum over grains of area times posterior."""
    variance: np.ndarray
    """[phase], of that sum, as grains are one phase or another."""


@dataclass(slots=True)
class Abundance:
    """Frames added one by one; phases keep their order."""

    names: tuple[str, ...]
    frames: list[Areas] = field(default_factory=list)

    def add(self, said: xr.Dataset) -> None:
        """Take in a result of one calibrated frame."""
        self.frames.append(areas(said, self.names))

    def finish(self) -> xr.Dataset:
        """Say the shares of the specimen's area: see `abundance`."""
        return abundance(self.frames, self.names)


def areas(said: xr.Dataset, names: Sequence[str]) -> Areas:
    """Add up what `PhaseMapper` says of one frame, nm2."""
    classes = said["phase_map"].values[0]
    steps = [
        float(np.ptp(said[axis].values)) / max(1, len(said[axis]) - 1) if len(said[axis]) > 1 else 1
        for axis in ("y", "x")
    ]
    pixel = steps[0] * steps[1]
    specimen = float((classes != VACUUM).sum()) * pixel
    own = [str(name) for name in said["phase"].values]
    place = [own.index(name) if name in own else -1 for name in names]
    count = np.bincount(classes.ravel(), minlength=UNKNOWN + 1 + len(own))[UNKNOWN + 1 :]
    labelled = np.append(count * pixel, 0.0)[place]
    if "grain_posterior" not in said or not said.sizes.get("grain"):
        nothing = np.zeros(len(names))
        return Areas(specimen, labelled, nothing, nothing)
    area = said["grain_area"].values
    posterior = said["grain_posterior"].values.astype(float)
    posterior = np.concatenate([posterior, np.zeros((len(area), 1))], axis=1)[:, place]
    return Areas(
        specimen,
        labelled,
        area @ posterior,
        np.square(area) @ (posterior * (1 - posterior)),
    )


def abundance(frames: Sequence[Areas], names: Sequence[str]) -> xr.Dataset:
    """Give the share of the specimen's area of each phase over all frames.

    Variables [phase]: `fraction` (by the labels), `expected` (by the posteriors), and
    `fraction_sigma`: the standard error of `expected`, from the spread between frames (jackknife of
    a ratio, Quenouille 1956; not known from one frame) and the doubt about each grain's phase.
    """
    specimen = np.array([frame.specimen for frame in frames])
    total = max(float(specimen.sum()), 1e-12)
    shape = (len(frames), len(names))
    labelled = np.array([frame.labelled for frame in frames]).reshape(shape)
    expected = np.array([frame.expected for frame in frames]).reshape(shape)
    doubt = np.array([frame.variance for frame in frames]).reshape(shape).sum(axis=0)
    variance = doubt / total**2 + _jackknife(expected, specimen)
    share = {"units": "1"}
    many = {"long_name": "share of the specimen's area"} | share
    return xr.Dataset(
        {
            "fraction": ("phase", labelled.sum(axis=0) / total, many),
            "expected": (
                "phase",
                expected.sum(axis=0) / total,
                {"long_name": "the same, grains shared out by their posteriors"} | share,
            ),
            "fraction_sigma": (
                "phase",
                np.sqrt(variance),
                {"long_name": "standard error, frames and posteriors"} | share,
            ),
        },
        {"phase": ("phase", np.array(names, str), {"long_name": "candidate phase"})},
        {
            "frames": len(frames),
            "specimen_area_nm2": float(specimen.sum()),
            "note": "spread between frames unknown: one frame only" if len(frames) < 2 else "",
        },
    )


def _jackknife(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """Variance [phase] of sum(part) / sum(whole) over frames, leaving out one at a time."""
    many = len(whole)
    rest = whole.sum() - whole
    if many < 2 or (rest <= 0).any():
        return np.zeros(part.shape[1])
    ratios = (part.sum(axis=0) - part) / rest[:, None]
    variance: np.ndarray = (many - 1) / many * np.square(ratios - ratios.mean(axis=0)).sum(axis=0)
    return variance
