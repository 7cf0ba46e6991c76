"""Envelopes in boxes: each reflection's fringes about the places where it was seen, and no more."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from .envelopes import Box

Power: TypeAlias = Callable[[int, Box], np.ndarray]
"""Squared amplitudes of the fringes of a reflection in a box and one sample about it, float32
[y, x]."""
Square: TypeAlias = tuple[int, int, int, int]
"""Samples from top to bottom and left to right, the ends excluded."""
MARGIN = 7
"""Samples about the support that hold most of what is joined to it."""
STEP = 16
"""Boxes are cut in sizes of so many samples, so that those of a size are looked at together."""


@dataclass(frozen=True, slots=True)
class Support:
    """Where each reflection was seen."""

    squares: tuple[tuple[Square, ...], ...]
    """About the sightings of each reflection."""
    bounds: np.ndarray
    """Smallest box of each reflection: int [reflection, (top, bottom, left, right)]."""
    shape: tuple[int, int]
    """(y, x) samples of an envelope."""

    def size(self) -> np.ndarray:
        """Edge of a box that most likely holds all of a reflection, int [reflection]."""
        top, bottom, left, right = self.bounds.T
        edge = np.maximum(bottom - top, right - left) + 2 * MARGIN
        return np.asarray(-(-edge // STEP) * STEP)


@dataclass(frozen=True, slots=True)
class Boxes:
    """Envelopes of some reflections, in boxes of one size that lie in the plane."""

    rows: np.ndarray
    """The reflections."""
    corner: np.ndarray
    """First sample (y, x) of each box."""
    wide: np.ndarray
    """float32 [box, y, x], one sample more on each side; beyond its edges the plane is periodic."""
    support: np.ndarray
    """Where the reflections were seen, bool [box, y, x]."""
    shape: tuple[int, int]
    """Of the plane."""

    @property
    def power(self) -> np.ndarray:
        """The envelopes in the boxes alone."""
        return self.wide[:, 1:-1, 1:-1]

    def places(self, box: np.ndarray, y: np.ndarray, x: np.ndarray) -> np.ndarray:
        """Flat places in the plane of samples of boxes."""
        top, left = self.corner[box].T
        return np.asarray((y + top) * self.shape[1] + x + left)

    def cut(self, labels: np.ndarray) -> np.ndarray:
        """Which boxes cut something marked in `labels` [box, y, x] off, bool [box]."""
        end = self.corner + self.support.shape[1:]
        edges = (
            (labels[:, 0], self.corner[:, 0] > 0),
            (labels[:, -1], end[:, 0] < self.shape[0]),
            (labels[:, :, 0], self.corner[:, 1] > 0),
            (labels[:, :, -1], end[:, 1] < self.shape[1]),
        )
        return np.asarray(np.any([line.any(axis=1) & inside for line, inside in edges], axis=0))


def boxes(power: Power, rows: np.ndarray, size: int, support: Support) -> Boxes:
    """Cut a box of `size` samples about the support of each of the `rows`."""
    edges = np.minimum(size, support.shape)
    bounds = support.bounds[rows]
    middle = np.stack([bounds[:, 0] + bounds[:, 1], bounds[:, 2] + bounds[:, 3]], axis=1) // 2
    corner = np.clip(middle - edges // 2, 0, support.shape - edges)
    wide = np.empty((len(rows), *(edges + 2)), np.float32)
    drawn = np.zeros((len(rows), *edges), bool)
    for n, (row, (y, x)) in enumerate(zip(rows.tolist(), corner.tolist(), strict=True)):
        for top, bottom, left, right in support.squares[row]:
            drawn[n, top - y : bottom - y, left - x : right - x] = True
        wide[n] = power(row, (slice(y, y + int(edges[0])), slice(x, x + int(edges[1]))))
    return Boxes(rows, corner, wide, drawn, support.shape)


def seen_at(
    component: np.ndarray,
    place: tuple[np.ndarray, np.ndarray],
    half: np.ndarray,
    shape: tuple[int, int],
    pixel: tuple[float, float],
) -> Support:
    """Draw a square of half edge `half` about the `place` (y, x) of each sighting.

    `component` says which reflection it is of, `shape` and `pixel` are those of the envelopes.
    """
    top, bottom = ((place[0] + s * half) / pixel[0] for s in (-1, 1))
    left, right = ((place[1] + s * half) / pixel[1] for s in (-1, 1))
    edges = np.stack([top, np.ceil(bottom), left, np.ceil(right)], axis=1)
    limits = [shape[0], shape[0], shape[1], shape[1]]
    edges = np.clip(edges, 0, limits).astype(int)
    squares: list[list[Square]] = [[] for _ in range(int(component.max(initial=-1)) + 1)]
    for row, (y0, y1, x0, x1) in zip(component.tolist(), edges.tolist(), strict=True):
        squares[row].append((y0, y1, x0, x1))
    bounds = np.tile([shape[0], 0, shape[1], 0], (len(squares), 1))
    for n, furthest in enumerate((np.minimum, np.maximum, np.minimum, np.maximum)):
        furthest.at(bounds[:, n], component, edges[:, n])
    return Support(tuple(map(tuple, squares)), bounds, shape)
