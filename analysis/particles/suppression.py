"""Non-maximum suppression: of stars that overlap only the most probable stays.

A star goes when it shares more than a threshold of the smaller one's area with a more probable one
that stays: the rule of the official package. There corners are whole pixels; so they are here.
Discs inside and around the stars settle most pairs, both ways and without error; the polygons are
clipped for the rest alone.
"""

from __future__ import annotations

import numpy as np

from .stars import Stars


def suppress(stars: Stars, threshold: float) -> Stars:
    """Keep what no more probable star that is kept overlaps by more than `threshold`."""
    from .greedy import ASIDE, greedy  # compiled

    order = np.argsort(-stars.prob, kind="stable")
    stars = stars.keep(order[np.isfinite(stars.dist).all(axis=1)[order]])
    if len(stars) < 2:
        return stars
    return stars.keep(greedy(np.trunc(stars.corners()), threshold, ASIDE))
