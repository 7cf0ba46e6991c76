"""How right labels are: particles matched one to one with those of the truth.

AP = TP / (TP + FP + FN) at a least intersection over union, the `accuracy` of the package stardist
(`stardist.matching`). People who label real slices skip particles at the edges and faint ones; a
mask `ignore`, made from the image alone, says where: unmatched predictions that lie in it by 40 %
or more are no mistakes then.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

THRESHOLDS = (0.5, 0.6, 0.7, 0.75, 0.8, 0.9)
IGNORED = 0.4
"""Part of a prediction in `ignore` from which on it isn't counted against the analysis."""


@dataclass(frozen=True)
class Tally:
    """What was right at one threshold."""

    hits: int = 0
    """Particles found."""
    false: int = 0
    """Predictions that match no particle."""
    excused: int = 0
    """Those of them that lie where nothing was labelled."""
    missed: int = 0
    overlap: float = 0.0
    """Sum of the intersections over union of the hits."""

    def __add__(self, other: Tally) -> Tally:
        return Tally(
            self.hits + other.hits,
            self.false + other.false,
            self.excused + other.excused,
            self.missed + other.missed,
            self.overlap + other.overlap,
        )


def tallies(
    true: np.ndarray,
    said: np.ndarray,
    ignore: np.ndarray | None = None,
    valid: np.ndarray | None = None,
) -> dict[float, Tally]:
    """Match labels `said` with labels `true` (int, of one shape, 0 background), by threshold.

    Truth outside of `valid` and predictions whose larger part lies there are not looked at.
    """
    if valid is not None:
        true, said = _within(true, valid), _within(said, valid)
    pairs = overlaps(true, said)
    hidden = np.zeros(len(pairs.said_area), bool)
    if ignore is not None:
        numbers = np.unique(said[said > 0])
        of = np.searchsorted(numbers, said[ignore & (said > 0)])
        hidden = np.bincount(of, minlength=len(numbers)) >= IGNORED * pairs.said_area
    return {least: _tally(pairs, least, hidden) for least in THRESHOLDS}


@dataclass(frozen=True)
class Pairs:
    """Labels of two images that share pixels; numbers count the labels of each image from 0."""

    true: np.ndarray
    said: np.ndarray
    iou: np.ndarray
    """float64 [pair], intersection over union"""
    true_area: np.ndarray
    """Pixels of every label, those that meet none as well."""
    said_area: np.ndarray


def overlaps(true: np.ndarray, said: np.ndarray) -> Pairs:
    """Find the labels that share pixels; 0 is background."""
    numbers_true, of_true = np.unique(true, return_inverse=True)
    numbers_said, of_said = np.unique(said, return_inverse=True)
    keys = of_true.ravel().astype(np.int64) * len(numbers_said) + of_said.ravel()
    pairs, shared = np.unique(keys, return_counts=True)
    row, column = np.divmod(pairs, max(len(numbers_said), 1))
    area_true, area_said = np.bincount(of_true.ravel()), np.bincount(of_said.ravel())
    iou = shared / (area_true[row] + area_said[column] - shared)
    first_true, first_said = (int(n.size and n[0] == 0) for n in (numbers_true, numbers_said))
    both = (row >= first_true) & (column >= first_said)
    return Pairs(
        row[both] - first_true,
        column[both] - first_said,
        iou[both],
        area_true[first_true:],
        area_said[first_said:],
    )


def _within(labels: np.ndarray, valid: np.ndarray) -> np.ndarray:
    """Take labels away whose larger part lies outside of `valid`, and all that lies there."""
    total = np.bincount(labels.ravel())
    inside = np.bincount(labels[valid], minlength=len(total))
    kept = np.arange(len(total)) * (2 * inside >= total)
    return np.asarray(kept[labels] * valid)


def _tally(pairs: Pairs, least: float, hidden: np.ndarray) -> Tally:
    """Match at one threshold; above one half no label has more than one partner.

    At exactly one half it may have two: each is taken once.
    """
    good = np.flatnonzero(pairs.iou >= least)
    for side in (pairs.true, pairs.said):
        good = good[np.unique(side[good], return_index=True)[1]]
    unmatched = np.ones(len(pairs.said_area), bool)
    unmatched[pairs.said[good]] = False
    return Tally(
        len(good),
        int(unmatched.sum()),
        int((hidden & unmatched).sum()),
        len(pairs.true_area) - len(good),
        float(pairs.iou[good].sum()),
    )


def pooled(parts: Iterable[dict[float, Tally]]) -> dict[float, Tally]:
    """Add up the tallies of several slices."""
    total = dict.fromkeys(THRESHOLDS, Tally())
    for part in parts:
        total = {least: total[least] + part[least] for least in THRESHOLDS}
    return total


def report(total: dict[float, Tally]) -> dict[str, float | None]:
    """Say it in numbers: ap{iou}, ap_ignoring{iou}, and at IoU 0.5 precision, recall, mean_iou."""
    said: dict[str, float | None] = {}
    for least, one in total.items():
        said[f"ap{least:g}"] = _ratio(one.hits, one.hits + one.false + one.missed)
    for least, one in total.items():
        wrong = one.false - one.excused + one.missed
        said[f"ap_ignoring{least:g}"] = _ratio(one.hits, one.hits + wrong)
    half = total[0.5]
    said["precision"] = _ratio(half.hits, half.hits + half.false)
    said["precision_ignoring"] = _ratio(half.hits, half.hits + half.false - half.excused)
    said["recall"] = _ratio(half.hits, half.hits + half.missed)
    said["mean_iou"] = _ratio(half.overlap, half.hits)
    said["particles"] = half.hits + half.missed
    said["found"] = half.hits + half.false
    return said


def _ratio(part: float, whole: float) -> float | None:
    return round(part / whole, 4) if whole else None
