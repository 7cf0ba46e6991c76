"""Area fractions of the phases in one frame, and how uncertain they are.

With the area A_g of each grain, its posterior p_g of a phase, the length L_g of its boundary and
the area A of the specimen, the expected fraction of the phase and its variance are

    f = sum_g p_g A_g / A
    var f = sum_g p_g (1 - p_g) (A_g / A)^2 + (e sum_g p_g L_g / A)^2 + m c min(c, 1 - F) / n

The first term is the doubt about the phases, of each grain for itself; the second is where the
edges lie (standard deviation e), which the lens displaces in the same sense all over the frame. The
third is what was not seen, or seen as something else: the number of such grains of a phase varies
by m n, and they are as large as the n grains that are seen, whose share is c; but there is room for
them only where no phase is expected, F being the sum of f. Where no grain is seen it is nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .maps import Grid

EDGE_ERROR = 0.04
"""Standard deviation of the place of a grain's edge over the small window (0.3 nm), measured on
phantoms: about a quarter of the envelopes' blur."""
MISSED = 0.02
"""Variance of the number of grains of a phase that are missed or misread, over that of all grains:
with it two standard deviations hold 94 % of the shares of phases that are there, on phantoms."""
CROFTON = np.pi / 4
"""Length of a boundary in any direction over that of its steps along the pixels' edges."""


@dataclass(frozen=True, slots=True)
class Fractions:
    """Shares of the specimen's area."""

    phases: np.ndarray
    """Expected, of each candidate."""
    sigma: np.ndarray
    crystalline: float
    """Of all grains, unknown ones too."""
    crystalline_sigma: float
    specimen: float
    """Area of all but the vacuum."""


def fractions(
    grains_at: np.ndarray, inside: np.ndarray, posterior: np.ndarray, grid: Grid, e: float
) -> Fractions:
    """Sum the grains numbered from 1 in `grains_at[y, x]`, with `posterior[grain, phase]`.

    `inside` is the specimen, bool [y, x], `e` the standard deviation of the place of an edge.
    Without any specimen all shares are 0.
    """
    many, pixel = len(posterior), grid.pixel_area
    area = np.bincount(grains_at.ravel(), minlength=many + 1)[1:] * pixel
    length = boundary(grains_at, many, grid)
    whole = float(inside.sum() * pixel)
    share, edge = area / max(whole, pixel), e * length / max(whole, pixel)
    doubt = (posterior * (1 - posterior)).T @ share**2
    seen, room = float(share.sum()), max(0.0, 1 - float(posterior.sum(axis=1) @ share))
    doubt += MISSED * seen * min(seen, room) / max(many, 1)
    return Fractions(
        phases=posterior.T @ share,
        sigma=np.sqrt(doubt + (posterior.T @ edge) ** 2),
        crystalline=float(share.sum()),
        crystalline_sigma=float(edge.sum()),
        specimen=whole,
    )


def boundary(grains_at: np.ndarray, many: int, grid: Grid) -> np.ndarray:
    """Length of the boundary of each grain in the image, the image's own edge left out."""
    total = np.zeros(many + 1)
    for axis in (0, 1):
        step = grid.size[1 - axis] / grid.shape[1 - axis]
        ahead, behind = np.moveaxis(grains_at, axis, 0)[1:], np.moveaxis(grains_at, axis, 0)[:-1]
        for here in (ahead, behind):
            total += step * np.bincount(here[ahead != behind], minlength=many + 1)
    return np.asarray(CROFTON * total[1:])
