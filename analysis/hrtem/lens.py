"""What the lens did: the phase of its transfer function, read off the Thon rings of the image.

The slope of sin(chi) across the spot of a small grain moves the spot, and beyond the first zero,
where neighbouring frequencies have opposite signs, splits it and carries its fringes off to both
sides. Wiener's filter sin(chi) / (sin(chi)^2 + NOISE) undoes that as far as noise lets it.
chi: Kirkland, Advanced Computing in Electron Microscopy (2010), chapter 3.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
import scipy.fft
import scipy.optimize

from ..device import fourier, like, to_host
from .crop import View, inverse

WAVELENGTH = 1.9687e-3
"""nm, at 300 kV. Rings tell two products with it, so any voltage may be taken for them."""
DEFOCUS = np.arange(-210.0, 71.0, 2.0)
"""nm at 300 kV: what is tried."""
SPHERICAL = np.arange(0.0, 2.81, 0.025)
"""mm at 300 kV: what is tried."""
TWOFOLD = (0.0, 3.0, 6.0, 9.0)
"""nm of astigmatism that are tried, in DIRECTIONS."""
DIRECTIONS = 8
RING = 0.04
"""Width of the rings that the power is averaged over, 1/nm."""
SECTORS = 12
ENOUGH = 300_000
"""Bins that tell the rings well enough."""
ROWS = 32
"""Rows of a spectrum that are filtered at a time: they stay in the cache."""
LOWEST, HIGHEST = 2.0, 8.3
"""1/nm. Below, the edges of the specimen shine."""
SMOOTH = 5
"""Powers of k in the part of log power that isn't rings."""
BAND = 1.2
"""Width of the bands that rings must be seen in, 1/nm."""
SEEN = 0.3
"""Correlation of log power with the rings from which they are seen in a band."""
CLEAR = 0.6
"""... in the best band, at least."""
CONTRARY = -0.12
"""... and below which they are others than these."""
BANDS = 2
"""Neighbouring bands, at least, in which they must be seen."""
NOISE = 0.1
"""Power that does not pass the lens over that of what does, about, where it passes best."""
NEAR, FAR = 0.2, 0.05
"""Error of a spot along k over its width, at a zero of the lens and far from all; on phantoms."""
BEYOND = 0.15
"""... and where the lens is not known."""
SHORT = 0.01
"""nm; fringes that are carried less far are not carried."""
HARMONICS = 6
"""Terms of the means over a spot."""
LEAST = 0.02
"""... and what they are at least."""
HANN = 1 / np.sqrt(3)
"""Standard deviation along one direction of the power of a Hann window, over 1 / length."""


@dataclass(frozen=True, slots=True)
class Lens:
    """The phase of a transfer function."""

    numbers: tuple[float, float, float, float]
    """Defocus (nm), spherical aberration (mm), astigmatism along cos and sin of twice the azimuth
    from x (nm), all as a lens at 300 kV would have them."""
    highest: float
    """1/nm: the fit is good up to here, a band beyond the last ring that is seen."""

    def phase(self, ky: np.ndarray, kx: np.ndarray) -> np.ndarray:
        """Chi at frequencies in 1/nm; as at `highest` beyond it."""
        squared = np.asarray(kx * kx + ky * ky)
        near = np.minimum(squared, self.highest**2)
        inward = near / np.maximum(squared, 1e-12)
        return _chi(self.numbers, near, (kx * kx - ky * ky) * inward, 2 * kx * ky * inward)

    def phases(self, ky: np.ndarray, kx: np.ndarray) -> np.ndarray:
        """Chi at all of `ky` [n] with all of `kx` [m] >= 0, float32 [n, m]: as `phase`, but faster.

        It is a polynomial of kx for each ky, so a product of matrices.
        """
        defocus, spherical, one, two = (np.pi * WAVELENGTH * v for v in self.numbers)
        fourth, y, top = 0.5e6 * WAVELENGTH**2 * spherical, ky**2, self.highest**2
        flat = np.ones_like(y)
        twofold = np.stack([-one * y, 2 * two * ky, one * flat], axis=1)
        terms = [fourth * y**2 + defocus * y, 0 * y, 2 * fourth * y + defocus, fourth * flat]
        terms[:3] = [a + b for a, b in zip(terms, twofold.T, strict=False)]
        powers = np.stack([np.ones_like(kx), kx, kx**2, kx**4]).astype(np.float32)
        chi = np.stack(terms, axis=1).astype(np.float32) @ powers
        first = int(np.searchsorted(kx, np.sqrt(max(top - y.max(), 0))))
        squared = np.add.outer(y.astype(np.float32), powers[2, first:])
        np.maximum(squared, np.float32(1e-12), out=squared)
        beyond = twofold.astype(np.float32) @ powers[:3, first:]
        beyond *= np.float32(top) / squared
        beyond += np.float32(fourth * top**2 + defocus * top)
        chi[:, first:] = np.where(squared > top, beyond, chi[:, first:])
        return np.asarray(chi)

    def sign(self, ky: np.ndarray, kx: np.ndarray) -> np.ndarray:
        """Whether sin(chi) is negative."""
        return np.asarray(np.sin(self.phase(ky, kx)) < 0)

    def carried(self, k: np.ndarray) -> np.ndarray:
        """How far fringes of |k| are carried to both sides, nm: the slope of chi over 2 pi.

        Without the astigmatism, and 0 beyond `highest`.
        """
        defocus, spherical = self.numbers[:2]
        slope = WAVELENGTH * k * (defocus + 1e6 * WAVELENGTH**2 * spherical * k * k)
        return np.where(k < self.highest, np.abs(slope), 0.0)

    def left(self, ky: np.ndarray, kx: np.ndarray, size: np.ndarray) -> np.ndarray:
        """Error along k of a spot measured in a `Restored` image, over its width 1 / `size`.

        At a zero of the lens the middle of the spot is missing, and it is two.
        """
        k = np.hypot(ky, kx)
        slope = 2 * np.pi * np.maximum(self.carried(k), SHORT)
        zero = size * np.arcsin(np.abs(np.sin(self.phase(ky, kx)))) / slope
        return np.where(k < self.highest, np.hypot(FAR, NEAR / (1 + zero**2)), BEYOND)


@dataclass(frozen=True, slots=True)
class Restored:
    """An image with what its lens did undone by Wiener's filter, of mean square one."""

    view: View
    lens: Lens

    def passed(
        self, ky: np.ndarray, kx: np.ndarray, length: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Mean over a spot of what lens and filter let pass of an amplitude, and of noise power.

        At frequencies [n, y, 1] and [n, 1, x], in Hann windows of `length` [n]. Both are series
        in cos(2 n chi), which the slope of chi across the spot damps.
        """
        chi = self.lens.phase(ky, kx)
        middle = tuple(v[:, v.shape[1] // 2, v.shape[2] // 2] for v in (ky, kx))
        spread = 2 * np.pi * HANN * self.lens.carried(np.hypot(*middle)) / length
        one = 2 * np.cos(2 * chi)
        before, wave = np.ones_like(chi), one / 2
        signal, noise = (np.full_like(chi, c[0]) for c in (_SIGNAL, _POWER))
        for n in range(1, HARMONICS):
            part = wave * np.exp(-2 * (n * spread) ** 2)[:, None, None]
            signal += _SIGNAL[n] * part
            noise += _POWER[n] * part
            before, wave = wave, one * wave - before
        return np.maximum(signal, LEAST), np.maximum(noise, LEAST)


def restore(view: View, lens: Lens) -> Restored:
    """Undo what `lens` did to `view`."""
    ny, nx = view.image.shape
    ky, kx = np.fft.fftfreq(ny, view.pixel[0]), np.fft.rfftfreq(nx, view.pixel[1])
    spectrum = np.empty_like(view.spectrum)
    for start in range(0, ny, ROWS):
        rows = slice(start, start + ROWS)
        sine = lens.phases(ky[rows], kx)
        weight = _filter(np.sin(sine, out=sine))
        np.multiply(view.spectrum[rows], weight, out=spectrum[rows])
    if view.there is None:
        image = inverse(spectrum, nx)
        return Restored(replace(view, image=image, spectrum=spectrum), lens)
    turned = like(spectrum, view.there[1])
    there = (fourier(turned).irfft2(turned, s=(ny, nx)), turned)
    return Restored(View(to_host(there[0]), spectrum, view.pixel, view.origin, there), lens)


def _filter(sine: np.ndarray) -> np.ndarray:
    """Wiener's filter where sin(chi) is `sine`; its square has the mean one over all chi."""
    power = sine * sine
    power += np.float32(NOISE)
    weight = np.divide(sine, power, out=power)
    weight *= np.float32(GAIN)
    return np.asarray(weight)


def _series(values: np.ndarray) -> np.ndarray:
    """Weights of cos(2 n chi), from `values` equally spaced over half a turn of chi."""
    terms = np.fft.rfft(values).real / len(values)
    terms[1:] *= 2
    return np.asarray(terms[:HARMONICS])


GAIN = np.sqrt(2 * NOISE**0.5 * (1 + NOISE) ** 1.5)
_SINE = np.sin(np.arange(256) * np.pi / 256)
_SIGNAL, _POWER = _series(_SINE * _filter(_SINE)), _series(_filter(_SINE) ** 2)


def lens_of(view: View, power: np.ndarray) -> Lens | None:
    """Fit the rings of `power` [ky, kx] (fft order, kx >= 0); None where none are seen.

    Nor are they in a field too small to tell one ring from the next. Log power is taken for a
    polynomial of k and some of cos(2 chi).
    """
    cells = _cells(power.shape, (1 / view.size[0], 1 / view.size[1]))
    if len(cells.k) < BANDS * BAND / RING or not cells.count.any(axis=0).all():
        return None
    floor = np.finfo(np.float32).tiny
    logs = np.bincount(cells.cell, np.log(power.ravel()[cells.bins] + floor), cells.count.size)
    mean = logs.reshape(cells.count.shape) / np.maximum(cells.count, 1)
    radial = np.average(mean, axis=0, weights=cells.count)
    rest = mean - cells.smooth @ (cells.smooth.T @ radial)
    numbers = _climb(_start(rest, cells), rest, cells)
    highest = _visible(numbers, rest, cells)
    return None if highest is None else Lens(numbers, highest)


@dataclass(frozen=True, slots=True)
class _Cells:
    """Bins of a spectrum sorted into sectors and rings."""

    bins: np.ndarray
    """Flat bins that are used."""
    cell: np.ndarray
    """... and the cell of each, sector * rings + ring."""
    count: np.ndarray
    """Bins of each, [sector, ring]."""
    k: np.ndarray
    """|k| of each ring."""
    angle: np.ndarray
    """Azimuth of each sector from x."""
    smooth: np.ndarray
    """Orthogonal powers of k, [ring, power]."""

    @property
    def places(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """What `_chi` asks of the cells, [sector, ring]."""
        squared = np.tile(self.k**2, (len(self.angle), 1))
        twice = 2 * self.angle[:, None]
        return squared, squared * np.cos(twice), squared * np.sin(twice)


@lru_cache(maxsize=4)
def _cells(shape: tuple[int, int], step: tuple[float, float]) -> _Cells:
    ky = np.fft.fftfreq(shape[0], 1 / (shape[0] * step[0]))[:, None]
    kx = (np.arange(shape[1]) * step[1])[None, :]
    ring = (np.hypot(ky, kx) / RING).astype(int)
    low, top = int(LOWEST / RING), int(min(HIGHEST, np.abs(ky).max(), kx.max()) / RING) - 1
    use = (ring >= low) & (ring < top) & (np.abs(ky) > 2.5 * step[0]) & (kx > 2.5 * step[1])
    sector = ((np.arctan2(ky, kx) / np.pi + 0.5) * SECTORS).astype(int)
    bins = np.flatnonzero(use)
    bins = bins[:: max(1, len(bins) // ENOUGH)]
    many = max(top - low, 0)
    cell = (np.minimum(sector, SECTORS - 1) * many + ring - low).ravel()[bins]
    k = (np.arange(low, low + many) + 0.5) * RING
    powers = (k[:, None] / HIGHEST) ** np.arange(SMOOTH)
    return _Cells(
        bins,
        cell,
        np.bincount(cell, minlength=SECTORS * many).reshape(SECTORS, many),
        k,
        ((np.arange(SECTORS) + 0.5) / SECTORS - 0.5) * np.pi,
        np.linalg.qr(powers)[0] if many else powers,
    )


def _chi(
    numbers: tuple[float, ...], squared: np.ndarray, along: np.ndarray, across: np.ndarray
) -> np.ndarray:
    """Chi where |k|^2 is `squared`, kx^2 - ky^2 `along` and 2 kx ky `across`."""
    defocus, spherical, one, two = (np.pi * WAVELENGTH * v for v in numbers)
    chi = squared * (0.5e6 * WAVELENGTH**2 * spherical)
    chi += defocus
    chi *= squared
    chi += along * one
    chi += across * two
    return np.asarray(chi)


@lru_cache(maxsize=4)
def _table(rings: tuple[float, ...]) -> np.ndarray:
    """Unit rings of each lens without astigmatism, float32 [defocus, spherical, ring]."""
    k = np.array(rings)
    powers = np.linalg.qr((k[:, None] / HIGHEST) ** np.arange(SMOOTH))[0].astype(np.float32)
    table = np.empty((len(DEFOCUS), len(SPHERICAL), len(k)), np.float32)
    for rows, defocus in zip(table, DEFOCUS, strict=True):
        third = 1e6 * WAVELENGTH**2 * SPHERICAL[:, None] * k**2
        chi = np.pi * WAVELENGTH * k**2 * (defocus + third / 2)
        across = 2 * WAVELENGTH * k * (defocus + third) * RING
        rows[:] = -np.cos(2 * chi) * np.sinc(across)
        rows -= (rows @ powers) @ powers.T
        rows /= np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 0.2 * np.sqrt(len(k)))
    return table


def _start(rest: np.ndarray, cells: _Cells) -> tuple[float, float, float, float]:
    """The best of all lenses tried: astigmatism is a defocus of each sector's own."""
    table = _table(tuple(cells.k.tolist()))
    each = (table.reshape(-1, table.shape[2]) @ rest.T.astype(np.float32)).T
    each = each.reshape(SECTORS, *table.shape[:2])
    step = DEFOCUS[1] - DEFOCUS[0]
    edge = int(np.ceil(max(TWOFOLD) / step))
    many = len(DEFOCUS) - 2 * edge
    best, numbers = -np.inf, (0.0, 0.0, 0.0, 0.0)
    for size in TWOFOLD:
        for turn in np.arange(DIRECTIONS if size else 1) * (2 * np.pi / DIRECTIONS):
            starts = edge + np.rint(size * np.cos(2 * cells.angle - turn) / step).astype(int)
            total = np.zeros((many, len(SPHERICAL)), np.float32)
            for one, start in zip(each, starts.tolist(), strict=True):
                total += one[start : start + many]
            d, c = np.unravel_index(int(total.argmax()), total.shape)
            if total[d, c] > best:
                best = float(total[d, c])
                along = size * np.exp(1j * turn)
                defocus = float(DEFOCUS[d + edge])
                numbers = (defocus, float(SPHERICAL[c]), along.real, along.imag)
    return numbers


def _climb(
    start: tuple[float, ...], rest: np.ndarray, cells: _Cells
) -> tuple[float, float, float, float]:
    """Maximise the correlation with the rings over all numbers of the lens."""
    places = cells.places
    weight = np.sqrt(cells.count)

    def cost(numbers: np.ndarray) -> float:
        wave = -np.cos(2 * _chi(tuple(numbers), *places))
        wave -= wave.mean()
        return float(-(weight * wave * rest).sum() / np.sqrt((weight * wave * wave).sum()))

    simplex = np.array(start) + np.vstack([np.zeros(4), np.diag([2.0, 0.03, 2.0, 2.0])])
    options = {"initial_simplex": simplex, "maxfev": 250, "xatol": 0.03, "fatol": 1e-4}
    found = scipy.optimize.minimize(cost, start, method="Nelder-Mead", options=options).x
    return (float(found[0]), float(found[1]), float(found[2]), float(found[3]))


def _visible(numbers: tuple[float, ...], rest: np.ndarray, cells: _Cells) -> float | None:
    """Where the rings end; None where they are seen in too few bands, or others are seen."""
    wave = -np.cos(2 * _chi(numbers, *cells.places))
    band = ((cells.k - cells.k[0]) / BAND).astype(int)
    like = np.array([_alike(wave, rest, cells.count, band == n) for n in range(band[-1] + 1)])
    best = int(like.argmax())
    last = best
    while last + 1 < len(like) and like[last + 1] > SEEN:
        last += 1
    first = best
    while first > 0 and like[first - 1] > SEEN:
        first -= 1
    if like[best] < CLEAR or last - first + 1 < BANDS or like[1 : last + 1].min() < CONTRARY:
        return None
    return float(cells.k[band == last][-1] + BAND)


def _alike(wave: np.ndarray, rest: np.ndarray, count: np.ndarray, part: np.ndarray) -> float:
    """Weighted correlation of the two over some rings."""
    weight = count[:, part].astype(float)
    one, two = (v[:, part] - np.average(v[:, part], weights=weight) for v in (wave, rest))
    size = np.sqrt((weight * one * one).sum() * (weight * two * two).sum())
    return float((weight * one * two).sum() / max(size, 1e-30))
