"""The pretend microscope: from a projected phase to counts on a camera.

The specimen is a phase object: the exit wave exp(i phase) passes the lens (aberrations times
envelopes, quasi-coherent) and its squared modulus is seen by the camera. Delocalisation, Thon
rings, Fresnel fringes at edges and the weak second-order spots (2g, g1+-g2) follow from that.
Formulas: Kirkland, Advanced Computing in Electron Microscopy (2010), chapters 2 and 3.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.fft
from scipy.ndimage import gaussian_filter

ELECTRON_MASS = 510.99895
"""Rest energy in keV."""
PLANCK_C = 1.23984198
"""h c in keV nm."""

MANY = 5.0
"""Electrons per pixel from which Poisson noise is drawn the fast way."""


@dataclass(frozen=True, slots=True)
class Microscope:
    """How the specimen is looked at."""

    pixel: float = 0.03
    """True size of a pixel in nm (geometric mean of both directions)."""
    header_scale_error: float = 0.0
    """The header says `pixel * (1 + header_scale_error)`."""
    anisotropy: float = 0.0
    """True pixel height over width, minus 1; the header knows nothing of it."""
    voltage: float = 300.0
    """Acceleration voltage in kV."""
    spherical: float = 1.2
    """Spherical aberration C_s in mm."""
    defocus: float | None = None
    """In nm, negative is under focus; None = Scherzer's."""
    astigmatism: float = 2.0
    """Two-fold, half the difference of the extreme defoci in nm."""
    astigmatism_angle: float = 30.0
    """Direction of the largest defocus in degrees from x."""
    focal_spread: float = 3.5
    """Standard deviation of the defocus in nm."""
    convergence: float = 0.3
    """Semi-angle of illumination in mrad."""
    dose: float = 500.0
    """Electrons per square angstrom."""
    diffuse: float = 0.05
    """Fraction of the electrons without phase contrast (inelastic, thermal)."""
    shading: float = 0.02
    """Largest relative deviation of the illumination."""
    blur: float = 0.6
    """Standard deviation of the camera's point spread in pixels; colours the noise as well."""
    gain: float = 8.0
    """Counts per electron."""
    offset: float = 100.0
    """Dark level in counts."""
    readout: float = 3.0
    """Standard deviation of the readout noise in counts."""

    def __post_init__(self) -> None:
        """Refuse what no microscope does; ValueError says what is allowed."""
        for name in ("pixel", "voltage", "spherical", "dose", "gain"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} = {getattr(self, name)}: it must be above 0")

    @property
    def wavelength(self) -> float:
        """Of the electrons, in nm."""
        return PLANCK_C / float(np.sqrt(self.voltage * (2 * ELECTRON_MASS + self.voltage)))

    @property
    def coupling(self) -> float:
        """Phase in radian per (structure factor over volume [1/nm^2] times thickness [nm])."""
        return self.wavelength * (1 + self.voltage / ELECTRON_MASS)

    @property
    def focus(self) -> float:
        """The defocus in nm, Scherzer's where none is set."""
        scherzer = -1.2 * float(np.sqrt(self.spherical * 1e6 * self.wavelength))
        return scherzer if self.defocus is None else self.defocus

    @property
    def pixels(self) -> tuple[float, float]:
        """True (y, x) size of a pixel in nm."""
        ratio = float(np.sqrt(1 + self.anisotropy))
        return self.pixel * ratio, self.pixel / ratio


def aberration(microscope: Microscope, ky: np.ndarray, kx: np.ndarray) -> np.ndarray:
    """Give chi in radian at spatial frequencies in 1/nm."""
    wavelength, squared = microscope.wavelength, ky * ky + kx * kx
    angle = np.deg2rad(microscope.astigmatism_angle)
    c, s = np.cos(2 * angle), np.sin(2 * angle)
    twofold = microscope.astigmatism * ((kx * kx - ky * ky) * c + 2 * kx * ky * s)
    third = 0.5 * microscope.spherical * 1e6 * wavelength**2 * squared * squared
    return np.asarray(np.pi * wavelength * (microscope.focus * squared + twofold + third))


def envelope(microscope: Microscope, ky: np.ndarray, kx: np.ndarray) -> np.ndarray:
    """Give E_s E_t, the damping by partial coherence, at spatial frequencies in 1/nm."""
    wavelength, squared = microscope.wavelength, ky * ky + kx * kx
    temporal = 0.5 * (np.pi * wavelength * microscope.focal_spread) ** 2 * squared * squared
    slope = microscope.spherical * 1e6 * wavelength**2 * squared + microscope.focus
    spatial = (np.pi * microscope.convergence * 1e-3 * slope) ** 2 * squared
    return np.asarray(np.exp(-temporal - spatial))


def intensity(phase: np.ndarray, microscope: Microscope) -> np.ndarray:
    """Image a projected phase[y, x] in radian: electrons relative to vacuum, float32."""
    height, width = microscope.pixels
    ky = np.fft.fftfreq(phase.shape[0], height).astype(np.float32)[:, None]
    kx = np.fft.fftfreq(phase.shape[1], width).astype(np.float32)[None, :]
    wave = np.empty(phase.shape, np.complex64)
    np.cos(phase, out=wave.real)
    np.sin(phase, out=wave.imag)
    wave = scipy.fft.fft2(wave, overwrite_x=True)
    chi = aberration(microscope, ky, kx)
    lens = np.empty(phase.shape, np.complex64)
    np.cos(chi, out=lens.real)
    np.sin(-chi, out=lens.imag)
    lens *= envelope(microscope, ky, kx)
    wave *= lens
    wave = scipy.fft.ifft2(wave, overwrite_x=True)
    image = wave.real**2 + wave.imag**2
    return np.asarray((1 - microscope.diffuse) * image + microscope.diffuse, np.float32)


def illumination(
    shape: tuple[int, int], microscope: Microscope, rng: np.random.Generator
) -> np.ndarray:
    """Give the smooth relative brightness of the beam, float32[y, x], about 1."""
    y = np.linspace(-1, 1, shape[0], dtype=np.float32)[:, None]
    x = np.linspace(-1, 1, shape[1], dtype=np.float32)[None, :]
    a, b, c = (rng.uniform(-1, 1, 3) * microscope.shading / 2).astype(np.float32)
    return np.asarray((1 + a * y + c * (y * y - 0.33)) + (b * x + c * (x * x - 0.33)), np.float32)


def expose(relative: np.ndarray, microscope: Microscope, rng: np.random.Generator) -> np.ndarray:
    """Count electrons behind a relative intensity[y, x] at the set dose: uint16[y, x]."""
    area = 100 * microscope.pixel**2
    electrons = _poisson(relative * np.float32(microscope.dose * area), rng)
    blurred = gaussian_filter(electrons, microscope.blur, mode="reflect", truncate=4.0)
    blurred *= microscope.gain
    blurred += microscope.offset
    blurred += microscope.readout * rng.standard_normal(blurred.shape, np.float32)
    np.clip(np.rint(blurred, out=blurred), 0, 65535, out=blurred)
    return np.asarray(blurred, np.uint16)


def _poisson(mean: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Draw Poisson numbers; from `MANY` on by Cornish-Fisher, right to the third moment."""
    if mean.min() < MANY:
        return np.asarray(rng.poisson(mean), np.float32)
    z = rng.standard_normal(mean.shape, np.float32)
    return np.asarray(mean + np.sqrt(mean) * z + (z * z - 1) / np.float32(6))
