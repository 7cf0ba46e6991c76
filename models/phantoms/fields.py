"""Small fields of fringes and noise, made fast and with everything at random, for training.

No physics of scattering: soft-edged patches of plane waves over noise whose power is that of a
thin film seen through a lens (Thon rings, envelopes, shot noise). Frequencies are in cycles per
pixel, amplitudes in standard deviations of the shot noise.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.fft

from .fringes import Fringes, draw_fringes, wave_sum
from .nuisances import disturb


@dataclass(frozen=True, slots=True)
class Lens:
    """Power of the noise at any frequency: a film seen through a lens, and the counting."""

    pixel: float
    """nm"""
    wavelength: float
    """nm"""
    defocus: float
    """nm"""
    spherical: float
    """nm"""
    astigmatism: float
    """nm"""
    angle: float
    envelope: float
    """1/nm, where it has fallen to 1/e."""
    camera: float
    """The same of the camera, in cycles per pixel."""
    film: float
    """Power of the film over that of the counting where the lens passes it best."""

    def transfer(self, ky: np.ndarray, kx: np.ndarray) -> np.ndarray:
        """|sin chi| times the envelope."""
        y, x = ky / self.pixel, kx / self.pixel
        squared = x * x + y * y
        c, s = float(np.cos(2 * self.angle)), float(np.sin(2 * self.angle))
        focus = self.defocus * squared + self.astigmatism * ((x * x - y * y) * c + 2 * x * y * s)
        third = 0.5 * self.spherical * self.wavelength**2 * squared * squared
        chi = np.pi * self.wavelength * (focus + third)
        return np.asarray(np.abs(np.sin(chi)) * np.exp(-((squared / self.envelope**2) ** 2)))

    def film_power(self, ky: np.ndarray, kx: np.ndarray) -> np.ndarray:
        """Of the film, over frequencies."""
        squared = (kx * kx + ky * ky) / self.pixel**2
        atoms = 1 / (1 + squared / 12) ** 2
        power = self.film * (self.transfer(ky, kx) * atoms) ** 2
        return np.asarray(power * self.shot(ky, kx))

    def shot(self, ky: np.ndarray, kx: np.ndarray) -> np.ndarray:
        """Of the counting, over frequencies."""
        return np.asarray(np.exp(-(kx * kx + ky * ky) / self.camera**2))


@dataclass(frozen=True, slots=True)
class Field:
    """One small image and what is periodic in it."""

    image: np.ndarray
    """float32 [y, x]"""
    fringes: Fringes
    lens: Lens


def field(rng: np.random.Generator, size: int) -> Field:
    """Make a field of `size` pixels a side."""
    lens = _lens(rng)
    ky = np.fft.fftfreq(size).astype(np.float32)[:, None]
    kx = np.fft.rfftfreq(size).astype(np.float32)[None, :]
    solid, step = _edge(rng, size)
    fringes = draw_fringes(rng, size, lens, solid)
    film = _noise(rng, np.sqrt(lens.film_power(ky, kx)), size)
    thin = solid
    for mask in fringes.masks:
        thin = thin * (1 - np.float32(rng.uniform(0, 0.6)) * mask)
    image = film * thin + _noise(rng, np.sqrt(lens.shot(ky, kx)), size) + step
    image += wave_sum(fringes, size)
    return Field(disturb(rng, image), fringes, lens)


def _lens(rng: np.random.Generator) -> Lens:
    return Lens(
        pixel=rng.uniform(0.045, 0.07),
        wavelength=float(rng.choice([0.00197, 0.00251, 0.00418])),
        defocus=rng.uniform(-220, 60),
        spherical=float(rng.choice([0.0, 2e3, 5e5, 1e6, 1.2e6])),
        astigmatism=rng.uniform(0, 10),
        angle=rng.uniform(0, np.pi),
        envelope=rng.uniform(4, 10),
        camera=rng.uniform(0.4, 2.5),
        film=float(np.exp(rng.uniform(np.log(0.2), np.log(300)))),
    )


def _noise(rng: np.random.Generator, amplitude: np.ndarray, size: int) -> np.ndarray:
    """Noise of a power that is `amplitude` squared per pixel, float32."""
    waves = scipy.fft.rfft2(rng.standard_normal((size, size), np.float32), overwrite_x=True)
    waves *= amplitude.astype(np.float32)
    return np.asarray(scipy.fft.irfft2(waves, (size, size), overwrite_x=True))


def _edge(rng: np.random.Generator, size: int) -> tuple[np.ndarray, np.ndarray]:
    """How much of the film is there, and the mean brightness with the fringes of its edge."""
    ones = np.ones((1, 1), np.float32)
    if rng.random() > 0.25:
        return ones, np.float32(rng.uniform(-2, 2)) * ones
    angle, where = rng.uniform(0, 2 * np.pi), rng.uniform(-0.4, 0.6) * size
    y, x = np.mgrid[:size, :size].astype(np.float32) - np.float32(size / 2)
    period, wave = rng.uniform(40, 300), rng.uniform(0, 12)
    c, s = float(np.cos(angle)), float(np.sin(angle))
    out = y * c + x * s
    out += wave * np.sin((2 * np.pi / period) * (x * c - y * s))
    out -= where
    solid = 1 / (1 + np.exp(np.clip(out / rng.uniform(1, 12), -30, 30)))
    far = np.abs(out) / rng.uniform(8, 30)
    fresnel = rng.uniform(0, 12) * np.cos(np.pi * far * far + 1) * np.exp(-far * rng.uniform(1, 2))
    step = rng.uniform(0, 15) * (1 - solid) + fresnel
    return solid.astype(np.float32), step.astype(np.float32)
