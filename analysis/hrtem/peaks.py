"""Spots in the power spectra: maxima of power over background that noise does not make.

z = power / background is exponential with mean 1 where there is no crystal, so a threshold is a
false-alarm rate: P(z > T) = exp(-T).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .background import Rings

SLACK = 1.5
"""Added to thresholds for the error of the background: a relative error e of B raises the rate by
exp(T^2 e^2 / 2), 1.3 in the exponent at T = 18 and e = 9 %."""
CORE = 0.45
"""Diameter of the grains whose side lobes are expected, as a fraction of the window."""


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
    """z that noise exceeds `false_alarms` times in `trials` independent looks."""
    return float(np.log(max(trials, 1.0) / false_alarms)) + SLACK


def ratio(
    power: np.ndarray, background: np.ndarray, factor: np.ndarray | None, bins: Rings
) -> np.ndarray:
    """Turn `power` [tile, ky, kx] into z, in place; 0 at the bins that are not looked at."""
    ring = bins.ring.ravel()
    scale = np.where(bins.inside, 1.0, 0.0).astype(np.float32)
    if factor is not None:
        scale /= factor
    inverse = 1 / background
    flat = power.reshape(len(power), -1)
    for start in range(0, len(flat), 32):
        rows = slice(start, start + 32)
        flat[rows] *= inverse[rows][:, ring]
        flat[rows] *= scale.ravel()
    return power


def pair_threshold(false_alarms: float, trials: float) -> float:
    """z that noise exceeds in two neighbouring tiles at one place in k, as often.

    Half-overlapped Hann tiles share 1/6 of their amplitude along an axis: after z = T in one, the
    other exceeds T with exp(-(1 - 1/6)^2 / (1 - 1/36) T) = exp(-0.714 T). Each look has about
    eight such partners (four tiles, two bins each).
    """
    return float(np.log(max(8 * trials, 1.0) / false_alarms)) / 1.714 + SLACK / 2


def find_peaks(z: np.ndarray, bins: Rings, above: float) -> Peaks:
    """Find local maxima of `z` [tile, ky, kx] over `above`, to a fraction of a bin."""
    tile, iy, ix = np.unravel_index(np.flatnonzero(z > above), z.shape)
    around = _neighbours(z, tile, iy, ix)
    centre = around[:, 1, 1]
    top = (centre >= around.reshape(-1, 9).max(axis=1)) & ~((ix == 0) & (bins.ky[iy] < 0))
    tile, iy, ix, around = tile[top], iy[top], ix[top], np.log(around[top] + 1e-6)
    ky = bins.ky[iy] + _offset(around[:, :, 1]) * (bins.ky[1] - bins.ky[0])
    kx = bins.kx[ix] + _offset(around[:, 1, :]) * (bins.kx[1] - bins.kx[0])
    flip = np.where((kx < 0) | ((kx == 0) & (ky < 0)), -1.0, 1.0)
    return Peaks(tile, ky * flip, kx * flip, z[tile, iy, ix])


def _neighbours(z: np.ndarray, tile: np.ndarray, iy: np.ndarray, ix: np.ndarray) -> np.ndarray:
    """z of the 3x3 bins around each, [n, 3, 3]; beyond kx = 0 lies the Friedel partner."""
    step = np.arange(-1, 2)
    jy = (iy[:, None, None] + step[:, None]) % z.shape[1]
    jx = ix[:, None, None] + step[None, :]
    jy, jx = np.broadcast_arrays(jy, jx)
    jy = np.where(jx < 0, -jy % z.shape[1], jy)
    jx = np.abs(jx)
    beyond = jx >= z.shape[2]
    values = z[tile[:, None, None], jy, np.minimum(jx, z.shape[2] - 1)]
    return np.where(beyond, np.float32(0), values)


def _offset(three: np.ndarray) -> np.ndarray:
    """Vertex of the parabola through three logarithms (bias 0.016 bin in a Hann window)."""
    curve = three[:, 0] - 2 * three[:, 1] + three[:, 2]
    slope = 0.5 * (three[:, 0] - three[:, 2])
    return np.clip(np.divide(slope, curve, out=np.zeros_like(curve), where=curve < 0), -0.6, 0.6)


def side_lobes(peaks: Peaks, place: np.ndarray, window: float) -> np.ndarray:
    """Which peaks are no more than the side lobes that a stronger one has from a grain's edge.

    The power of a sharp disc of diameter D falls like 2.55 / (pi k D)^3; three times that is
    allowed for. `place` says which peaks share a tile (equal values do), `window` its length.
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
            reach = np.maximum(dk * CORE * window, 0.35)
            lobe[later] |= z[later] < z[strong] * 3 * 2.55 / (np.pi * reach) ** 3
    result = np.zeros(len(order), bool)
    result[order] = lobe
    return result
