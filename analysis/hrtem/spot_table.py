"""The tables of spots, and of peaks of the radial profile, in the result."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .candidates import Candidates
from .columns import Variable, frames, table
from .frame import Found, Limits
from .maps import UNKNOWN


def spot_table(
    found: Sequence[Found], known: Candidates, limits: Limits, length: str
) -> dict[str, Variable]:
    """Variables `spot_*` of all images, Friedel pairs once; lengths in `length`."""
    first = np.cumsum([0, *(len(one.grains) for one in found)])
    all_of = [one.reflections for one in found]
    rows = [
        np.where(one.grain >= 0, one.grain + start, -1)
        for one, start in zip(found, first, strict=False)
    ]
    k = f"1/{length}"
    return table(
        "spot",
        {
            "frame": (frames([len(r) for r in all_of]), np.int32, "frame in the batch", None),
            "ky": ([r.ky for r in all_of], np.float64, "spatial frequency along y", k),
            "kx": ([r.kx for r in all_of], np.float64, "spatial frequency along x", k),
            "d": ([1 / np.hypot(r.ky, r.kx) for r in all_of], np.float64, "spacing", length),
            "k_sigma": (
                [r.sigma for r in all_of],
                np.float64,
                "standard error of ky and of kx from noise; the calibration's comes on top",
                k,
            ),
            "snr": ([r.snr for r in all_of], np.float64, "power over local background", "1"),
            "amplitude": (
                [r.amplitude for r in all_of],
                np.float64,
                "largest amplitude of the fringes",
                "counts",
            ),
            "y": ([r.regions.y for r in all_of], np.float64, "centroid of the fringes", length),
            "x": ([r.regions.x for r in all_of], np.float64, "centroid of the fringes", length),
            "grain": (rows, np.int32, "row of the grain table, -1 none", None),
            "label": ([spot_labels(one, known, limits) for one in found], str, "reflection", None),
        },
    )


def spot_labels(one: Found, known: Candidates, limits: Limits) -> np.ndarray:
    """Phase and indices of each spot of one image, empty where there is no label."""
    labels, names = [], known.names
    grain_class = one.grains.classes(limits.label_above, limits.label_row_above).tolist()
    columns = (one.grain.tolist(), one.grains.hkl.tolist(), one.grains.explained.tolist())
    for row, hkl, explained in zip(*columns, strict=True):
        kind = grain_class[row] if row >= 0 else UNKNOWN
        named = explained and kind > UNKNOWN
        labels.append(f"{names[kind - UNKNOWN - 1]} {indices(hkl)}" if named else "")
    return np.array(labels, dtype=str) if labels else np.zeros(0, "<U1")


def indices(hkl: Sequence[int]) -> str:
    """Miller indices without spaces where every one has a single digit: `111`, `-202`, `1 0 12`."""
    return ("" if max(abs(int(n)) for n in hkl) < 10 else " ").join(str(int(n)) for n in hkl)


def peak_table(
    found: Sequence[Found], known: Candidates, limits: Limits, length: str
) -> dict[str, Variable]:
    """Variables `peak_*`: maxima of each image's profile that hold a spot."""
    rows = [_profile_peaks(one, known, limits) for one in found]
    k = f"1/{length}"
    return table(
        "peak",
        {
            "frame": (frames([len(r[0]) for r in rows]), np.int32, "frame in the batch", None),
            "k": ([r[0] for r in rows], np.float64, "spatial frequency", k),
            "d": ([1 / r[0] for r in rows], np.float64, "spacing", length),
            "height": ([r[1] for r in rows], np.float64, "power over local background", "1"),
            "label": ([r[2] for r in rows], str, "reflection of the strongest spot there", None),
        },
    )


def _profile_peaks(
    one: Found, known: Candidates, limits: Limits
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Maxima of profile_max that hold a spot: its k, their height, its label."""
    heights, axis = one.profile_max, one.profile_k
    padded = np.r_[-np.inf, heights, -np.inf]
    tops = np.flatnonzero((heights >= padded[:-2]) & (heights > padded[2:]))
    tops = tops[heights[tops] > one.threshold]
    spot_k = np.hypot(one.reflections.ky, one.reflections.kx)
    labels = spot_labels(one, known, limits)
    width = axis[1] - axis[0] if len(axis) > 1 else 1.0
    k, height, label = [], [], []
    for top in tops:
        near = np.flatnonzero(np.abs(spot_k - axis[top]) < 1.5 * width)
        if near.size:
            best = near[one.reflections.snr[near].argmax()]
            k.append(spot_k[best])
            height.append(float(heights[top]))
            label.append(str(labels[best]))
    return np.array(k, float), np.array(height, float), np.array(label, dtype=str)
