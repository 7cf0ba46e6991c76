"""Lines of a slice that don't belong between their neighbours are filled in.

A slice of a volume that was blank, saturated or of something else is a line through every slice of
the other views, which a network takes for a gap between particles (`oddities` finds it in a volume;
here there is the one slice). A line that a detector lost is the same.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .found import Variable
from .oddities import ACROSS, CONTRAST, OFF, RUN, SHIFT, between, odd_slices

FEWEST = 3 * RUN
"""Lines and pixels of a slice below which nothing is judged."""
Line = tuple[int, int]
"""Axis across which it lies, and its place along that."""
NAMED = 8
"""Lines that are named."""


def mended(image: np.ndarray) -> tuple[np.ndarray, list[Line]]:
    """Give `image` [y, x] with odd lines as the way between the good ones, and name them."""
    found: list[Line] = []
    if min(image.shape) < FEWEST:
        return image, found
    for axis in range(2):
        lines = np.moveaxis(image, axis, 0)
        bad = _odd(lines)
        if not bad:
            continue
        found += [(axis, n) for n in bad]
        low, high = max(bad[0] - 1, 0), min(bad[-1] + 2, len(lines))
        part = lines[low:high, None]
        image = image.copy()
        filled = np.moveaxis(image, axis, 0)
        for n, line in between(part, [n - low for n in bad]):
            filled[n + low] = line[0]
    return image, found


def said(lines: Sequence[Line]) -> str:
    """Name lines."""
    words = []
    for axis, name in enumerate(("row", "column")):
        own = [str(n) for a, n in lines if a == axis]
        if own:
            more = f" and {len(own) - NAMED} more" if len(own) > NAMED else ""
            words.append(f"{name}{'s' * (len(own) > 1)} {', '.join(own[:NAMED])}{more}")
    many = "were" if len(lines) > 1 else "was"
    return f"{' and '.join(words)}, unlike what lies on both sides, {many}"


def filled(lines: Sequence[Sequence[Line]]) -> dict[str, Variable]:
    """Give the lines of each frame of a batch as variables along `line`."""
    rows = [(frame, *line) for frame, own in enumerate(lines) for line in own]
    words = ("frame in the batch", "axis across which it lies: 0 a row, 1 a column", "its place")
    return {
        f"line_{name}": (
            ("line",),
            np.array([row[n] for row in rows], np.int32),
            {"long_name": text},
        )
        for n, (name, text) in enumerate(zip(("frame", "axis", "index"), words, strict=True))
    }


def _odd(lines: np.ndarray) -> list[int]:
    """Numbers of odd `lines` [n, pixel]: looked for where two that follow each other differ."""
    breaks = _breaks(lines)
    found: set[int] = set()
    last = -1
    for place in breaks.tolist():
        if place <= last:
            continue
        low, high = max(place - 2, 0), min(place + 2 * RUN + 3, len(lines))
        found |= {low + n for n in odd_slices(lines[low:high, None])}
        last = max([place, *found])
    return sorted(found)


def _breaks(lines: np.ndarray) -> np.ndarray:
    """Lines after which one comes that is unlike it, in its pattern or its brightness."""
    many, size = lines.shape
    side = max(1, -(-size // ACROSS))
    blocks = lines[:, : size // side * side].reshape(many, -1, side).mean(axis=2, dtype=np.float32)
    mean = blocks.mean(axis=1)
    blocks -= mean[:, None]
    spread = np.sqrt(np.square(blocks).mean(axis=1))
    flat = spread <= 1e-6 * np.maximum(np.abs(mean), 1e-30)
    unit = blocks / np.where(flat, 1, spread * np.sqrt(blocks.shape[1]))[:, None]
    alike = np.einsum("nb,nb->n", unit[:-1], unit[1:])
    usual = np.median(alike)
    low, high = np.minimum(spread[:-1], spread[1:]), np.maximum(spread[:-1], spread[1:])
    differ = alike < OFF * usual
    differ |= np.abs(np.diff(mean)) > SHIFT * high
    differ |= low * CONTRAST < high
    differ |= flat[:-1] != flat[1:]
    return np.flatnonzero(differ)
