"""Sections of a growing volume that don't belong between their neighbours are left out.

Of a slice there are its particles alone. Where a slice was blank, saturated or of something else,
they are not those of the slices around it, which show the same. The other views, or the slices
around it, bridge it then. What a network sees in a slice that is merely darker is right: it stays.
A network misses single cross-sections everywhere; so slices of few particles are not judged.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

import numpy as np

from .drawing import draw
from .extent import NAMED
from .oddities import ACROSS, ALIKE, Seen, odd, seen
from .sections import VIEWS, Key, Section, Sections

FEWEST = 8
"""Particles that the slices around one must show alike."""
OFF = 0.25
"""Part of their correlation that an odd one reaches, at most."""

SHARE = 0.1
"""Of the slices across one that must have filled it in for it to be named."""


def without_strays(sections: Sections) -> tuple[Sections, list[str]]:
    """Give the sections that belong between their neighbours, and words about the others."""
    left: dict[Key, Section] = {}
    words = _across(sections)
    for view in range(3):
        own = {one.index: one for one in sections if one.view == view}
        found = odd(_drawn(own.values()), lambda *three, own=own: _why(own, *three))
        left |= {(view, one.index): one for one in own.values() if one.index not in found}
        words += [f"{VIEWS[view]} slice {n} is bridged: {why}" for n, why in found.items()]
    if len(words) > NAMED:
        words = [*words[:NAMED], f"{len(words)} are bridged in all"]
    return Sections(left), words


def _across(sections: Sections) -> list[str]:
    """Name the slices that were filled in where slices of other views cut them."""
    cut: Counter[tuple[int, int]] = Counter()
    for one in sections:
        cut.update(one.lines)
    most = Counter(one.view for one in sections)
    return [
        f"{VIEWS[view]} slice {n} is bridged in {times} slices that cut it"
        for (view, n), times in sorted(cut.items())
        if times > SHARE * (sum(most.values()) - most[view])
    ]


def _drawn(own: Iterable[Section]) -> Iterator[Seen]:
    for one in own:
        yield seen(one.index, _mask(one))


def _mask(one: Section) -> np.ndarray:
    step = max(1, -(-max(one.shape) // ACROSS))
    cells = (-(-one.shape[0] // step), -(-one.shape[1] // step))
    return draw((one.corners + 0.5) / step - 0.5, cells) > 0


def _why(own: dict[int, Section], before: Seen, one: Seen, after: list[Seen]) -> str:
    for other in after:
        alike = before.like(other)
        if alike < ALIKE or max(one.like(before), one.like(other)) >= OFF * alike:
            continue
        if _alike(own[before.index], own[other.index]) < FEWEST:
            continue
        if not len(own[one.index]):
            return "no particle is seen in it, and the slices around it show the same ones"
        return "its particles are none of the slices around it, which show the same ones"
    return ""


def _alike(one: Section, other: Section) -> int:
    """How many particles of one slice are where the other has some, too."""
    mask = _mask(other)
    place = one.corners.mean(axis=1) / np.array(one.shape) * mask.shape
    place = np.clip(place.astype(int), 0, np.array(mask.shape) - 1)
    return int(np.count_nonzero(mask[tuple(place.T)]))
