"""The grains of a session: what the self-calibration keeps of every frame.

Two tables are merged by joining them and keeping the best grains. "Best" is a strict order, so that
the result does not depend on who merged what first.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import xarray as xr

from .correction import straightened
from .matches import COLLINEAR

SPOTS = 12
"""Strongest spots of a grain that are kept."""
SAME = 0.5
"""Two grains of different frames are one where their two strongest spots differ by less than this
over the smaller one's diameter."""


@dataclass(frozen=True, slots=True)
class Groups:
    """Grains and their spots; lengths by the header (nm, or px)."""

    k: np.ndarray
    """complex [grain, spot], kx + i ky; the strongest first, 0 where there is none"""
    sigma: np.ndarray
    """[grain, spot], standard error of k from noise"""
    snr: np.ndarray
    """[grain, spot]"""
    size: np.ndarray
    """[grain], diameter"""
    frame: np.ndarray
    """int64 [grain], number of the frame in the run"""
    row: np.ndarray
    """int64 [grain], row of the grain in its batch"""
    frames: int
    """How many were looked at."""
    seen: int
    """Grains met, those without two directions too."""
    applied: np.ndarray = field(default_factory=lambda: np.zeros(3))
    """Correction with which the newest frame was read."""
    newest: int = -1
    """Number of that frame."""

    def __len__(self) -> int:
        return len(self.size)

    def keep(self, rows: np.ndarray) -> Groups:
        """Take some of the grains."""
        return replace(self, **{name: getattr(self, name)[rows] for name in COLUMNS})

    def arrays(self) -> dict[str, np.ndarray]:
        """Everything, as arrays: to be saved, or to be sent."""
        counts = {name: np.array(getattr(self, name)) for name in (*COUNTS, "newest")}
        columns = {name: getattr(self, name) for name in COLUMNS}
        return columns | counts | {"applied": self.applied}


COLUMNS = ("k", "sigma", "snr", "size", "frame", "row")
COUNTS = ("frames", "seen")


def nothing() -> Groups:
    """Begin: no grain, no frame."""
    flat, table = np.zeros(0), np.zeros((0, SPOTS))
    number = np.zeros(0, np.int64)
    return Groups(table.astype(complex), table, table, flat, number, number, 0, 0)


def restored(arrays: Mapping[str, np.ndarray]) -> Groups:
    """Take up what `Groups.arrays` gave; ValueError says what is missing or does not fit."""
    missing = [name for name in (*COLUMNS, *COUNTS) if name not in arrays]
    if missing:
        raise ValueError(f"no {missing[0]!r} in the state: it is none of a self-calibration")
    columns: dict[str, Any] = {name: np.asarray(arrays[name]) for name in COLUMNS}
    many = len(columns["size"])
    for name, column in columns.items():
        shape = (many, SPOTS) if name in ("k", "sigma", "snr") else (many,)
        if column.shape != shape:
            raise ValueError(f"{name!r} of the state has shape {column.shape}, not {shape}")
    applied = np.asarray(arrays.get("applied", np.zeros(3)), float)
    if applied.shape != (3,):
        raise ValueError(f"'applied' of the state has shape {applied.shape}, not (3,)")
    newest = int(arrays.get("newest", -1))
    frames, seen = int(arrays["frames"]), int(arrays["seen"])
    return Groups(**columns, frames=frames, seen=seen, applied=applied, newest=newest)


def taken(
    said: xr.Dataset, numbers: Sequence[int], rows: bool = False, faintest: float = 0.0
) -> Groups:
    """Take the grains out of what `PhaseMapper` said of a batch of frames called `numbers`.

    Those with spots in two directions or more; with `rows`, those with a single row too; without
    spots of less than `faintest` of the power of the strongest in their frame. A correction that
    they were read with is taken back.
    """
    grain = np.where(_bright(said, len(numbers), faintest), said["spot_grain"].values, -1)
    k = said["spot_kx"].values + 1j * said["spot_ky"].values
    order = np.lexsort((-said["spot_snr"].values, grain))
    order = order[grain[order] >= 0]
    rank = np.arange(len(order)) - np.searchsorted(grain[order], grain[order])
    order, rank = order[rank < SPOTS], rank[rank < SPOTS]
    many = said.sizes["grain"]
    given = {"k": k, "sigma": said["spot_k_sigma"].values, "snr": said["spot_snr"].values}
    columns: dict[str, Any] = {}
    for name, values in given.items():
        columns[name] = np.zeros((many, SPOTS), values.dtype)
        columns[name][grain[order], rank] = values[order]
    applied = corrections(said, len(numbers))
    of_grain = applied[said["grain_frame"].values]
    columns["k"] = straightened(columns["k"], -of_grain[:, None])
    every = Groups(
        **columns,
        size=2 * np.sqrt(said["grain_area"].values / np.pi) / np.exp(of_grain[:, 0]),
        frame=np.asarray(numbers, np.int64)[said["grain_frame"].values],
        row=np.arange(many),
        frames=len(numbers),
        seen=many,
        applied=applied[int(np.argmax(numbers))] if len(numbers) else np.zeros(3),
        newest=max(numbers, default=-1),
    )
    useful = planar(every.k) | ((every.k[:, 0] != 0) & rows)
    return every.keep(np.flatnonzero(useful & (every.size > 0)))


def _bright(said: xr.Dataset, frames: int, faintest: float) -> np.ndarray:
    """Which spots have at least that part of the power of the strongest in their frame."""
    grain, power = said["spot_grain"].values, said["spot_snr"].values
    frame = np.where(grain >= 0, said["grain_frame"].values[grain], 0)
    most = np.zeros(frames)
    np.maximum.at(most, frame[grain >= 0], power[grain >= 0])
    return np.asarray(power >= faintest * most[frame])


def corrections(said: xr.Dataset, frames: int) -> np.ndarray:
    """Corrections with which each frame was read, float64 [frame, 3]; 0 where it is not said."""
    columns = [f"correction_{name}" for name in ("scale", "anisotropy", "shear")]
    if not all(name in said for name in columns):
        return np.zeros((frames, 3))
    return np.stack([np.asarray(said[name].values, float) for name in columns], axis=1)


def merged(one: Groups, other: Groups, most: int) -> Groups:
    """Join two tables and keep the `most` best grains, in their order."""
    columns: dict[str, Any] = {
        name: np.concatenate([getattr(one, name), getattr(other, name)]) for name in COLUMNS
    }
    last = one if one.newest > other.newest else other
    both = Groups(
        **columns,
        frames=one.frames + other.frames,
        seen=one.seen + other.seen,
        applied=last.applied,
        newest=last.newest,
    )
    return both.keep(_best(both)[:most])


def distinct(groups: Groups) -> Groups:
    """Leave each grain but once: a specimen seen in many frames is no more evidence."""
    kept: list[int] = []
    for row in range(len(groups)):
        here = np.array(kept, np.intp)
        reach = SAME / np.minimum(groups.size[here], groups.size[row])
        # Each of the two strongest of the one is among the four strongest of the other.
        near = groups.frame[here] != groups.frame[row]
        for n in range(2):
            aim, there = groups.k[row, n], groups.k[here][:, :4]
            apart = np.minimum(np.abs(there - aim), np.abs(there + aim))
            apart = np.where((there != 0) | (aim == 0), apart, np.inf)
            near &= apart.min(axis=1, initial=np.inf) < reach
        if not near.any():
            kept.append(row)
    return groups.keep(np.array(kept, np.intp))


def _best(groups: Groups) -> np.ndarray:
    """Rows: the most spots first, then the strongest, then the earliest."""
    spots = (groups.k != 0).sum(axis=1)
    strength = np.log(np.maximum(groups.snr, 1)).sum(axis=1)
    return np.lexsort((groups.row, groups.frame, -strength, -np.minimum(spots, 4)))


def planar(k: np.ndarray) -> np.ndarray:
    """Whether the spots of each grain, k[grain, spot], lie in more than one row."""
    cross = np.abs((k[:, :, None].conj() * k[:, None, :]).imag)
    length = np.abs(k[:, :, None]) * np.abs(k[:, None, :])
    return np.asarray((cross > COLLINEAR * length + 1e-12).any(axis=(1, 2)))
