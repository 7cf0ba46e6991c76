"""Quality of a picture by its power spectrum: what focus and stigmators are turned by."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import scipy.fft
import xarray as xr

from .counts import totals
from .device import to_host
from .operators import AnalysisError, Calibration
from .stage import StageMap

FLOOR = (0.8, 1.0)
"""Band of frequencies, of Nyquist, where a picture holds noise alone."""
SMALLEST = 16
"""Edge of the smallest picture that has bands, px."""


@dataclass(frozen=True)
class Quality:
    """How sharp each image is, and in which direction it is not; some milliseconds an image.

    `quality` is the rms contrast in a band of spatial frequencies over the mean, without that of
    white noise (normalised variance: Groen et al., Cytometry 6 (1985) 81). For incoherent imaging
    (STEM, SEM, X-rays) it is highest in focus; the phase contrast of a thin specimen in TEM is
    lowest there, and its rings need another measure. `elongation` (0 round, 1 a line) and
    `direction` are those of the spectrum in the band: astigmatism out of focus, or drift.
    """

    low: float = 0.05
    """Lower edge of the band, of the Nyquist frequency."""
    high: float = 0.5
    """Upper edge of the band."""
    size: int = 512
    """Edge of the square in the middle that is looked at, px; smaller images are used whole."""

    def __post_init__(self) -> None:
        """Refuse settings that mean nothing; ValueError says what is allowed."""
        if not 0 < self.low < self.high <= FLOOR[0]:
            raise ValueError(
                f"low and high must be 0 < low < high <= {FLOOR[0]}, not {self.low}, {self.high}"
            )
        if self.size < SMALLEST:
            raise ValueError(f"size must be at least {SMALLEST}, not {self.size}")

    def __call__(self, images: np.ndarray, calibration: Calibration) -> xr.Dataset:
        """Judge `images[n, y, x]`; the same for every calibration. Too small: AnalysisError."""
        del calibration
        if images.ndim != 3 or min(images.shape[1:]) < SMALLEST:
            raise AnalysisError(
                f"images must be [n, y, x] of {SMALLEST} px at least; these are {images.shape}"
            )
        rows = [self._judge(to_host(image)) for image in images]
        quality, elongation, direction, mean = np.array(rows, float).T
        columns = {
            "quality": (quality, "1", "rms contrast in the band, over the mean"),
            "elongation": (elongation, "1", "elongation of the spectrum"),
            "direction": (direction, "degree", "direction of the spectrum, from x towards y"),
            "mean": (mean, "counts", "mean of all pixels"),
        }
        return xr.Dataset(
            {
                name: ("frame", values, {"units": units, "long_name": words})
                for name, (values, units, words) in columns.items()
            }
        )

    def over_run(self, calibration: Calibration) -> Mapping[str, StageMap]:
        """A map over the stage, where frames say where it was."""
        del calibration
        return {"stage": StageMap(("quality", "mean"))}

    def _judge(self, image: np.ndarray) -> tuple[float, float, float, float]:
        top, left = ((n - min(n, self.size)) // 2 for n in image.shape)
        part = image[top : top + self.size, left : left + self.size].astype(np.float32)
        mean = float(totals(image[None])[0]) / image.size
        if image.dtype.kind == "f" and not np.isfinite(part).all():
            part = np.where(np.isfinite(part), part, part[np.isfinite(part)].mean())
        bands = _bands(part.shape, self.low, self.high)
        part -= part.mean()
        part *= bands.window
        spectrum = scipy.fft.rfft2(part, overwrite_x=True).ravel()
        noise, within = spectrum[bands.floor], spectrum[bands.band]
        floor = float(np.vdot(noise, noise).real) / noise.size
        excess = within.real**2 + within.imag**2 - floor
        total = float(excess.sum())
        if not total > 0 or not mean > 0:
            return 0.0 if mean > 0 else float("nan"), float("nan"), float("nan"), mean
        turn = np.dot(excess, bands.turn) / total
        direction = float(np.degrees(np.angle(turn)) / 2)
        # Parseval: half the plane is in the spectrum, and the window took its share of the power
        contrast = np.sqrt(2 * total / (part.size * bands.passed)) / mean
        return float(contrast), float(np.abs(turn)), direction, mean


@dataclass(frozen=True, slots=True)
class _Bands:
    window: np.ndarray
    band: np.ndarray
    floor: np.ndarray
    turn: np.ndarray
    """exp(2 i phi) of each frequency of the band."""
    passed: float
    """Sum of the window's squares."""


@lru_cache(maxsize=8)
def _bands(shape: tuple[int, int], low: float, high: float) -> _Bands:
    wide = np.hanning(shape[0])[:, None] * np.hanning(shape[1])[None, :]
    window = wide.astype(np.float32)
    ky = 2 * scipy.fft.fftfreq(shape[0])[:, None]
    kx = 2 * scipy.fft.rfftfreq(shape[1])[None, :]
    k = np.hypot(ky, kx).ravel()
    band = np.flatnonzero((k >= low) & (k < high))
    floor = np.flatnonzero((k >= FLOOR[0]) & (k <= FLOOR[1]))
    turn = np.exp(2j * np.arctan2(*np.broadcast_arrays(ky, kx))).ravel()[band]
    passed = float((window**2).sum())
    return _Bands(window, band, floor, turn.astype(np.complex64), passed)
