"""Scale bars and letters burnt into an image: patches of one value, which no camera gives."""

from __future__ import annotations

import numpy as np
import scipy.ndimage

COARSE = 1024
"""Pixels along an edge at which patches are looked for."""
AROUND = 3
"""Pixels about a patch that belong to it: smoothed edges, letters."""
FEW = 40
"""Patches at most; clipped noise has hundreds."""
LETTERS = 60
"""... and the letters of the same values so near to it."""
MOST = 0.2
"""Share of the image beyond which it is no bar but saturation, or an image without pixels."""


def patches(pixels: np.ndarray) -> np.ndarray | None:
    """Mark what is burnt into `pixels[y, x]`, bool; None where there is nothing.

    A patch is thick enough to hold 3 x 3 equal pixels of the coarse image, and 5 x 5 of the image.
    """
    step = max(1, min(pixels.shape) // COARSE)
    some = pixels[::step, ::step].copy()
    across = some[:, 1:] == some[:, :-1]
    flat = across[:, 1:] & across[:, :-1]
    flat = flat[2:] & flat[1:-1] & flat[:-2]
    flat &= (some[2:, 1:-1] == some[1:-1, 1:-1]) & (some[:-2, 1:-1] == some[1:-1, 1:-1])
    if not flat.any() or flat.mean() > MOST:
        return None
    values = np.unique(some[1:-1, 1:-1][flat])
    marked = np.isin(pixels, values)
    edge = max(5, 2 * step + 1)
    kept = scipy.ndimage.binary_opening(marked, np.ones((edge, edge)))
    if not kept.any() or kept.mean() > MOST or scipy.ndimage.label(kept)[1] > FEW:
        return None
    letters = scipy.ndimage.binary_dilation(kept, iterations=LETTERS) & marked
    return np.asarray(scipy.ndimage.binary_dilation(kept | letters, iterations=AROUND))


def fill(pixels: np.ndarray, mask: np.ndarray) -> None:
    """Put pixels of the rest, in no order, where `mask` is: noise as bright and as strong."""
    draw = np.random.default_rng(int(mask.sum()))
    pixels[mask] = draw.choice(pixels[~mask][: 1 << 20], int(mask.sum()))
