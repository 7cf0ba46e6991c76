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
from scipy.optimize import linear_sum_assignment

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
    shared, true_area, said_area = overlaps(true, said)
    union = true_area[:, None] + said_area[None, :] - shared
    iou = shared / np.maximum(union, 1)
    hidden = np.zeros(len(said_area), bool)
    if ignore is not None:
        numbers = np.unique(said[said > 0])
        inside = np.bincount(
            np.searchsorted(numbers, said[ignore & (said > 0)]), minlength=len(numbers)
        )
        hidden = inside >= IGNORED * said_area
    return {least: _tally(iou, least, hidden) for least in THRESHOLDS}


def overlaps(true: np.ndarray, said: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Count the pixels that each pair of labels shares [true, said], and those of each label."""
    numbers_true, of_true = np.unique(true, return_inverse=True)
    numbers_said, of_said = np.unique(said, return_inverse=True)
    many = len(numbers_said)
    pairs = of_true.ravel() * many + of_said.ravel()
    table = np.bincount(pairs, minlength=len(numbers_true) * many).reshape(-1, many)
    rows, columns = numbers_true > 0, numbers_said > 0
    return table[rows][:, columns], table.sum(axis=1)[rows], table.sum(axis=0)[columns]


def _within(labels: np.ndarray, valid: np.ndarray) -> np.ndarray:
    """Take labels away whose larger part lies outside of `valid`, and all that lies there."""
    total = np.bincount(labels.ravel())
    inside = np.bincount(labels[valid], minlength=len(total))
    kept = np.arange(len(total)) * (2 * inside >= total)
    return np.asarray(kept[labels] * valid)


def _tally(iou: np.ndarray, least: float, hidden: np.ndarray) -> Tally:
    """Match so that most pairs reach `least`; the overlap decides between equal ones."""
    many_true, many_said = iou.shape
    if not min(iou.shape):
        return Tally(0, many_said, int(hidden.sum()), many_true)
    gain = (iou >= least) + iou / (2 * min(iou.shape))
    row, column = linear_sum_assignment(-gain)
    good = iou[row, column] >= least
    hits = int(good.sum())
    unmatched = np.ones(many_said, bool)
    unmatched[column[good]] = False
    return Tally(
        hits,
        many_said - hits,
        int((hidden & unmatched).sum()),
        many_true - hits,
        float(iou[row, column][good].sum()),
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
