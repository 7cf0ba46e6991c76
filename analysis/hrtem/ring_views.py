"""Rings: the spots of one spacing drawn by themselves, as the tool this grew from drew them.

For each of the strongest rings a heat map of its fringes, and if asked their inverse transform.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .columns import Variable, frames, table
from .crop import View
from .detect import Reflections
from .maps import Grid
from .views import fringes, heat

SAME = 0.012
"""Relative difference of spacings up to which spots of one frame are one ring: strain, noise, and
pixels that are not square."""
SHARP = 0.3
"""Radius of the disc that an inverse transform keeps, over the inverse of the envelopes' blur."""


@dataclass(frozen=True, slots=True)
class RingViews:
    """The strongest rings of one image, the strongest first."""

    k: np.ndarray
    """Mean |k| [ring]"""
    spots: np.ndarray
    """How many [ring], Friedel pairs once"""
    strongest: np.ndarray
    """Row of the strongest reflection [ring]"""
    heat: np.ndarray
    """float32 [ring, y, x] on the pixels of the maps: amplitude, summed over the spots, counts"""
    fringes: np.ndarray | None
    """float32 [ring, y, x] at the resolution of k_max, counts"""
    pixel: tuple[float, float]
    """(y, x) length of a pixel of `fringes`"""


def draw_rings(view: View, found: Reflections, grid: Grid, most: int, inverse: bool) -> RingViews:
    """Draw the `most` strongest rings of an image, with `inverse` their inverse transforms too."""
    parts = _parts(found, most)
    k = [(found.ky[rows], found.kx[rows]) for rows in parts]
    blur = found.plane.blur
    heats = [heat(view, ky, kx, grid.shape, blur) * len(ky) for ky, kx in k]
    lines = [fringes(view, ky, kx, SHARP / blur) for ky, kx in k] if inverse else []
    return RingViews(
        np.array([np.hypot(ky, kx).mean() for ky, kx in k]),
        np.array([len(rows) for rows in parts], np.int32),
        np.array([rows[0] for rows in parts], np.intp),
        np.array(heats, np.float32).reshape(len(parts), *grid.shape),
        np.array(lines, np.float32).reshape(-1, *view.image.shape) if inverse else None,
        view.pixel,
    )


def _parts(found: Reflections, most: int) -> list[np.ndarray]:
    """Rows of the reflections of each ring, by the power of their fringes, the strongest first."""
    k = np.hypot(found.ky, found.kx)
    power = found.amplitude**2 * np.asarray(found.regions.mask.sum(axis=1), float)
    left, parts = np.ones(len(k), bool), list[np.ndarray]()
    for row in np.argsort(-power, kind="stable"):
        if left[row]:
            near = np.flatnonzero(left & (np.abs(k / k[row] - 1) < SAME))
            left[near] = False
            parts.append(near[np.argsort(-power[near], kind="stable")])
    parts.sort(key=lambda rows: -float(power[rows].sum()))
    return parts[:most]


def ring_variables(
    every: Sequence[RingViews], labels: Sequence[np.ndarray], most: int, length: str
) -> dict[str, Variable]:
    """Give the table `ring_*`, maps `heat_1`... and, if drawn, `fringes_1`... of all images.

    `labels` are those of the reflections of each image. Behind a frame's last ring maps are 0.
    """
    spacings = [1 / one.k for one in every]
    variables = table(
        "ring",
        {
            "frame": (frames([len(one.k) for one in every]), np.int32, "frame in the batch", None),
            "rank": ([np.arange(1, len(one.k) + 1) for one in every], np.int32, "of heat_*", None),
            "d": (spacings, np.float64, "mean spacing", length),
            "n_spots": ([one.spots for one in every], np.int32, "spots, Friedel pairs once", None),
            "label": (
                [names[one.strongest] for one, names in zip(every, labels, strict=True)],
                str,
                "reflection of the strongest spot",
                None,
            ),
        },
    )
    for n in range(most):
        words = f"fringes of ring {n + 1}"
        maps = [_nth(one.heat, n) for one in every]
        attrs = {"long_name": f"amplitude of the {words}", "units": "counts"}
        variables[f"heat_{n + 1}"] = (("frame", "y", "x"), np.stack(maps), attrs)
        lines = [_nth(one.fringes, n) for one in every if one.fringes is not None]
        if lines:
            attrs = {"long_name": f"{words}: inverse transform of its spots", "units": "counts"}
            dims = ("frame", "fringe_y", "fringe_x")
            variables[f"fringes_{n + 1}"] = (dims, np.stack(lines), attrs)
    return variables


def _nth(stack: np.ndarray, n: int) -> np.ndarray:
    return np.asarray(stack[n] if n < len(stack) else np.zeros(stack.shape[1:], np.float32))
