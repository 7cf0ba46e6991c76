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
PEAK = 2
"""The peak is the highest power within this many bins of the true place."""
RING = (6.0, 12.0)
"""The local mean is the median of the power at these distances in bins, over ln 2."""
REACH = 1.5
"""Side of a grain's window over the grain's mean diameter."""


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
    """Fill `snr` (Hann window over the image) and `snr_local` (over the grain) into a copy."""
    measured = spots.copy()
    measured["snr"] = _ratio(image, measured, pixels)
    for number in np.unique(spots["grain"]):
        of = measured["grain"] == number
        part = _around(grain_map == number)
        measured["snr_local"][of] = 0 if part is None else _ratio(image[part], measured[of], pixels)
    return measured


def _around(mask: np.ndarray) -> tuple[slice, slice] | None:
    """Give the square window around a grain, moved so that it lies in the image."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(rows):
        return None
    area = mask[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].sum()
    side = scipy.fft.next_fast_len(max(32, int(REACH * 2 * np.sqrt(area / np.pi))))
    side = min(side, *mask.shape)
    corner = []
    for span, n in zip((rows, columns), mask.shape, strict=True):
        corner.append(min(max((int(span[0]) + int(span[-1]) - side) // 2, 0), n - side))
    return slice(corner[0], corner[0] + side), slice(corner[1], corner[1] + side)


def _ratio(image: np.ndarray, spots: np.ndarray, pixels: tuple[float, float]) -> np.ndarray:
    """Give peak over local mean of a Hann periodogram at each spot, float32[n]."""
    ny, nx = image.shape
    window = np.outer(*[_hann(n) for n in (ny, nx)])
    mean = float((image * window).sum() / window.sum())
    power = np.abs(scipy.fft.rfft2((image - np.float32(mean)) * window)) ** 2
    reach = np.arange(-int(RING[1]), int(RING[1]) + 1)
    rows = np.rint(spots["ky_nm"] * ny * pixels[0]).astype(int)[:, None, None] + reach[:, None]
    columns = np.rint(spots["kx_nm"] * nx * pixels[1]).astype(int)[:, None, None] + reach[None, :]
    columns = (columns + nx // 2) % nx - nx // 2
    sign = np.where(columns < 0, -1, 1)
    around = power[(rows * sign) % ny, columns * sign]
    distance = np.hypot(reach[:, None], reach[None, :])
    peak = around[:, (np.abs(reach) <= PEAK)][:, :, np.abs(reach) <= PEAK].max(axis=(1, 2))
    ring = around[:, (distance >= RING[0]) & (distance <= RING[1])]
    return np.asarray(peak * np.log(2) / np.median(ring, axis=1), np.float32)


def _hann(n: int) -> np.ndarray:
    return np.asarray(0.5 - 0.5 * np.cos(2 * np.pi * np.arange(n) / n), np.float32)
