"""How right the marks in pictures of spectra are, beside those that people or simulations gave.

Spots are the objects: pairs one to one within REACH, the direct beam left out on both sides, all
pictures pooled. The program of Zhang et al. (Micron 166 (2023) 103402) counts pixels instead: Dice
of the marks of each picture, the direct beam among them, and the mean of that over the pictures;
`pixel_dice` is that. The two differ: the direct beam is in every picture and never missed, but a
mark a pixel off loses a third of its pixels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.optimize import linear_sum_assignment

from .marks import REACH, spots_of

DRAWS = 2000
"""Of the bootstrap, over pictures."""
INTERVAL = (2.5, 97.5)
"""Percentiles."""


@dataclass(frozen=True, slots=True)
class Match:
    """Counts of spots; two are merged by adding."""

    both: int
    said: int
    true: int

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall; nan where there is nothing."""
        total = self.said + self.true
        return 2 * self.both / total if total else float("nan")

    def __add__(self, other: Match) -> Match:
        """Pool two counts."""
        return Match(self.both + other.both, self.said + other.said, self.true + other.true)


def match(said: np.ndarray, true: np.ndarray) -> Match:
    """Pair spots one to one, as many as there are within REACH."""
    if not len(said) or not len(true):
        return Match(0, len(said), len(true))
    apart = np.linalg.norm(said[:, None] - true, axis=2)
    rows, columns = linear_sum_assignment(np.where(apart <= REACH, apart, 1e3))
    return Match(int((apart[rows, columns] <= REACH).sum()), len(said), len(true))


def best_threshold(
    logits: Sequence[np.ndarray], truth: Sequence[np.ndarray]
) -> tuple[float, float]:
    """Find the threshold of logits that gives the best F1; give both."""
    tried = np.linspace(-4, 6, 41)
    scores = []
    for above in tried:
        pairs = zip(logits, truth, strict=True)
        total = sum((match(spots_of(each, above), there) for each, there in pairs), Match(0, 0, 0))
        scores.append(total.f1)
    best = int(np.nanargmax(scores))
    return float(tried[best]), float(scores[best])


def report(
    logits: Sequence[np.ndarray], truth: Sequence[np.ndarray], above: float
) -> dict[str, Any]:
    """Compare the spots of `logits` over `above` with `truth` (y, x) picture by picture.

    `f1_interval` is where the F1 of as many other pictures of the kind lies in 95 of 100 cases
    (bootstrap); `symmetric_f1` is what marks that obey Friedel's law could reach at best. None
    where there is nothing.
    """
    said = [spots_of(each, above) for each in logits]
    each = [match(*pair) for pair in zip(said, truth, strict=True)]
    total = sum(each, Match(0, 0, 0))
    shape = logits[0].shape
    fair = sum((match(symmetric(there, shape), there) for there in truth), Match(0, 0, 0))
    return {
        "pictures": len(each),
        "spots": total.true,
        "threshold": above,
        "f1": total.f1 if total.said + total.true else None,
        "f1_interval": interval(each),
        "precision": total.both / total.said if total.said else None,
        "recall": total.both / total.true if total.true else None,
        "symmetric_f1": fair.f1 if total.true else None,
    }


def interval(each: Sequence[Match]) -> dict[str, float]:
    """Bounds of the pooled F1 over pictures drawn with replacement."""
    counts = np.array([(one.both, one.said + one.true) for one in each], float)
    rng = np.random.default_rng(0)
    drawn = counts[rng.integers(0, len(counts), (DRAWS, len(counts)))].sum(axis=1)
    low, high = np.percentile(2 * drawn[:, 0] / np.maximum(drawn[:, 1], 1), INTERVAL)
    return {"low": float(low), "high": float(high)}


def symmetric(places: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Give `places` (y, x) and their Friedel mates, one for those that are the same."""
    middle = np.array(shape) // 2
    kept: list[np.ndarray] = []
    for place in np.concatenate([places, 2 * middle - places]):
        if all(np.hypot(*(place - other)) > REACH for other in kept):
            kept.append(place)
    return np.array(kept, float).reshape(-1, 2)


def pixel_dice(said: np.ndarray, mask: np.ndarray) -> float:
    """Dice of marks of 3 by 3 pixels at `said` (y, x), and the direct beam, with bool `mask`."""
    drawn = np.zeros(mask.shape, bool)
    for y, x in np.rint(np.vstack([said, np.array(mask.shape) // 2])).astype(int):
        drawn[max(y - 1, 0) : y + 2, max(x - 1, 0) : x + 2] = True
    return float(2 * (drawn & mask).sum() / max(drawn.sum() + mask.sum(), 1))
