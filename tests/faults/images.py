"""Images that are known from their series and number alone, so that none has to be kept."""

from __future__ import annotations

from functools import cache

import numpy as np

DISTINCT = 32
"""Of a ring: images that are packed beforehand, where a sender has no time to make each anew."""


@cache
def ground(size: int) -> np.ndarray:
    """Counts as a detector has them, [size, size]: the same in every process."""
    return np.random.default_rng(7).poisson(3.0, (size, size)).astype("<u2")


def image(series: int, number: int, size: int) -> np.ndarray:
    """The image of one frame; no other frame of any series has the same."""
    made = ground(size) + np.uint16((series * 31 + number * 7) % 1000)
    made[0, :4] = series & 0xFFFF, series >> 16, number & 0xFFFF, number >> 16
    return made


def ring_image(number: int, size: int) -> np.ndarray:
    """The image of a frame where images come again and again."""
    return image(0, number % DISTINCT, size)
