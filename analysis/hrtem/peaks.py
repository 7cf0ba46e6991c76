"""Spots in the power spectra: maxima of power over background that noise does not make.

z = power / background is exponential with mean 1 where there is no crystal, so a threshold is a
false-alarm rate: P(z > T) = exp(-T).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .background import Rings

SLACK = 3.0
"""Added to thresholds for the error of the background: a relative error e of B raises the rate of
false alarms by exp(T^2 e^2 / 2), which is 1.3 in the exponent at T = 18 and e = 9 %, and more at
the edges of Thon rings. With it phantoms without crystals show about 0.1 per frame."""
CORE = 0.45
"""Diameter of the grains whose side lobes are expected, as a fraction of the window."""
WORD = 8
"""Bytes of a word."""
_SQUARE = np.stack(np.meshgrid(np.arange(-5, 6), np.arange(-5, 6), indexing="ij"), -1).reshape(
    -1, 2
)
_RADIUS = np.hypot(_SQUARE[:, 0], _SQUARE[:, 1])
NEAR = _SQUARE[np.abs(_SQUARE).max(axis=1) <= 1]
ANNULUS = _SQUARE[(_RADIUS >= 2.5) & (_RADIUS <= 5)]
"""Bins about a peak, beyond its own width, that tell a spot from a streak."""


@dataclass(frozen=True, slots=True)
class Peaks:
    """Maxima of z, one row each; k in the half plane kx > 0, or kx = 0 and ky > 0."""

    tile: np.ndarray
    ky: np.ndarray
    kx: np.ndarray
    z: np.ndarray

    def __len__(self) -> int:
        return len(self.z)

    def keep(self, which: np.ndarray) -> Peaks:
        """Take some of the rows."""
        return Peaks(self.tile[which], self.ky[which], self.kx[which], self.z[which])


def threshold(false_alarms: float, trials: float) -> float:
    """Give the z that noise exceeds `false_alarms` times in `trials` independent looks."""
    return float(np.log(max(trials, 1.0) / false_alarms)) + SLACK


@dataclass(slots=True)
class Tally:
    """What is seen of z while a tile of it is in the cache."""

    above: float
    """z of candidates."""
    total: np.ndarray
    """Sum over the tiles, float32 [bin]."""
    most: np.ndarray
    """Maximum over the tiles."""
    hits: list[np.ndarray]
    """Flat [tile, bin] places of the candidates of each tile."""
    marks: np.ndarray
    """bool [bin] and as many more as fill whole words: most words are empty."""

    @classmethod
    def start(cls, above: float, bins: Rings) -> Tally:
        """Begin: nothing was seen."""
        many = bins.k.size
        marks = np.zeros(-(-many // WORD) * WORD, bool)
        return cls(above, np.zeros(many, np.float32), np.zeros(many, np.float32), [], marks)

    def see(self, tile: int, z: np.ndarray) -> None:
        """Take the `z` [bin] of a tile."""
        np.greater(z, self.above, out=self.marks[: z.size])
        words = self.marks.view(np.uint64).nonzero()[0]
        near = (words[:, None] * WORD + np.arange(WORD)).ravel()
        self.hits.append(near[self.marks[near]] + tile * z.size)
        self.total += z
        np.maximum(self.most, z, out=self.most)


def ratio(
    power: np.ndarray,
    background: np.ndarray,
    factor: np.ndarray | None,
    bins: Rings,
    tally: Tally | None = None,
) -> np.ndarray:
    """Turn `power` [tile, ky, kx] into z, in place; 0 where the background is not known.

    A `tally` sees the z of each tile.
    """
    ring = bins.ring.ravel()
    scale = bins.measured.astype(np.float32)
    if factor is not None:
        scale /= factor
    inverse = (1 / background).astype(np.float32, copy=False)
    level = np.empty(scale.size, np.float32)
    for tile, flat in enumerate(power.reshape(len(power), -1)):
        np.take(inverse[tile], ring, out=level, mode="clip")
        level *= scale.ravel()
        flat *= level
        if tally is not None:
            tally.see(tile, flat)
    return power


def pair_threshold(false_alarms: float, trials: float) -> float:
    """Give the z that noise exceeds in two neighbouring tiles at one place in k, as often.

    Half-overlapped Hann tiles share 1/6 of their amplitude along an axis: after z = T in one, the
    other exceeds T with exp(-(1 - 1/6)^2 / (1 - 1/36) T) = exp(-0.714 T). Each look has about
    eight such partners (four tiles, two bins each).
    """
    return float(np.log(max(8 * trials, 1.0) / false_alarms)) / 1.714 + SLACK / 2


def find_peaks(z: np.ndarray, bins: Rings, above: float, hits: Sequence[np.ndarray] = ()) -> Peaks:
    """Find local maxima of `z` [tile, ky, kx] over `above`, to a fraction of a bin.

    `hits` are the flat places over `above` where they are known.
    """
    places = np.concatenate(hits) if hits else np.flatnonzero(z > above)
    tile, iy, ix = np.unravel_index(places, z.shape)
    rows = bins.inside[iy, ix]
    tile, iy, ix = tile[rows], iy[rows], ix[rows]
    around = _take(z, tile, iy, ix, NEAR).reshape(-1, 3, 3)
    centre = around[:, 1, 1]
    top = (centre >= around.reshape(-1, 9).max(axis=1)) & ~((ix == 0) & (bins.ky[iy] < 0))
    tile, iy, ix, around = tile[top], iy[top], ix[top], around[top]
    alone = around[:, 1, 1] > above * _local(z, tile, iy, ix)
    tile, iy, ix, around = tile[alone], iy[alone], ix[alone], np.log(around[alone] + 1e-6)
    ky = bins.ky[iy] + _offset(around[:, :, 1]) * (bins.ky[1] - bins.ky[0])
    kx = bins.kx[ix] + _offset(around[:, 1, :]) * (bins.kx[1] - bins.kx[0])
    flip = np.where((kx < 0) | ((kx == 0) & (ky < 0)), -1.0, 1.0)
    return Peaks(tile, ky * flip, kx * flip, z[tile, iy, ix])


def _take(
    z: np.ndarray, tile: np.ndarray, iy: np.ndarray, ix: np.ndarray, offsets: np.ndarray
) -> np.ndarray:
    """Take z at `offsets[m, (y, x)]` from each bin: [n, m]; beyond kx = 0 by Friedel's law."""
    jy, jx = iy[:, None] + offsets[:, 0], ix[:, None] + offsets[:, 1]
    np.negative(jy, out=jy, where=jx < 0)
    first = -z.shape[1] - int(np.abs(offsets).max())
    jy = (np.arange(first, -first + 1) % z.shape[1]).take(jy - first)  # faster than all modulo
    jx = np.abs(jx)
    flat = (tile[:, None] * z.shape[1] + jy) * z.shape[2] + np.minimum(jx, z.shape[2] - 1)
    values = z.ravel().take(flat)
    return np.where(jx >= z.shape[2], np.float32(0), values)


def _local(z: np.ndarray, tile: np.ndarray, iy: np.ndarray, ix: np.ndarray) -> np.ndarray:
    """Level of z about each bin without its spot, at least 1: upper quartile of a ring over ln 4.

    A streak from an edge of the specimen (Fresnel fringes, low k) is a background too; the other
    spots of a crystal fill too little of the ring to count.
    """
    around = _take(z, tile, iy, ix, ANNULUS)
    count = (around > 0).sum(axis=1)
    around.sort(axis=1)
    place = around.shape[1] - 1 - count // 4
    quartile: np.ndarray = around[np.arange(len(around)), place] / np.log(4.0)
    return np.asarray(np.maximum(quartile, 1.0))


def _offset(three: np.ndarray) -> np.ndarray:
    """Vertex of the parabola through three logarithms (bias 0.016 bin in a Hann window)."""
    curve = three[:, 0] - 2 * three[:, 1] + three[:, 2]
    slope = 0.5 * (three[:, 0] - three[:, 2])
    vertex = np.divide(slope, curve, out=np.zeros_like(curve), where=curve < 0)
    return np.asarray(np.clip(vertex, -0.6, 0.6))


def lobes(z: np.ndarray, reach: np.ndarray) -> np.ndarray:
    """Largest side lobe that the sharp edge of a grain leaves of a spot of strength `z`.

    `reach` is the distance in k times the grain's diameter D. The power of a disc falls like
    2.55 / (pi k D)^3; three times that is allowed for.
    """
    largest: np.ndarray = z * 3 * 2.55 / (np.pi * np.maximum(reach, 0.35)) ** 3
    return largest


def side_lobes(peaks: Peaks, place: np.ndarray, window: float) -> np.ndarray:
    """Which peaks are no more than the side lobes that a stronger one has from a grain's edge.

    `place` says which peaks share a tile (equal values do), `window` its length.
    """
    order = np.lexsort((-peaks.z, place))
    z, ky, kx = peaks.z[order], peaks.ky[order], peaks.kx[order]
    starts = np.flatnonzero(np.r_[True, np.diff(place[order]) != 0])
    sizes = np.diff(np.r_[starts, len(order)])
    lobe = np.zeros(len(order), bool)
    for lag in range(1, int(sizes.max(initial=1))):
        later = np.flatnonzero(np.arange(len(order)) - np.repeat(starts, sizes) >= lag)
        if not later.size:
            break
        strong = later - lag
        for sign in (1, -1):
            dk = np.hypot(ky[later] - sign * ky[strong], kx[later] - sign * kx[strong])
            lobe[later] |= z[later] < lobes(z[strong], dk * CORE * window)
    result = np.zeros(len(order), bool)
    result[order] = lobe
    return result
