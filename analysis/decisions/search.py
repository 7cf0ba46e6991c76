"""Which cell of a raster to look at next, to find most of something with few looks.

What is sought lies in patches: a cell beside one that holds some of it is the best bet. Where there
is none, the cell farthest from all that were seen: it halves the largest hole that a patch could
hide in. Every cell is looked at once at most, so the worst case is the raster itself.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import scipy.ndimage

BESIDE = 0.25
"""Weight of a neighbour over a corner to the bet that a cell holds some."""


@dataclass
class Search:
    """The state of a search over cells [y, x]; `shape` is their number."""

    shape: tuple[int, int]
    enough: float = 0.01
    """A cell that holds at least so much (area fraction) has something worth following."""
    seen: np.ndarray = field(init=False)
    """What was found in each cell, float64 [y, x]; NaN where nobody looked."""

    def __post_init__(self) -> None:
        """Begin with nothing seen; ValueError for a raster without cells."""
        if min(self.shape) < 1:
            raise ValueError(f"a raster needs a cell at least, not {self.shape}")
        self.seen = np.full(self.shape, np.nan)

    def tell(self, cell: tuple[int, int], amount: float) -> None:
        """Take in what a cell holds; a number that is none counts as nothing found there."""
        self.seen[cell] = amount if np.isfinite(amount) else 0.0

    def next(self) -> tuple[int, int] | None:
        """The cell to look at now; None when all were seen."""
        unseen = np.isnan(self.seen)
        if not unseen.any():
            return None
        bet = self._bet()
        bet[~unseen] = 0
        if bet.max() > 0:
            return self._cell(bet)
        return self._cell(self._hole() * unseen)

    @property
    def found(self) -> float:
        """All that was found where there is enough, in cells; the rest is noise."""
        return float(np.nansum(self.seen, where=self.seen >= self.enough))

    def left(self, reach: int = 2) -> float:
        """What may still be hidden, in cells: the share of holes as wide as `reach` cells.

        By the mean of what was seen away from patches: an estimate, for a stop rule.
        """
        hole = self._hole() > reach
        background = np.nanmean(self.seen) if np.isfinite(self.seen).any() else 0.0
        return float(hole.sum() * background)

    def _bet(self) -> np.ndarray:
        """How much the neighbours of each cell hold: beside it, and less over a corner."""
        held = np.nan_to_num(self.seen)
        held[held < self.enough] = 0
        kernel = np.array([[BESIDE, 1, BESIDE], [1, 0, 1], [BESIDE, 1, BESIDE]])
        return np.asarray(scipy.ndimage.convolve(held, kernel, mode="constant"))

    def _hole(self) -> np.ndarray:
        """Distance of each cell to the nearest one that was seen; the edge counts as half seen."""
        unseen = np.isnan(self.seen)
        if unseen.all():  # begin in the middle
            y, x = (np.minimum(np.arange(n) + 1, n - np.arange(n)) for n in self.shape)
            return np.minimum(y[:, None], x[None, :]).astype(float)
        return np.asarray(scipy.ndimage.distance_transform_edt(unseen))

    def _cell(self, worth: np.ndarray) -> tuple[int, int]:
        best = np.flatnonzero(worth.ravel() >= worth.max() * (1 - 1e-9))
        # of equals the one nearest to the last look would be cheapest to reach: the first is enough
        return divmod(int(best[0]), self.shape[1])
