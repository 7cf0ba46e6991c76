"""In which slices each particle was seen: what was missed takes nothing from its shape.

A network misses cross-sections as a whole. A cell belongs to its particle if half of those slices
see it there that show the particle at all; what one view missed, the others decide alone.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .flow import Grid, smooth, smooth_line

SHARE = 0.45
"""Share of the slices that show a particle which must see it in a cell."""
FEW = 0.3
"""Slices that show the particle; where it is fewer, nothing is known."""
VIEWS_AT_LEAST = 2
"""Views that see cells from which is taken whether a slice shows their particle."""


@dataclass(frozen=True, slots=True)
class Coverage:
    """How often each particle was seen by plane of each view."""

    stars: tuple[np.ndarray, np.ndarray, np.ndarray]
    """float32 [particle, plane] of each view: stars over the cells of the particle, summed"""
    cells: tuple[np.ndarray, np.ndarray, np.ndarray]
    """The same: cells"""

    def add(self, labels: np.ndarray, count: np.ndarray, low: int) -> None:
        """Look at a slab from plane `low` on: `labels` [z, y, x], stars [view, z, y, x]."""
        sure = ((count > 0).sum(axis=0) >= VIEWS_AT_LEAST) & (labels > 0)
        place = np.nonzero(sure)
        who = labels[sure].astype(np.int64)
        for view in range(3):
            planes = self.stars[view].shape[1]
            key = who * planes + place[view] + (low if view == 0 else 0)
            size = self.stars[view].size
            seen = np.bincount(key, count[view][sure], size)
            self.stars[view].ravel()[:] += seen.astype(np.float32)
            self.cells[view].ravel()[:] += np.bincount(key, minlength=size).astype(np.float32)

    def expected(self) -> list[np.ndarray]:
        """Slices that show the particle, float32 [particle, plane] of each view, smoothed."""
        return [
            smooth_line(np.rint(stars / np.maximum(cells, 1)))
            for stars, cells in zip(self.stars, self.cells, strict=True)
        ]

    def share(self, seen: tuple[np.ndarray, ...]) -> np.ndarray:
        """Share of a particle's cross-sections that were seen, [particle].

        `seen`: slices that there are, by plane of each view.
        """
        there = sum(((c > 0) * line).sum(axis=1) for c, line in zip(self.cells, seen, strict=True))
        found = sum(
            np.rint(s / np.maximum(c, 1)).sum(axis=1)
            for s, c in zip(self.stars, self.cells, strict=True)
        )
        return np.asarray(found / np.maximum(there, 1))


def nothing(particles: int, grid: Grid) -> Coverage:
    """Begin: nothing was looked at."""

    def empty() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        z, y, x = (np.zeros((particles + 1, planes), np.float32) for planes in grid.shape)
        return z, y, x

    return Coverage(empty(), empty())


def cut(
    labels: np.ndarray, count: np.ndarray, expected: list[np.ndarray], grid: Grid, low: int
) -> None:
    """Take from `labels` [z, y, x] the cells that too few slices see as part of a particle.

    `count` [view, z, y, x]; the first plane is `low`.
    """
    depth, height, width = labels.shape
    stars = smooth(count.sum(axis=0, dtype=np.float32))
    ez, ey, ex = (smooth_line(np.ones(n)) for n in grid.shape)
    z, ez = np.arange(low, low + depth)[:, None, None], ez[low : low + depth, None, None]
    y, ey = np.arange(height)[:, None], ey[:, None]
    wanted = expected[0][labels, z] * (ey * ex)
    wanted += expected[1][labels, y] * (ez * ex)
    wanted += expected[2][labels, np.arange(width)] * (ez * ey)
    labels[(stars < SHARE * wanted) | (wanted < FEW)] = 0
