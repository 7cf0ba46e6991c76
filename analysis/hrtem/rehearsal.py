"""A small image of fringes, analysed before the first frame: nothing is new then."""

from __future__ import annotations

import numpy as np

SIZE = 512
"""Pixels along an edge."""
FINE = 4.0
"""Pixels in the shortest wave that is looked for."""
CONTRAST = 0.6
"""Amplitude of the fringes over the noise."""


def rehearsal(k_min: float, k_max: float) -> tuple[np.ndarray, float]:
    """Give a crystal with two spots between `k_min` and `k_max` (1/nm) in noise; its pixel in nm.

    float32 [1, y, x].
    """
    k, pixel = np.sqrt(k_min * k_max), 1 / (FINE * k_max)
    place = (np.arange(SIZE) - SIZE / 2) * pixel
    inside = np.hypot(place[:, None], place) < SIZE * pixel / 3
    image = np.random.default_rng(0).standard_normal((SIZE, SIZE))
    for turn in (0.0, np.pi / 3):
        waves = k * (np.sin(turn) * place[:, None] + np.cos(turn) * place)
        image += CONTRAST * inside * np.cos(2 * np.pi * waves)
    return image.astype(np.float32)[np.newaxis], pixel
