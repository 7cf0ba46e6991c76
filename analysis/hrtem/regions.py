"""Regions: where in the image each reflection's envelope stands above noise and half maximum."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import scipy.ndimage
import scipy.sparse

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


@dataclass(frozen=True, slots=True)
class Regions:
    """One row for each connected place of each reflection."""

    component: np.ndarray
    """Row of the reflection in the stack of envelopes."""
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

    def keep(self, rows: np.ndarray) -> Regions:
        """Take some of the rows."""
        index = np.arange(len(self))[rows]
        return Regions(
            self.component[index],
            self.mask[index],
            *(getattr(self, name)[index] for name in ("peak", "y", "x", "sigma_y", "sigma_x")),
        )


def regions(
    power: np.ndarray, noise: np.ndarray, support: np.ndarray, pixel: tuple[float, float]
) -> Regions:
    """Split each envelope into connected regions.

    `power[reflection, y, x]` are squared amplitudes, `noise[reflection]` what noise alone would
    leave, `support[reflection, y, x]` where the reflection was seen (bool). A region reaches SEED,
    touches the support, and ends where the amplitude falls to half of its maximum. What stands
    beyond that, with a maximum of its own and less than half of its amplitude between, is another
    region: a second grain that shows nearly the same k, but weaker.
    """
    above = power > (NOISE * noise).astype(np.float32)[:, None, None]
    labels, count = scipy.ndimage.label(above, structure=FLAT)
    flat = np.flatnonzero(above)
    label = labels.ravel()[flat] - 1
    strength = power.ravel()[flat]
    top = np.zeros(count, np.float32)
    np.maximum.at(top, label, np.where(support.ravel()[flat], strength, 0))
    component = np.zeros(count, np.intp)
    component[label] = flat // (power.shape[1] * power.shape[2])
    good = top > SEED * noise[component]
    inside = good[label] & (strength > HALF * top[label])
    number = (np.cumsum(good) - 1)[label[inside]]
    beside = good[label] & ~inside & (strength > FAINT * top[label])
    beside &= support.ravel()[flat] & (strength > SEED * noise[component[label]])
    first = [(number, flat[inside], component[good], top[good])]
    more = _weaker(power, flat[beside], NOISE * noise, int(good.sum()))
    number, place, rows, most = map(np.concatenate, zip(*first, *more, strict=True))
    return _table(
        number,
        place,
        power.ravel()[place],
        rows,
        most / noise[rows],
        power.shape,
        pixel,
    )


def _weaker(
    power: np.ndarray, places: np.ndarray, floor: np.ndarray, taken: int
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]]:
    """Regions about the maxima among `places` (flat) that no stronger one reaches over half.

    `floor[reflection]` is the least power. Gives of each: its number (from `taken` up) and the
    place (flat) of each of its samples, its reflection, and its largest power.
    """
    tops = places[_maxima(power, places)]
    size = power.shape[1] * power.shape[2]
    for top in tops[np.argsort(-power.ravel()[tops], kind="stable")].tolist():
        row, at = divmod(top, size)
        one, most = power[row], power[row].ravel()[at]
        island = scipy.ndimage.label(one > max(HALF * most, floor[row]), FLAT[1])[0].ravel()
        own = np.flatnonzero(island == island[at])
        if one.ravel()[own].max() > most:
            continue
        yield (
            np.full(len(own), taken),
            row * size + own,
            np.array([row]),
            np.array([most]),
        )
        taken += 1


def _maxima(power: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Which of `places` exceed their eight neighbours; envelopes are periodic."""
    row, y, x = np.unravel_index(places, power.shape)
    near = np.array([(a, b) for a in (-1, 0, 1) for b in (-1, 0, 1) if a or b])
    beside = power[
        row[:, None],
        (y[:, None] + near[:, 0]) % power.shape[1],
        (x[:, None] + near[:, 1]) % power.shape[2],
    ]
    return np.asarray((power[row, y, x][:, None] > beside).all(axis=1))


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


def _table(
    number: np.ndarray,
    flat: np.ndarray,
    strength: np.ndarray,
    component: np.ndarray,
    peak: np.ndarray,
    shape: tuple[int, ...],
    pixel: tuple[float, float],
) -> Regions:
    many = len(component)
    place = flat % (shape[1] * shape[2])
    y, x = (place // shape[2] + 0.5) * pixel[0], (place % shape[2] + 0.5) * pixel[1]
    weight = np.bincount(number, strength, many)
    cy, cx = (np.bincount(number, strength * v, many) / weight for v in (y, x))
    count = np.bincount(number, minlength=many)
    sy, sx = (
        np.sqrt(np.bincount(number, (v - c[number]) ** 2, many) / count + p**2 / 12)
        for v, c, p in ((y, cy, pixel[0]), (x, cx, pixel[1]))
    )
    mask = scipy.sparse.csr_array(
        (np.ones(len(flat), np.float32), (number, place)), shape=(many, shape[1] * shape[2])
    )
    return Regions(component, mask, peak, cy, cx, sy, sx)


def draw_support(
    component: np.ndarray,
    y: np.ndarray,
    x: np.ndarray,
    half: np.ndarray,
    shape: tuple[int, int, int],
    pixel: tuple[float, float],
) -> np.ndarray:
    """Draw a square of half edge `half` about each sighting: bool [component, y, x]."""
    support = np.zeros(shape, bool)
    top, bottom = ((y + s * half) / pixel[0] for s in (-1, 1))
    left, right = ((x + s * half) / pixel[1] for s in (-1, 1))
    edges = np.stack([top, np.ceil(bottom), left, np.ceil(right)], axis=1)
    limits = [shape[1], shape[1], shape[2], shape[2]]
    for row, (y0, y1, x0, x1) in zip(
        component.tolist(), np.clip(edges, 0, limits).astype(int).tolist(), strict=True
    ):
        support[row, y0:y1, x0:x1] = True
    return support
