"""The star polygons of slices in three views: all that a volume of particles is made of.

Any worker collects any slices; what they collected joins to the same whatever the order.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np

VIEWS = ("xy", "xz", "yz")
"""Slices are perpendicular to z, y, x: the axes 0, 1, 2 of a volume."""
Key = tuple[int, int]
UNKNOWN = (0.0, 0.0)
MOST = 1 << 17
"""Voxels along an axis; a frame with a higher number is no slice."""


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
    dark: np.ndarray
    """float32 [star]: share of it that is as dark as cracks; NaN = unknown"""
    pixel: tuple[float, float] = UNKNOWN
    """um along the same two axes; 0 = unknown"""
    lines: tuple[tuple[int, int], ...] = ()
    """Those that were filled in: the axis of the volume across which they lie, and their place."""

    def __len__(self) -> int:
        return len(self.prob)

    def rank(self) -> tuple[int, bytes, tuple[tuple[int, int], ...]]:
        """Of two sections of one place the higher stays, whoever saw it first."""
        told = self.prob.tobytes() + self.corners.tobytes() + self.dark.tobytes()
        return len(self), told, self.lines


def section(
    view: int,
    index: int,
    shape: tuple[int, int],
    corners: np.ndarray,
    prob: np.ndarray,
    pixel: tuple[float, float] = UNKNOWN,
    dark: np.ndarray | None = None,
    lines: Iterable[tuple[int, int]] = (),
) -> Section:
    """Make a section of what an analysis said; ValueError says what is wrong with it.

    `lines` that were filled in: axis of the slice (0, 1), and place along it. Stars that are not
    finite are left out.
    """
    if view not in (0, 1, 2) or not 0 <= index < MOST or not 1 <= min(shape) <= max(shape) < MOST:
        raise ValueError(
            f"view {view}, slice {index} of {shape} pixels: views are 0 (xy), 1 (xz), 2 (yz), "
            f"slices count from 0, and a volume is below {MOST} voxels along each axis"
        )
    corners, prob = np.asarray(corners, np.float32), np.asarray(prob, np.float32)
    unknown = np.full(len(prob), np.nan, np.float32)
    dark = unknown if dark is None else np.asarray(dark, np.float32)
    if corners.ndim != 3 or corners.shape[2] != 2 or corners.shape[0] != len(prob):
        raise ValueError(f"corners are [star, ray, 2], not {corners.shape}, for {len(prob)} stars")
    good = np.isfinite(corners).all(axis=(1, 2)) & (prob > 0) & (prob <= 1)
    order = np.flatnonzero(good)
    order = order[np.lexsort((*corners[order, 0, ::-1].T, -prob[order]))]
    size = (shape[0], shape[1])
    left = [axis for axis in range(3) if axis != view]
    filled = tuple(sorted((left[int(axis)], int(place)) for axis, place in lines))
    return Section(view, index, size, corners[order], prob[order], dark[order], pixel, filled)


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
        "dark": np.concatenate([np.zeros(0, np.float32), *(p.dark for p in parts)]),
        "lines": np.array(
            [(n, *line) for n, p in enumerate(parts) for line in p.lines], np.int64
        ).reshape(-1, 3),
    }


def unpacked(arrays: Mapping[str, np.ndarray]) -> Sections:
    """Take up what `packed` gave; ValueError if the arrays are none of it."""
    missing = {"place", "pixel", "corners", "prob", "dark"} - set(arrays)
    if missing:
        raise ValueError(f"no {min(missing)!r} in the state: it holds no slices of particles")
    place, prob, corners, dark = (
        np.asarray(arrays[name]) for name in ("place", "prob", "corners", "dark")
    )
    sound = place.ndim == 2 and place.shape[1] == 5 and prob.shape == dark.shape
    if not sound or place[:, 4].sum() != len(prob):
        raise ValueError(f"the state has {len(prob)} stars, and its table tells of others")
    stops = np.cumsum(place[:, 4])
    pixels = np.asarray(arrays["pixel"], float).reshape(-1, 2)
    lines: dict[int, list[tuple[int, int]]] = {}
    for n, axis, at in np.asarray(arrays.get("lines", ()), np.int64).reshape(-1, 3).tolist():
        own = axis - (axis > int(place[n, 0]))  # of the slice, not of the volume
        lines.setdefault(n, []).append((own, at))
    return Sections().with_(
        section(
            int(v),
            int(i),
            (int(h), int(w)),
            corners[e - n : e],
            prob[e - n : e],
            (float(p[0]), float(p[1])),
            dark[e - n : e],
            lines.get(number, ()),
        )
        for number, ((v, i, h, w, n), e, p) in enumerate(zip(place, stops, pixels, strict=True))
    )
