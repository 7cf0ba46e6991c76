"""A spectrum to look at: power over the local background, so that spots stand out of the rings."""

from __future__ import annotations

import numpy as np
import scipy.ndimage

RING = 1.5
"""Bins of the spectrum in one ring."""


def excess(spectrum: np.ndarray, ky: np.ndarray, kx: np.ndarray) -> np.ndarray:
    """Give log10 of power over that of its ring, float32 [ky, kx].

    `spectrum` is log10 of power with k = 0 in the middle. The background of a ring is the median
    over it, interpolated between rings; a spot does not move it.
    """
    radius = np.hypot(ky[:, None], kx[None, :])
    step = RING * max(abs(ky[1] - ky[0]), abs(kx[1] - kx[0]))
    ring = np.rint(radius / step).astype(np.intp)
    index = np.arange(int(ring.max()) + 1)
    level = np.asarray(scipy.ndimage.median(spectrum, ring, index), float)
    level = scipy.ndimage.uniform_filter1d(level, 3, mode="nearest")
    background = np.interp(radius.ravel(), index * step, level).reshape(radius.shape)
    return np.asarray(spectrum - background, np.float32)
