"""Regions: where in the image each reflection's envelope stands above noise and half maximum."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
import scipy.ndimage
import scipy.sparse

from .boxes import Boxes, Power, Support, boxes

NOISE = 5.0
"""Envelope power over noise below which nothing belongs to a region."""
SEED = 9.0
"""Envelope power over noise that a region must reach somewhere."""
HALF = 0.25
"""Half maximum of the amplitude, as power."""
FAINT = 0.02
"""Power over that of the strongest region of a reflection from which another one beside it, on the
skirts of its envelope, is believed: fringes that the lens carries off are weaker."""
FLAT = np.zeros((3, 3, 3), int)
FLAT[1] = 1
Samples: TypeAlias = tuple[np.ndarray, np.ndarray, np.ndarray]
"""Box, y and x of some samples."""


@dataclass(frozen=True, slots=True)
class Regions:
    """One row for each connected place of each reflection."""

    component: np.ndarray
    """The reflection."""
    mask: scipy.sparse.csr_array
    """bool [region, y * x]"""
    peak: np.ndarray
    """Largest envelope power over noise."""
    y: np.ndarray
    """Centroid, weighted with the power."""
    x: np.ndarray
    sigma_y: np.ndarray
    """Standard deviation of the places in the region."""
    sigma_x: np.ndarray

    def __len__(self) -> int:
        return len(self.component)

    @property
    def diameter(self) -> np.ndarray:
        """As discs: four standard deviations."""
        return np.asarray(4 * np.sqrt(self.sigma_y * self.sigma_x))

    def places(self, row: int) -> np.ndarray:
        """Flat places in the plane of one of the rows."""
        return np.asarray(self.mask.indices[self.mask.indptr[row] : self.mask.indptr[row + 1]])

    def keep(self, rows: np.ndarray) -> Regions:
        """Take some of the rows."""
        index = np.arange(len(self))[rows]
        return Regions(
            self.component[index],
            self.mask[index],
            *(getattr(self, name)[index] for name in ("peak", "y", "x", "sigma_y", "sigma_x")),
        )


def regions(
    power: Power, noise: np.ndarray, support: Support, pixel: tuple[float, float]
) -> Regions:
    """Cut each reflection's envelope into connected regions.

    `power` gives squared amplitudes, `noise[reflection]` is what noise alone would leave of them,
    `support` where the reflections were seen. A region reaches SEED, touches the support, and ends
    where the amplitude falls to half of its maximum. What stands beyond that, with a maximum of
    its own and less than half of its amplitude between, is another region: a second grain that
    shows nearly the same k, but weaker.
    """
    strong: list[_Parts] = []
    weaker: list[_Parts] = []
    size = support.size()
    while size.any():
        edge = int(size[size > 0].min())
        rows = np.flatnonzero(size == edge)
        found = boxes(power, rows, edge, support)
        parts, beside, cut = _strong(found, noise[rows])
        strong.append(parts)
        weaker += _weaker(found, beside, NOISE * noise[rows])
        size[rows] = np.where(cut, 2 * edge, 0)
    one, more = _joined(strong), _joined(weaker)
    every = _joined([one.sorted(one.row), more.sorted(-more.top)])
    return _table(every, noise, support.shape, pixel)


@dataclass(frozen=True, slots=True)
class _Parts:
    """Regions, one row each, and their samples."""

    row: np.ndarray
    """The reflection."""
    top: np.ndarray
    """Largest power that makes it one, float32."""
    number: np.ndarray
    """Region of each sample."""
    place: np.ndarray
    """... where it is, flat in the plane"""
    strength: np.ndarray
    """... and its power."""

    def sorted(self, key: np.ndarray) -> _Parts:
        """Put the regions in the order of `key`; equals stay as they are."""
        order = np.argsort(key, kind="stable")
        number = np.empty(len(order), np.intp)
        number[order] = np.arange(len(order))
        return replace(self, row=self.row[order], top=self.top[order], number=number[self.number])


def _joined(parts: Sequence[_Parts]) -> _Parts:
    number, flat = np.zeros(0, np.intp), np.zeros(0, np.float32)
    every = [_Parts(number, flat, number, number, flat), *parts]
    first = np.cumsum([0, *(len(part.row) for part in every)])
    return _Parts(
        np.concatenate([part.row for part in every]),
        np.concatenate([part.top for part in every]),
        np.concatenate([part.number + n for part, n in zip(every, first, strict=False)]),
        np.concatenate([part.place for part in every]),
        np.concatenate([part.strength for part in every]),
    )


def _strong(found: Boxes, noise: np.ndarray) -> tuple[_Parts, Samples, np.ndarray]:
    """Regions of the strongest, where weaker ones may be, and which boxes are too small.

    The last say nothing yet: what is joined to the support goes on beyond them.
    """
    power = found.power
    labels, count = scipy.ndimage.label(
        power > (NOISE * noise).astype(np.float32)[:, None, None], structure=FLAT
    )
    at = np.nonzero(labels)
    label, strength, seen = labels[at] - 1, power[at], found.support[at]
    top = np.zeros(count, np.float32)
    np.maximum.at(top, label, np.where(seen, strength, 0))
    box = np.zeros(count, np.intp)
    box[label] = at[0]
    good = top > SEED * noise[box]
    cut = found.cut(np.r_[False, good][labels])
    good &= ~cut[box]
    inside = good[label] & (strength > HALF * top[label])
    beside = good[label] & ~inside & (strength > FAINT * top[label])
    beside &= seen & (strength > SEED * noise[at[0]])
    n, y, x = (axis[inside] for axis in at)
    number = (np.cumsum(good) - 1)[label[inside]]
    parts = _Parts(
        found.rows[box[good]], top[good], number, found.places(n, y, x), strength[inside]
    )
    return parts, (at[0][beside], at[1][beside], at[2][beside]), cut


def _weaker(found: Boxes, places: Samples, floor: np.ndarray) -> Iterator[_Parts]:
    """Regions about the maxima among `places` that no stronger one reaches over half.

    `floor[box]` is the least power.
    """
    for n, y, x in zip(*_maxima(found.wide, places), strict=True):
        power = found.power[n]
        top = power[y, x]
        labels = scipy.ndimage.label(power > max(HALF * top, floor[n]))[0]
        own = np.nonzero(labels == labels[y, x])
        if power[own].max() > top:
            continue
        yield _Parts(
            found.rows[[n]],
            np.array([top]),
            np.zeros(len(own[0]), np.intp),
            found.places(np.full(len(own[0]), n), *own),
            power[own],
        )


def _maxima(wide: np.ndarray, places: Samples) -> Samples:
    """Those of `places` that exceed their eight neighbours; `wide` has a sample more about all."""
    box, y, x = places
    near = np.array([(a, b) for a in (0, 1, 2) for b in (0, 1, 2) if (a, b) != (1, 1)])
    beside = wide[box[:, None], y[:, None] + near[:, 0], x[:, None] + near[:, 1]]
    top = (wide[box, y + 1, x + 1][:, None] > beside).all(axis=1)
    return box[top], y[top], x[top]


def bounds(places: np.ndarray, shape: tuple[int, int], margin: int = 0) -> tuple[slice, slice]:
    """Smallest box (y, x) of a plane of `shape` that holds the flat `places` and their margin."""
    y, x = np.divmod(places, shape[1])
    return (
        slice(max(int(y.min()) - margin, 0), int(y.max()) + margin + 1),
        slice(max(int(x.min()) - margin, 0), int(x.max()) + margin + 1),
    )


def union(mask: scipy.sparse.csr_array, shape: tuple[int, int]) -> np.ndarray:
    """Where any of the regions of `mask` is, bool [y, x]."""
    covered = np.zeros(shape[0] * shape[1], bool)
    covered[mask.indices] = True
    return covered.reshape(shape)


def redrawn(
    found: Regions,
    moved: Mapping[int, tuple[np.ndarray, np.ndarray]],
    shape: tuple[int, int],
    pixel: tuple[float, float],
) -> Regions:
    """Put some of the rows elsewhere: where their flat places are, by the power there.

    `shape` and `pixel` are those of the envelopes. The order and all peaks stay.
    """
    rows = np.array(list(moved), np.intp)
    if not rows.size:
        return found
    number = np.repeat(np.arange(len(rows)), [len(places) for places, _ in moved.values()])
    places, power = (np.concatenate(part) for part in zip(*moved.values(), strict=True))
    parts = _Parts(np.arange(len(rows)), found.peak[rows], number, places, power)
    new = replace(_table(parts, np.ones(len(rows)), shape, pixel), component=found.component[rows])
    order = np.arange(len(found))
    order[rows] = len(found) + np.arange(len(rows))
    names = ("component", "peak", "y", "x", "sigma_y", "sigma_x")
    both = {n: np.concatenate([getattr(found, n), getattr(new, n)])[order] for n in names}
    mask = scipy.sparse.csr_array(scipy.sparse.vstack([found.mask, new.mask]))[order]
    return Regions(mask=mask, **both)


def _table(
    parts: _Parts, noise: np.ndarray, shape: tuple[int, int], pixel: tuple[float, float]
) -> Regions:
    many, number, strength = len(parts.row), parts.number, parts.strength
    y = (parts.place // shape[1] + 0.5) * pixel[0]
    x = (parts.place % shape[1] + 0.5) * pixel[1]
    weight = np.bincount(number, strength, many)
    cy, cx = (np.bincount(number, strength * v, many) / weight for v in (y, x))
    count = np.bincount(number, minlength=many)
    sy, sx = (
        np.sqrt(np.bincount(number, (v - c[number]) ** 2, many) / count + p**2 / 12)
        for v, c, p in ((y, cy, pixel[0]), (x, cx, pixel[1]))
    )
    mask = scipy.sparse.csr_array(
        (np.ones(len(number), np.float32), (number, parts.place)),
        shape=(many, shape[0] * shape[1]),
    )
    return Regions(parts.row, mask, parts.top / noise[parts.row], cy, cx, sy, sx)
