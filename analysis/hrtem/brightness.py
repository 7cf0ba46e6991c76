"""What the strengths of a grain's spots say of a reading: which shine, and which are absent.

The power of a reflection over its local background goes with |F|^2: lens and camera act on the
background (amorphous matter under and over the grain) as on the fringes. What is left is a
scatter of less than a factor of three, from thickness, tilt and the shot noise's share, found on
phantoms; each grain has a level of its own.
"""

from __future__ import annotations

import numpy as np
from scipy.special import ndtr

from .candidates import Sheets

SCATTER = 1.1
"""Standard deviation of the log of the power of a spot over that which |F|^2 and the grain's level
give."""
ANYHOW = 1.5
"""The same where the structure is not known: about the grain's mean alone."""
ODD, ODDER = 0.1, 2.5
"""Share of spots that scatter more, and how much more."""
FLOOR, SUM = 0.05, 0.2
"""|F| that double scattering makes of nothing, and where two stronger spots add up."""
LIMIT = np.log(22.0)
"""log of the power over background from which a spot is found half of the time."""
LOST = 0.15
"""Share of bright spots that are missed all the same (a neighbour's, an edge's, tilt)."""
STEEP, OUT = 5.0, 0.25
"""1/nm, and per 1/nm beyond, by which more are lost: the envelope of the lens. Steeper than on
average, as an envelope takes all the reflections beyond at once."""
MOST = 0.95
"""Largest share that is lost anyhow."""
NEVER = 1e-9
"""Least probability that a reflection is found."""


def brightness(
    strength: np.ndarray,
    power: np.ndarray,
    second: np.ndarray,
    used: np.ndarray,
    k: np.ndarray,
    sheet: np.ndarray,
    sheets: Sheets,
) -> np.ndarray:
    """Log of how much likelier the strengths are by a reading than by none, [reading].

    `strength[reading, spot]` is the log of power over background, `power` the log of |F|^2 of the
    reflection that the spot is read as, `second` marks sums of stronger spots, `used` the spots
    that the reading explains, `k` their lengths in 1/nm, `sheet[reading]` the zone in `sheets`.
    """
    many = np.maximum(used.sum(axis=1), 1)[:, None]
    floor = np.where(second, SUM, FLOOR)
    expected = np.log(np.exp(power) + floor**2)
    level = _level(strength - expected, used)
    rest = (strength - expected - level) / SCATTER
    mean = np.where(used, strength, 0).sum(axis=1, keepdims=True) / many
    anyhow = -(((strength - mean) / ANYHOW) ** 2) / 2 - np.log(ANYHOW / SCATTER)
    gain = np.where(used, _log_scatter(rest) - anyhow, 0).sum(axis=1)
    gain += np.log(SCATTER / ANYHOW)  # the level, free in both
    wide = SCATTER * np.sqrt(1 + 1 / many)
    own = _missed(level + power, k, wide)
    whole = _missed(level + sheets.strength[sheet], sheets.k[sheet], wide)
    absent = np.log(whole).sum(axis=1) - np.where(used, np.log(own), 0).sum(axis=1)
    found = np.where(used, np.log1p(-_missed(level + expected, k, wide)), 0).sum(axis=1)
    return np.asarray(gain + absent + found)


def _level(offset: np.ndarray, used: np.ndarray) -> np.ndarray:
    """The grain's own level: mean of its spots, those far off counting less; [reading, 1]."""
    weight = used.astype(float)
    for _ in range(3):
        level = (weight * offset).sum(axis=1) / np.maximum(weight.sum(axis=1), 1e-9)
        apart = (offset - level[:, None]) / (2 * SCATTER)
        weight = used / (1 + apart**2)
    return np.asarray(level)[:, None]


def _log_scatter(rest: np.ndarray) -> np.ndarray:
    tight = (1 - ODD) * np.exp(-(rest**2) / 2)
    return np.asarray(np.log(tight + ODD / ODDER * np.exp(-((rest / ODDER) ** 2) / 2)))


def _missed(expected: np.ndarray, k: np.ndarray, wide: np.ndarray) -> np.ndarray:
    """Probability that a reflection of this expected log power is not found."""
    lost = np.minimum(LOST + OUT * np.maximum(k - STEEP, 0), MOST)
    missed = lost + (1 - lost) * ndtr((LIMIT - np.maximum(expected, -50)) / wide)
    return np.asarray(np.minimum(missed, 1 - NEVER))
