"""A specimen far larger than a frame, to be found out by moving over it: patches of one phase.

The specimen is a film with patches of a crystal; where they are is a smooth random field. A frame
at a stage position is a window on it, blurred by defocus and astigmatism as incoherent imaging is.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
import scipy.fft
import scipy.ndimage

TILE = 1024
"""Edge of the texture that repeats, px."""
FINE = 8
"""Samples of the field of patches along the edge of a frame."""
DARKER = 0.3
"""Contrast of a patch: its mean is so much lower."""
BLUR = 0.05
"""Standard deviation of the blur in px for each nm of defocus."""


@dataclass(frozen=True)
class Specimen:
    """Patches over a raster of `cells` x `cells` frames; one seed is one specimen."""

    seed: int
    cells: int = 24
    area: float = 0.05
    """Fraction of the specimen that patches cover."""
    patch: float = 2.0
    """Correlation length of the patches, in frames."""
    frame: int = 512
    """Edge of a frame, px."""
    period: float = 6.7
    """Lattice fringes of the crystal, px (0.2 nm at 0.03 nm a pixel)."""
    counts: float = 400.0
    """Mean of the film, counts a pixel."""
    _patches: np.ndarray = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Lay out the patches."""
        random = np.random.default_rng(self.seed)
        smooth = scipy.ndimage.gaussian_filter(
            random.normal(size=(self.cells * FINE, self.cells * FINE)), self.patch * FINE
        )
        object.__setattr__(self, "_patches", smooth > np.quantile(smooth, 1 - self.area))

    @property
    def truth(self) -> np.ndarray:
        """Area fraction of the crystal in the frame of each cell, float64 [y, x]."""
        blocks = self._patches.reshape(self.cells, FINE, self.cells, FINE)
        return np.asarray(blocks.mean(axis=(1, 3)))

    def picture(
        self,
        place: tuple[float, float],
        *,
        defocus: float = 0.0,
        stigma: tuple[float, float] = (0.0, 0.0),
        seed: int = 0,
    ) -> np.ndarray:
        """The frame at stage position `place` (y, x), in frames from the first one; uint16 [y, x].

        `defocus` in nm; `stigma` are the two stigmators, nm of defocus between the directions.
        Poisson noise by `seed`.
        """
        mask = self._mask(place)
        film, crystal = _tile(self.seed, self.period)
        rows, columns = (np.arange(self.frame) + int(p * self.frame) for p in place)
        at = np.ix_(rows % TILE, columns % TILE)
        ideal = film[at] * (1 - mask) + crystal[at] * mask
        blurred = _blurred(ideal, defocus, stigma)
        noisy = np.random.default_rng((self.seed, seed)).poisson(
            np.maximum(blurred, 0.01) * self.counts
        )
        return np.asarray(noisy, np.uint16)

    def _mask(self, place: tuple[float, float]) -> np.ndarray:
        """Where the crystal is in a frame, 0 to 1."""
        step = FINE / self.frame
        y, x = (p * FINE + (np.arange(self.frame) + 0.5) * step - 0.5 for p in place)
        at = np.meshgrid(y, x, indexing="ij")
        field_of = self._patches.astype(np.float32)
        mask = scipy.ndimage.map_coordinates(field_of, at, order=1, mode="nearest")
        return np.asarray(mask)


@lru_cache(maxsize=4)
def _tile(seed: int, period: float) -> tuple[np.ndarray, np.ndarray]:
    """Film and crystal about a mean of 1 and 1 - DARKER, float32 [TILE, TILE], periodic."""
    random = np.random.default_rng((seed, 1))
    k = np.hypot(scipy.fft.fftfreq(TILE)[:, None], scipy.fft.rfftfreq(TILE)[None, :])
    waves = scipy.fft.rfft2(random.normal(size=(TILE, TILE))) * np.exp(-0.5 * (k / 0.12) ** 2)
    film = scipy.fft.irfft2(waves, s=(TILE, TILE))
    film = 1 + 0.15 * film / film.std()
    whole = round(TILE / period)  # so many fringes that the tile repeats
    phase = 2 * np.pi * whole / TILE * np.arange(TILE)
    lattice = 0.12 * (np.cos(phase)[:, None] + np.cos(phase)[None, :])
    crystal = film - DARKER + lattice
    return film.astype(np.float32), crystal.astype(np.float32)


def _blurred(image: np.ndarray, defocus: float, stigma: tuple[float, float]) -> np.ndarray:
    """Blur by a Gaussian as wide as the defocus in each direction, half a pixel at least."""
    ky = scipy.fft.fftfreq(image.shape[0])[:, None]
    kx = scipy.fft.rfftfreq(image.shape[1])[None, :]
    squared = ky**2 + kx**2
    twice = (kx**2 - ky**2) * stigma[0] + 2 * kx * ky * stigma[1]
    width = BLUR * (defocus * np.sqrt(squared) + twice / np.maximum(np.sqrt(squared), 1e-9))
    transfer = np.exp(-2 * np.pi**2 * (width**2 + 0.25 * squared))
    return np.asarray(scipy.fft.irfft2(scipy.fft.rfft2(image) * transfer, s=image.shape))
