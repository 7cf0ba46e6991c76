"""Slices of a volume that don't belong between their neighbours: blank, inverted, saturated.

In the two views that cut across it such a slice is a line through every particle, which a network
takes for a gap. A slice is odd if the slices around it are alike and it is like none of them; what
it should have shown is told by them. Blank ends of a volume are no oddity.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass

import numpy as np

ACROSS = 128
"""Blocks across a slice that are compared."""
ALIKE = 0.4
"""Correlation of the slices around an odd one, at least."""
OFF = 0.5
"""Part of it that the odd one reaches, at most."""
RUN = 4
"""Odd slices side by side, at most."""
SHIFT = 1.5
"""Difference of mean from both neighbours, in their standard deviations, that is odd."""
CONTRAST = 3.0
"""Ratio of standard deviations that is odd."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A slice in blocks."""

    index: int
    mean: float
    spread: float
    blocks: np.ndarray
    """Less the mean, of length 1; 0 if it is flat"""

    def like(self, other: Seen) -> float:
        """Correlation, -1 to 1; 0 if one is flat."""
        return float(np.vdot(self.blocks, other.blocks))


Why = Callable[[Seen, Seen, list[Seen]], str]
"""Says in words why the second, between the first and those after it, is odd; nothing if not."""


def odd_slices(values: np.ndarray, missing: Collection[int] = ()) -> dict[int, str]:
    """Tell which slices of values[z, y, x] are odd, and in words why; `missing` ones are no help.

    At most `RUN` side by side are found, and none at an end: nothing tells what it should show.
    """
    absent = set(missing)
    return odd((seen(n, values[n]) for n in range(len(values)) if n not in absent), _why)


def odd(slices: Iterator[Seen], why: Why) -> dict[int, str]:
    """Tell which of `slices`, in their order, are odd, and in words why."""
    ahead: list[Seen] = []
    before: Seen | None = None
    found: dict[int, str] = {}
    while True:
        while len(ahead) < RUN + 1 and (another := next(slices, None)) is not None:
            ahead.append(another)
        if not ahead:
            return found
        one, *after = ahead
        ahead = after
        words = why(before, one, after) if before is not None else ""
        if words:
            found[one.index] = words
        else:
            before = one


def seen(index: int, image: np.ndarray) -> Seen:
    """Look at a slice in blocks."""
    side = max(1, -(-max(image.shape) // ACROSS))
    height, width = (max(n // side, 1) * min(side, n) for n in image.shape)
    part = np.asarray(image[:height, :width], np.float32)
    blocks = part.reshape(-1, min(side, height), max(width // side, 1), min(side, width))
    blocks = blocks.mean(axis=(1, 3)).ravel()
    good = np.isfinite(blocks)
    mean = float(blocks[good].mean()) if good.any() else np.nan
    blocks = np.where(good, blocks - mean, 0).astype(np.float64)
    length = float(np.sqrt(np.vdot(blocks, blocks)))
    flat = not length > 1e-6 * max(abs(mean), 1e-30) * np.sqrt(blocks.size)
    unit = np.zeros_like(blocks) if flat else blocks / length
    return Seen(index, mean, 0.0 if flat else length / np.sqrt(blocks.size), unit)


def _why(before: Seen, one: Seen, after: list[Seen]) -> str:
    """Why a slice does not belong between others; nothing if it does."""
    for other in after:
        alike = before.like(other)
        if alike < ALIKE:
            continue
        near = max(one.like(before), one.like(other))
        if near < OFF * alike:
            if not one.spread:
                return "blank: all its grey values are the same"
            if min(one.like(before), one.like(other)) < -OFF * alike:
                return "inverted: dark where the slices around it are bright"
            return "it shows something else than the slices around it"
        if words := _brightness(before, one, other):
            return words
    return ""


def _brightness(before: Seen, one: Seen, other: Seen) -> str:
    spread = min(before.spread, other.spread)
    if abs(before.mean - other.mean) > SHIFT / 3 * spread:
        return ""
    if abs(one.mean - (before.mean + other.mean) / 2) > SHIFT * max(before.spread, other.spread):
        return "much brighter or darker than the slices around it"
    low, high = sorted((before.spread, other.spread))
    if one.spread * CONTRAST < low or one.spread > CONTRAST * high:
        return "its contrast is far from that of the slices around it"
    return ""


def between(values: np.ndarray, bad: Collection[int]) -> Iterator[tuple[int, np.ndarray]]:
    """Give what each bad slice of values[z, y, x] should show: the way between the good ones.

    At an end it is the nearest good one. Nothing if none is good.
    """
    good = np.setdiff1d(np.arange(len(values)), np.array(sorted(bad), int))
    if not len(good):
        return
    for index in sorted(bad):
        place = int(np.searchsorted(good, index))
        low, high = good[max(place - 1, 0)], good[min(place, len(good) - 1)]
        if place in (0, len(good)):
            yield index, np.asarray(values[high if place == 0 else low])
            continue
        share = (index - low) / (high - low)
        mixed = (1 - share) * values[low].astype(np.float64) + share * values[high]
        kind = values.dtype
        yield index, (np.rint(mixed) if kind.kind in "iub" else mixed).astype(kind)
