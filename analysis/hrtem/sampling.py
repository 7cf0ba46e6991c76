"""How finely images without a pixel size sample their lattices: said by what is seen at each scale.

Spots of a lattice lie within a factor of six in k, and grains are some ten of its spacings across.
So windows of one length see the spots of one range of pixel sizes, about an octave; the windows are
doubled until all of them were tried, and those that see most are taken.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .components import link
from .crop import fourier_crop
from .detect import Optics, look

SMALLEST, LARGEST = 128.0, 2048.0
"""Windows that are tried, px: grains as large as these see spacings of 2 to 170 px."""
BINS = 12.0
"""Waves in a window from which spots are looked for."""
NYQUIST = 0.45
"""Largest spatial frequency at which spots are looked for, 1/px, in the smallest windows."""


def k_limits(window: float) -> tuple[float, float]:
    """Give the spatial frequencies, 1/px, between which windows of `window` px see spots."""
    return BINS / window, NYQUIST * SMALLEST / window


def window_of(images: Sequence[np.ndarray], false_alarms: float, workers: int = 1) -> float:
    """Choose the window, px, in which `images` [y, x] of one microscope show most reflections.

    Each counts with the log of its power over background. Where none is seen in any window, the
    smallest.
    """
    edge = min(min(image.shape) for image in images)
    tried = [SMALLEST]
    while tried[-1] * 2 <= min(edge, LARGEST):
        tried.append(tried[-1] * 2)
    if len(tried) == 1:
        return SMALLEST
    seen = [sum(_evidence(image, w, false_alarms, workers) for image in images) for w in tried]
    return tried[int(np.argmax(seen))]


def _evidence(image: np.ndarray, window: float, false_alarms: float, workers: int) -> float:
    """Sum of log z over the reflections that windows of this length show."""
    k_min, k_max = k_limits(window)
    view = fourier_crop(image, (1.0, 1.0), k_max, workers)
    sightings, _, single = look(
        view, Optics((window, 2 * window), k_min, k_max, false_alarms, workers)
    )
    label = link(sightings, single)
    strongest = np.ones(int(label.max(initial=-1)) + 1)
    used = label >= 0
    np.maximum.at(strongest, label[used], sightings.z[used])
    return float(np.log(strongest).sum())
