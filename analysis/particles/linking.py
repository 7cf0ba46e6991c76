"""Slices of one view linked to a volume: cross-sections that follow each other are one particle.

Slice by slice an assignment of least squared distance (`scipy.optimize.linear_sum_assignment`), and
a particle that a few slices miss goes on where it was (Jaqaman et al., Nat. Methods 5, 695, 2008,
close gaps likewise). For scans of which there is one view only: fusing three views is better.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist

from ..operators import AnalysisError
from .drawing import draw
from .extent import Extent, agreed
from .sections import Section, Sections

FAR = 1e6
"""Cost of a pair that is too far apart."""


@dataclass(frozen=True)
class Linking:
    """How slices are linked."""

    distance: float = 0.8
    """Between centroids of cross-sections that follow each other, at most, over the radius of the
    smaller one's circle of equal area."""
    gap: int = 3
    """Slices in a row that may miss a particle."""

    def __post_init__(self) -> None:
        """Refuse settings that mean nothing; ValueError names the setting and what is allowed."""
        if not 0 < self.distance < np.inf:
            raise ValueError(f"distance must be above 0, not {self.distance!r}")
        if not 0 <= self.gap <= 1000:
            raise ValueError(f"gap must be 0 to 1000 slices, not {self.gap!r}")

    def link(self, sections: Sections, view: int | None = None) -> Linked:
        """Link the slices of `view`, or of that with most slices; AnalysisError without any."""
        kept, extent = agreed(sections)
        views = [one.view for one in kept]
        if not views:
            raise AnalysisError("there are no slices to be linked")
        view = max(range(3), key=lambda v: (views.count(v), -v)) if view is None else view
        slices = [one for one in kept if one.view == view and len(one)]
        numbers: list[np.ndarray] = []
        open_ = _Open(np.zeros((0, 2)), np.zeros(0), np.zeros(0, np.int64), np.zeros(0, np.int64))
        many = 0
        for one in slices:
            open_ = open_.kept(one.index - self.gap - 1)
            own = self._joined(open_, one)
            new = own == 0
            own[new] = many + 1 + np.arange(new.sum())
            many += int(new.sum())
            numbers.append(own)
            open_ = open_.moved(one, own)
        return Linked(extent, view, _bridged(slices, numbers), many)

    def _joined(self, open_: _Open, one: Section) -> np.ndarray:
        """Particle of each star of the next slice; 0 = a new one."""
        own = np.zeros(len(one), np.int64)
        middle, radius = _discs(one)
        if not len(open_.who):
            return own
        far = cdist(open_.middle, middle)
        allowed = self.distance * np.minimum(open_.radius[:, None], radius[None])
        cost = np.where(far <= allowed, far**2, FAR)
        row, column = linear_sum_assignment(cost)
        good = cost[row, column] < FAR
        own[column[good]] = open_.who[row[good]]
        return own


@dataclass(frozen=True)
class _Open:
    """Particles that may go on."""

    middle: np.ndarray
    radius: np.ndarray
    who: np.ndarray
    last: np.ndarray
    """Slice in which it was seen last."""

    def kept(self, oldest: int) -> _Open:
        """Leave out what was not seen since slice `oldest`."""
        young = self.last >= oldest
        return _Open(self.middle[young], self.radius[young], self.who[young], self.last[young])

    def moved(self, one: Section, own: np.ndarray) -> _Open:
        """Go on to where the particles are in the next slice."""
        rest = ~np.isin(self.who, own)
        middle, radius = _discs(one)
        return _Open(
            np.concatenate([self.middle[rest], middle]),
            np.concatenate([self.radius[rest], radius]),
            np.concatenate([self.who[rest], own]),
            np.concatenate([self.last[rest], np.full(len(own), one.index)]),
        )


@dataclass(frozen=True)
class Linked:
    """The particles of a volume, not yet drawn."""

    extent: Extent
    view: int
    slices: dict[int, tuple[np.ndarray, np.ndarray]]
    """By index: corners float32 [star, ray, 2], and the particle of each star, from 1."""
    particles: int

    def plane(self, index: int, stride: int = 1) -> np.ndarray:
        """Draw a slice with pixels of `stride` voxels, uint32 [a, b]."""
        a, b = (-(-n // stride) for axis, n in enumerate(self.extent.shape) if axis != self.view)
        if index not in self.slices:
            return np.zeros((a, b), np.uint32)
        corners, who = self.slices[index]
        number = np.concatenate([[0], who]).astype(np.uint32)
        return np.asarray(number[draw((corners + 0.5) / stride - 0.5, (a, b))])

    def labels(self, stride: int = 1) -> np.ndarray:
        """Draw all, uint32 [z, y, x], or the middle one of each `stride` voxels."""
        many = self.extent.shape[self.view]
        middle = [min(n + stride // 2, many - 1) for n in range(0, many, stride)]
        return np.stack([self.plane(index, stride) for index in middle], axis=self.view)

    def sums(self) -> np.ndarray:
        """Voxels of each particle, their z, y, x, and those on faces, float64 [particle, 5]."""
        sums = np.zeros((self.particles + 1, 5))
        for index in self.slices:
            plane = self.plane(index)
            many = np.bincount(plane.ravel(), minlength=len(sums)).astype(float)
            a, b = np.indices(plane.shape)
            sums[:, 0] += many
            for axis, place in zip((n for n in range(3) if n != self.view), (a, b), strict=True):
                sums[:, 1 + axis] += np.bincount(plane.ravel(), place.ravel(), len(sums))
            sums[:, 1 + self.view] += index * many
            on_face = index in (0, self.extent.shape[self.view] - 1)
            for face in [plane] if on_face else [plane[[0, -1]], plane[:, [0, -1]]]:
                sums[:, 4] += np.bincount(face.ravel(), minlength=len(sums))
        return sums


def _discs(one: Section) -> tuple[np.ndarray, np.ndarray]:
    """Middle [star, 2] of each star, and radius of the circle of equal area."""
    a, b = np.moveaxis(one.corners.astype(float), 2, 0)
    turn = a * np.roll(b, -1, axis=1) - np.roll(a, -1, axis=1) * b
    return one.corners.mean(axis=1, dtype=float), np.sqrt(np.abs(turn.sum(axis=1)) / (2 * np.pi))


def _bridged(
    slices: list[Section], numbers: list[np.ndarray]
) -> dict[int, tuple[np.ndarray, np.ndarray]]:
    """All stars by slice, those that are missing between two of a particle as their mean."""
    last: dict[int, tuple[int, np.ndarray]] = {}
    corners: dict[int, list[np.ndarray]] = {}
    who: dict[int, list[int]] = {}
    for one, own in zip(slices, numbers, strict=True):
        for star, number in zip(one.corners, own.tolist(), strict=True):
            start, before = last.get(number, (one.index - 1, star))
            for index in range(start + 1, one.index + 1):
                part = np.float32((index - start) / (one.index - start))
                corners.setdefault(index, []).append(before + part * (star - before))
                who.setdefault(index, []).append(number)
            last[number] = (one.index, star)
    return {index: (np.stack(corners[index]), np.array(who[index])) for index in corners}
