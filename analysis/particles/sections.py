"""The star polygons of slices in three views: all that a volume of particles is made of.

Any worker collects any slices; what they collected joins to the same whatever the order.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

VIEWS = ("xy", "xz", "yz")
"""Slices are perpendicular to z, y, x: the axes 0, 1, 2 of a volume."""
Key = tuple[int, int]
UNKNOWN = (0.0, 0.0)
NAMED = 20
"""Slices that are named when they are left out."""


@dataclass(frozen=True, slots=True)
class Section:
    """The particles of one slice."""

    view: int
    """The axis of the volume that the slice is perpendicular to."""
    index: int
    """Its place along that axis, from 0."""
    shape: tuple[int, int]
    """Pixels along the two axes that are left, in their order."""
    corners: np.ndarray
    """float32 [star, ray, 2], pixels, in the order of the axes; the most probable first"""
    prob: np.ndarray
    """float32 [star]"""
    pixel: tuple[float, float] = UNKNOWN
    """um along the same two axes; 0 = unknown"""

    def __len__(self) -> int:
        return len(self.prob)

    def rank(self) -> tuple[int, bytes]:
        """Of two sections of one place the higher stays, whoever saw it first."""
        return len(self), self.prob.tobytes() + self.corners.tobytes()


def section(
    view: int,
    index: int,
    shape: tuple[int, int],
    corners: np.ndarray,
    prob: np.ndarray,
    pixel: tuple[float, float] = UNKNOWN,
) -> Section:
    """Make a section of what an analysis said; ValueError says what is wrong with it.

    Stars that are not finite are left out.
    """
    if view not in (0, 1, 2) or index < 0 or min(shape) < 1:
        raise ValueError(
            f"view {view}, slice {index} of {shape} pixels: views are 0 (xy), 1 (xz), 2 (yz), "
            "slices count from 0"
        )
    corners, prob = np.asarray(corners, np.float32), np.asarray(prob, np.float32)
    if corners.ndim != 3 or corners.shape[2] != 2 or corners.shape[0] != len(prob):
        raise ValueError(f"corners are [star, ray, 2], not {corners.shape}, for {len(prob)} stars")
    good = np.isfinite(corners).all(axis=(1, 2)) & (prob > 0) & (prob <= 1)
    order = np.flatnonzero(good)
    order = order[np.lexsort((*corners[order, 0, ::-1].T, -prob[order]))]
    return Section(view, index, (shape[0], shape[1]), corners[order], prob[order], pixel)


@dataclass(frozen=True)
class Sections:
    """The slices so far."""

    parts: Mapping[Key, Section] = field(default_factory=dict)
    """By view and index."""

    def __len__(self) -> int:
        return len(self.parts)

    def __iter__(self) -> Iterator[Section]:
        return (self.parts[key] for key in sorted(self.parts))

    def with_(self, new: Iterable[Section]) -> Sections:
        """Give these and more; of two of one place one stays, the same in any order."""
        parts = dict(self.parts)
        for one in new:
            key = (one.view, one.index)
            if key not in parts or one.rank() > parts[key].rank():
                parts[key] = one
        return Sections(parts)


@dataclass(frozen=True, slots=True)
class Extent:
    """The volume that slices belong to."""

    shape: tuple[int, int, int]
    """Voxels (z, y, x)"""
    pixel: tuple[float, float, float]
    """um (z, y, x); 0 = unknown"""
    notes: tuple[str, ...]
    """What was left out, in words."""


def agreed(sections: Sections) -> tuple[Sections, Extent]:
    """Tell the volume that most slices belong to, and those that do; the others are named."""
    lengths: list[Counter[int]] = [Counter(), Counter(), Counter()]
    pixels: list[Counter[float]] = [Counter(), Counter(), Counter()]
    for one in sections:
        for axis, length, pixel in zip(_left(one.view), one.shape, one.pixel, strict=True):
            lengths[axis][length] += 1
            pixels[axis][pixel] += 1
    shape, size = [], []
    for axis in range(3):
        indices = [one.index + 1 for one in sections if one.view == axis]
        shape.append(_most(lengths[axis]) or max(indices, default=1))
        size.append(_most(pixels[axis]) or 0.0)
    kept, notes = {}, []
    for one in sections:
        refusal = _refusal(one, shape, size)
        if refusal:
            notes.append(f"{VIEWS[one.view]} slice {one.index} left out: {refusal}")
        else:
            kept[one.view, one.index] = one
    notes = [*notes[:NAMED], *([f"{len(notes)} left out in all"] if len(notes) > NAMED else [])]
    extent = Extent(
        (int(shape[0]), int(shape[1]), int(shape[2])),
        (size[0], size[1], size[2]),
        (*notes, *_gaps(kept, shape)),
    )
    return Sections(kept), extent


def _most(votes: Counter[Any]) -> Any:
    """What most say, the larger of two; None without votes."""
    return max(votes, key=lambda value: (votes[value], value), default=None)


def _left(view: int) -> tuple[int, ...]:
    """The axes of the volume that a slice shows."""
    return tuple(axis for axis in range(3) if axis != view)


def _refusal(one: Section, shape: list[int], size: list[float]) -> str:
    """Why a slice is not of the volume; nothing if it is."""
    left = _left(one.view)
    wanted, pixel = [shape[axis] for axis in left], [size[axis] for axis in left]
    if list(one.shape) != wanted:
        return f"{one.shape[0]} x {one.shape[1]} pixels, most have {wanted[0]} x {wanted[1]}"
    if list(one.pixel) != pixel:
        here, most = (
            (f"{p[0]:g} x {p[1]:g} um" if any(p) else "unknown") for p in (one.pixel, pixel)
        )
        return f"the size of its pixels is {here}, of most {most}"
    return "" if one.index < shape[one.view] else f"there are {shape[one.view]} such slices"


def _gaps(kept: Mapping[Key, Section], shape: list[int]) -> list[str]:
    """Name the slices that are missing in views of which there are some."""
    notes = []
    for view in range(3):
        there = {index for v, index in kept if v == view}
        absent = sorted(set(range(shape[view])) - there)
        if there and absent:
            words = ", ".join(map(str, absent[:5])) + (", ..." if len(absent) > 5 else "")
            notes.append(f"{len(absent)} of {shape[view]} {VIEWS[view]} slices missing: {words}")
    return notes


def packed(sections: Sections) -> dict[str, np.ndarray]:
    """Put all sections into a few arrays, to be saved or sent."""
    parts = list(sections)
    rays = {one.corners.shape[1] for one in parts if len(one)} or {1}
    if len(rays) > 1:
        raise ValueError(f"slices of different networks: stars of {sorted(rays)} rays")
    empty = np.zeros((0, rays.pop(), 2), np.float32)
    return {
        "place": np.array([(p.view, p.index, *p.shape, len(p)) for p in parts], np.int64).reshape(
            -1, 5
        ),
        "pixel": np.array([p.pixel for p in parts], float).reshape(-1, 2),
        "corners": np.concatenate([empty, *(p.corners for p in parts if len(p))]),
        "prob": np.concatenate([np.zeros(0, np.float32), *(p.prob for p in parts)]),
    }


def unpacked(arrays: Mapping[str, np.ndarray]) -> Sections:
    """Take up what `packed` gave; ValueError if the arrays are none of it."""
    missing = {"place", "pixel", "corners", "prob"} - set(arrays)
    if missing:
        raise ValueError(f"no {min(missing)!r} in the state: it holds no slices of particles")
    place, prob, corners = (np.asarray(arrays[name]) for name in ("place", "prob", "corners"))
    if place.ndim != 2 or place.shape[1] != 5 or place[:, 4].sum() != len(prob):
        raise ValueError(f"the state has {len(prob)} stars, and its table tells of others")
    stops = np.cumsum(place[:, 4])
    pixels = np.asarray(arrays["pixel"], float).reshape(-1, 2)
    return Sections().with_(
        section(
            int(v),
            int(i),
            (int(h), int(w)),
            corners[e - n : e],
            prob[e - n : e],
            (float(p[0]), float(p[1])),
        )
        for (v, i, h, w, n), e, p in zip(place, stops, pixels, strict=True)
    )
