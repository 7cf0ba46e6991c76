"""What a session's map keeps of every frame: its fractions, and its votes for what is where.

Votes are whole numbers by place and class, so that they add up to the same in any order. A frame
votes once in each cell of the session's grid: for the phase of a grain with its confidence, and
with ABSENT for what shows no phase, as a crystal may be there and not be seen.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import xarray as xr

from ..operators import AnalysisError
from .maps import UNKNOWN, VACUUM

UNIT = 1000
"""Votes of one frame that is sure."""
ABSENT = 500
"""... and of one that sees no crystal, or none that it knows."""
LOOKS = 255
"""The class under which the frames that looked at a cell are counted."""
HALF = 1 << 25
"""Cells from the stage's zero to the farthest place."""


@dataclass(frozen=True, slots=True)
class Session:
    """All frames so far; lengths in nm."""

    classes: np.ndarray
    """Names of the classes, str [class]; none before the first frame."""
    number: np.ndarray
    """int64 [image], number of the frame in the session"""
    area: np.ndarray
    """[image], of the specimen"""
    y: np.ndarray
    """[image], of the centre on the stage; NaN = unknown"""
    x: np.ndarray
    fraction: np.ndarray
    """[image, phase]"""
    sigma: np.ndarray
    """[image, phase]"""
    labelled: np.ndarray
    """[image, phase], shares by the labels alone"""
    crystalline: np.ndarray
    """[image]"""
    crystalline_sigma: np.ndarray
    """[image]"""
    key: np.ndarray
    """int64 [vote], sorted: cell along y, along x, and class; see `packed`"""
    votes: np.ndarray
    """int64 [vote]"""

    def arrays(self) -> dict[str, np.ndarray]:
        """Everything, as arrays: to be saved, or to be sent."""
        return {name: getattr(self, name) for name in (*COLUMNS, *REST)}


COLUMNS = (
    "number",
    "area",
    "y",
    "x",
    "fraction",
    "sigma",
    "labelled",
    "crystalline",
    "crystalline_sigma",
)
REST = ("classes", "key", "votes")


def nothing() -> Session:
    """Begin: no frame."""
    flat, table, whole = np.zeros(0), np.zeros((0, 0)), np.zeros(0, np.int64)
    return Session(
        np.zeros(0, "<U1"), whole, flat, flat, flat, table, table, table, flat, flat, whole, whole
    )


def restored(arrays: Mapping[str, np.ndarray]) -> Session:
    """Take up what `Session.arrays` gave; ValueError says what is missing or does not fit."""
    missing = [name for name in (*COLUMNS, *REST) if name not in arrays]
    if missing:
        raise ValueError(f"no {missing[0]!r} in the state: it is none of a session's map")
    state = Session(**{name: np.asarray(arrays[name]) for name in (*COLUMNS, *REST)})
    many = len(state.number)
    for name in COLUMNS:
        if len(getattr(state, name)) != many:
            raise ValueError(
                f"{name!r} of the state has {len(getattr(state, name))} rows, not {many}"
            )
    if len(state.key) != len(state.votes):
        raise ValueError(f"the state has {len(state.key)} keys for {len(state.votes)} votes")
    return state


def taken(said: xr.Dataset, numbers: Sequence[int], pixel: float, turned: float) -> Session:
    """Take in what `PhaseMapper` said of the frames called `numbers`.

    `pixel` is the edge of a cell in nm, `turned` the angle by which the image is turned on the
    stage, in degrees (counter-clockwise as seen, y down).
    """
    many = said.sizes["frame"]
    if len(numbers) != many:
        raise AnalysisError(f"{len(numbers)} numbers were given for {many} frames")
    step = [float(np.ptp(said[a].values)) / max(said.sizes[a] - 1, 1) for a in "yx"]
    place = [_stage(said, axis, many) for axis in "yx"]
    parts = [
        _votes(said, n, (place[0][n], place[1][n]), step, pixel, turned)
        for n in range(many)
        if np.isfinite(place[0][n] + place[1][n])
    ]
    key, votes = _summed([part[0] for part in parts], [part[1] for part in parts])
    classes = np.array(said["phase_map"].attrs["flag_meanings"].split())
    counts = np.array(
        [np.bincount(one.ravel(), minlength=len(classes)) for one in said["phase_map"].values]
    ).reshape(many, -1)
    inside = counts[:, VACUUM + 1 :].sum(axis=1)
    return Session(
        classes=classes,
        number=np.asarray(numbers, np.int64),
        area=inside * step[0] * step[1],
        y=place[0],
        x=place[1],
        fraction=said["phase_fraction"].values.astype(float),
        sigma=said["phase_fraction_sigma"].values.astype(float),
        labelled=counts[:, UNKNOWN + 1 :] / np.maximum(inside, 1)[:, None],
        crystalline=said["crystalline_fraction"].values.astype(float),
        crystalline_sigma=said["crystalline_fraction_sigma"].values.astype(float),
        key=key,
        votes=votes,
    )


def _stage(said: xr.Dataset, axis: str, many: int) -> np.ndarray:
    name = f"stage_{axis}"
    if name not in said.coords:
        return np.full(many, np.nan)
    return np.broadcast_to(said[name].values.astype(float), many)


def _votes(
    said: xr.Dataset,
    n: int,
    centre: tuple[float, float],
    step: Sequence[float],
    pixel: float,
    turned: float,
) -> tuple[np.ndarray, np.ndarray]:
    """Keys and votes of frame `n` of a batch, for each cell whose centre it shows."""
    labels, sure = said["phase_map"].values[n], said["confidence"].values[n]
    size = np.multiply(labels.shape, step)
    reach = np.hypot(*size) / 2 + pixel
    cells = [np.arange(int((c - reach) // pixel), int((c + reach) // pixel) + 1) for c in centre]
    if max(int(np.abs(c).max()) for c in cells) >= HALF:
        raise AnalysisError(f"stage position {centre} nm is farther than {HALF * pixel:g} nm off")
    # Positions on the stage turned back into the image, where y points down.
    down, right = ((c + 0.5) * pixel - at for c, at in zip(cells, centre, strict=True))
    cosine, sine = np.cos(np.deg2rad(turned)), np.sin(np.deg2rad(turned))
    y = cosine * down[:, None] + sine * right + size[0] / 2
    x = cosine * right - sine * down[:, None] + size[1] / 2
    rows, columns = (y // step[0]).astype(int), (x // step[1]).astype(int)
    seen = (rows >= 0) & (rows < labels.shape[0]) & (columns >= 0) & (columns < labels.shape[1])
    at = rows[seen], columns[seen]
    label = labels[at].astype(np.int64)
    votes = np.where(label > UNKNOWN, np.rint(UNIT * sure[at]), ABSENT).astype(np.int64)
    cy, cx = (grid[seen] for grid in np.meshgrid(*cells, indexing="ij"))
    looks = packed(cy, cx, np.full(len(cy), LOOKS))
    return np.concatenate([packed(cy, cx, label), looks]), np.r_[votes, np.ones_like(votes)]


def packed(cy: np.ndarray, cx: np.ndarray, label: np.ndarray) -> np.ndarray:
    """One whole number of the cell along y, along x, and the class."""
    return np.asarray(((cy + HALF) << 34) | ((cx + HALF) << 8) | label, np.int64)


def unpacked(key: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The cell along y, along x, and the class of each key."""
    return (key >> 34) - HALF, ((key >> 8) & (2 * HALF - 1)) - HALF, key & 255


def merged(one: Session, other: Session) -> Session:
    """Join two sessions; the order doesn't matter. AnalysisError if their classes differ."""
    if not len(one.number) or not len(other.number):
        return other if len(other.number) else one
    if not np.array_equal(one.classes, other.classes):
        raise AnalysisError(
            "the frames of one session were analysed with different candidates: "
            f"{' '.join(one.classes)}, and {' '.join(other.classes)}"
        )
    columns: dict[str, Any] = {
        name: np.concatenate([getattr(one, name), getattr(other, name)]) for name in COLUMNS
    }
    order = np.lexsort((columns["area"], columns["number"]))
    key, votes = _summed([one.key, other.key], [one.votes, other.votes])
    kept = {name: column[order] for name, column in columns.items()}
    return replace(one, **kept, key=key, votes=votes)


def _summed(
    keys: Sequence[np.ndarray], votes: Sequence[np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    """Add the votes of equal keys."""
    empty = np.zeros(0, np.int64)
    key, place = np.unique(np.concatenate([empty, *keys]), return_inverse=True)
    total = np.zeros(len(key), np.int64)
    np.add.at(total, place, np.concatenate([empty, *votes]))
    return key, total
