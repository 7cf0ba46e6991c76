"""What is true of a phantom's reflections, and how far each stands out of the noise."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import scipy.fft

from .crystals import reflections
from .grains import Grain
from .optics import Microscope, aberration, envelope
from .scene import visible

SPOTS = np.dtype(
    [(name, "<i2") for name in ("grain", "phase", "h", "k", "l")]
    + [(name, "<f4") for name in ("kx_nm", "ky_nm", "d_nm", "amp_pred", "snr", "snr_local")]
)
"""One reflection of one grain; both members of a Friedel pair are listed. `phase` is the class in
`phase_map`; `ky_nm` along rows; `amp_pred` the kinematic contrast after the lens."""

FAINT = 0.002
"""Contrast before the lens below which a reflection is not listed."""
PEAK = (2, 1)
"""The peak is the highest power within so many bins of the true place, whole image and grain."""
RING = (6.0, 12.0)
"""In the whole image the local mean is taken from these distances in bins around the place."""
CIRCLE = np.linspace(0, np.pi, 240, endpoint=False)
"""In a grain's window it is taken at the same |k|, at these angles from the place."""
REACH = 2.0
"""Side of a grain's window over the grain's mean diameter."""
SMALLEST = 48
"""Side of a grain's window in pixels, at least."""


def spots(grains: Sequence[Grain], microscope: Microscope, classes: Sequence[str]) -> np.ndarray:
    """List the reflections of all grains (dtype SPOTS), `snr` and `snr_local` still 0."""
    parts = [_of(grain, microscope, classes.index(grain.phase)) for grain in grains]
    return np.concatenate([np.zeros(0, SPOTS), *parts])


def _of(grain: Grain, microscope: Microscope, phase: int) -> np.ndarray:
    table, seen = reflections(grain.phase), visible(grain, microscope)
    kx, ky = seen.g[:, 0], seen.g[:, 1]
    path = grain.thickness * np.sinc(seen.error * grain.thickness)
    contrast = 2 * microscope.coupling * np.abs(table.potential[seen.index]) * path
    lens = np.abs(np.sin(aberration(microscope, ky, kx))) * envelope(microscope, ky, kx)
    rows = np.zeros(len(kx), SPOTS)
    rows["grain"], rows["phase"] = grain.number, phase
    rows["h"], rows["k"], rows["l"] = table.hkl[seen.index].T
    rows["kx_nm"], rows["ky_nm"], rows["d_nm"] = kx, ky, 1 / np.hypot(kx, ky)
    rows["amp_pred"] = contrast * lens
    return np.asarray(rows[contrast >= FAINT])


def measure(
    spots: np.ndarray, image: np.ndarray, grain_map: np.ndarray, pixels: tuple[float, float]
) -> np.ndarray:
    """Fill `snr` (Hann window over the image) and `snr_local` (over the grain) into a copy.

    Both are peak power over local mean, the mean being a median over ln 2, as power is
    exponentially distributed.
    """
    measured = spots.copy()
    whole = _Spectrum(image, pixels)
    measured["snr"] = whole.peak(spots, PEAK[0]) / whole.near(spots)
    for number in np.unique(spots["grain"]):
        of = spots["grain"] == number
        part = _around(grain_map == number)
        if part is not None:
            local = _Spectrum(image[part], pixels)
            measured["snr_local"][of] = local.peak(spots[of], PEAK[1]) / local.ring(spots[of])
    return measured


def _around(mask: np.ndarray) -> tuple[slice, slice] | None:
    """Give the square window around a grain, moved so that it lies in the image."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(rows):
        return None
    area = mask[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].sum()
    side = scipy.fft.next_fast_len(max(SMALLEST, int(REACH * 2 * np.sqrt(area / np.pi))))
    side = min(side, *mask.shape)
    corner = []
    for span, n in zip((rows, columns), mask.shape, strict=True):
        corner.append(min(max((int(span[0]) + int(span[-1]) - side) // 2, 0), n - side))
    return slice(corner[0], corner[0] + side), slice(corner[1], corner[1] + side)


class _Spectrum:
    """The power of an image under a Hann window, read at frequencies."""

    def __init__(self, image: np.ndarray, pixels: tuple[float, float]) -> None:
        ny, nx = image.shape
        window = np.outer(_hann(ny), _hann(nx))
        mean = np.float32((image * window).sum() / window.sum())
        self._power = np.abs(scipy.fft.rfft2((image - mean) * window)) ** 2
        self._shape, self._span = (ny, nx), (ny * pixels[0], nx * pixels[1])

    def _place(self, spots: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Give (row, column) of spots in bins, float64[n, 1]."""
        row, column = spots["ky_nm"] * self._span[0], spots["kx_nm"] * self._span[1]
        return row[:, None], column[:, None]

    def _at(self, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
        """Read the power at the nearest bins; the other half plane is the same (Friedel)."""
        ny, nx = self._shape
        rows, columns = np.rint(rows).astype(int), np.rint(columns).astype(int)
        columns = (columns + nx // 2) % nx - nx // 2
        sign = np.where(columns < 0, -1, 1)
        return np.asarray(self._power[(rows * sign) % ny, columns * sign])

    def peak(self, spots: np.ndarray, reach: int) -> np.ndarray:
        """Give the highest power within `reach` bins of each spot."""
        row, column = self._place(spots)
        y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1].reshape(2, -1)
        return np.asarray(self._at(np.rint(row) + y, np.rint(column) + x).max(axis=1))

    def near(self, spots: np.ndarray) -> np.ndarray:
        """Give the mean power in a ring around each spot."""
        row, column = self._place(spots)
        outer = int(RING[1])
        y, x = np.mgrid[-outer : outer + 1, -outer : outer + 1].reshape(2, -1)
        ring = (np.hypot(y, x) >= RING[0]) & (np.hypot(y, x) <= RING[1])
        return _mean(self._at(row + y[ring], column + x[ring]))

    def ring(self, spots: np.ndarray) -> np.ndarray:
        """Give the mean power at the spots' own |k|, all around the centre."""
        row, column = self._place(spots)
        c, s = np.tile(np.cos(CIRCLE), 3), np.tile(np.sin(CIRCLE), 3)
        radius = np.hypot(row, column)
        stretch = 1 + np.repeat([-1.0, 0.0, 1.0], len(CIRCLE)) / np.maximum(radius, 1)
        return _mean(self._at((row * c + column * s) * stretch, (column * c - row * s) * stretch))


def _mean(power: np.ndarray) -> np.ndarray:
    return np.asarray(np.median(power, axis=1) / np.log(2))


def _hann(n: int) -> np.ndarray:
    return np.asarray(0.5 - 0.5 * np.cos(2 * np.pi * np.arange(n) / n), np.float32)
