"""How right the labels of a volume are: as `matching`, in memory that the volume does not set."""

from __future__ import annotations

import numpy as np

from .matching import THRESHOLDS, Tally

PLANES = 16
"""Counted at a time."""


def volume_tallies(true: np.ndarray, said: np.ndarray) -> dict[float, Tally]:
    """Match labels `said` with labels `true` (int [z, y, x], 0 background), by threshold.

    From an intersection over union of a half on no particle has two partners, so that pairs are
    just counted. ValueError if the volumes differ in shape.
    """
    if true.shape != said.shape:
        raise ValueError(f"volumes of {true.shape} and {said.shape} voxels can't be compared")
    pairs, shared = _pairs(true, said)
    true_size, said_size = (_sizes(pairs[:, n], shared) for n in (0, 1))
    both = (pairs > 0).all(axis=1)
    pairs, shared = pairs[both], shared[both]
    union = true_size[1][np.searchsorted(true_size[0], pairs[:, 0])]
    union = union + said_size[1][np.searchsorted(said_size[0], pairs[:, 1])] - shared
    iou = shared / union
    many_true, many_said = ((size[0] > 0).sum() for size in (true_size, said_size))
    return {least: _tally(pairs, iou, least, many_true, many_said) for least in THRESHOLDS}


def _pairs(true: np.ndarray, said: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Pairs of labels that meet, int64 [pair, (true, said)], and their voxels."""
    key, many = np.zeros(0, np.uint64), np.zeros(0, np.int64)
    for low in range(0, len(true), PLANES):
        planes = slice(low, low + PLANES)
        both = true[planes].astype(np.uint64) << np.uint64(32) | said[planes].astype(np.uint64)
        new, times = np.unique(both, return_counts=True)
        key, place = np.unique(np.concatenate([key, new]), return_inverse=True)
        many = np.bincount(place, np.concatenate([many, times])).astype(np.int64)
    low_half = np.uint64((1 << 32) - 1)
    return np.column_stack([key >> np.uint64(32), key & low_half]).astype(np.int64), many


def _sizes(labels: np.ndarray, many: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    names, place = np.unique(labels, return_inverse=True)
    return names, np.bincount(place, many, len(names))


def _tally(
    pairs: np.ndarray, iou: np.ndarray, least: float, many_true: int, many_said: int
) -> Tally:
    good = np.flatnonzero(iou >= least)
    good = good[np.lexsort((good, -iou[good]))]
    for column in (0, 1):  # two halves of exactly one half each: the first counts
        _, first = np.unique(pairs[good, column], return_index=True)
        good = good[np.sort(first)]
    hits = len(good)
    return Tally(hits, int(many_said) - hits, 0, int(many_true) - hits, float(iou[good].sum()))
