"""The specimen as the beam passes it: matrix, vacuum and grains summed to a projected phase."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy.fft

from .crystals import reflections, scattering
from .grains import EDGE, Grain, Specimen, Window, depth, place, plateau, window
from .optics import Microscope, intensity

MATRIX = "C"
MARGIN = 64
"""Pixels around the image, so that nothing wraps around its borders and the stage can drift."""
COARSE = 0.25
"""Pixel of the map that grains are laid on, in nm."""
EDGE_WIDTH = 0.6
"""Over which the specimen thins out towards the vacuum, in nm."""
LOBE = 1.0
"""Reflections with |excitation error| * thickness up to this (the first lobe) are drawn."""
SHELL = 4.7
"""Spatial frequency of the glass's first ring in 1/nm."""
SINC = (0.98761, -0.15523 * np.pi**2, 0.0056431 * np.pi**4)
"""sin(pi s t) / (pi s t) in powers of (s t)^2 for |s t| <= 1, within 0.02."""


@dataclass(frozen=True, slots=True)
class Visible:
    """The reflections of one grain near enough to the Ewald sphere to give fringes."""

    index: np.ndarray
    """int64[n]: rows of the crystal's table."""
    g: np.ndarray
    """float64[n, 2]: (x, y) in the image, 1/nm."""
    error: np.ndarray
    """float64[n]: excitation error in 1/nm."""


def visible(grain: Grain, microscope: Microscope) -> Visible:
    """Give the reflections of a grain within the first lobe of its thickness and the image."""
    lab = reflections(grain.phase).g @ grain.orientation.rotation.T / grain.scale
    error = -lab[:, 2] - 0.5 * microscope.wavelength * (lab * lab).sum(axis=1)
    inside = np.hypot(lab[:, 0], lab[:, 1]) < 0.45 / microscope.pixel
    index = np.flatnonzero(inside & (np.abs(error) * grain.thickness <= LOBE))
    return Visible(index, lab[index, :2], error[index])


@dataclass(frozen=True, slots=True)
class Scene:
    """A specimen, and how it would look without noise; arrays have a margin on all sides."""

    seed: int
    specimen: Specimen
    microscope: Microscope
    grains: tuple[Grain, ...]
    relative: np.ndarray
    """float32[y, x]: electrons relative to the incident beam."""
    grain_map: np.ndarray
    """int16[y, x]: number of the grain, 0 = none."""
    thickness: np.ndarray
    """float32[y, x]: of the specimen in nm, 0 = vacuum."""

    @property
    def solid(self) -> np.ndarray:
        """bool[y, x]: specimen, not vacuum."""
        return np.asarray(self.thickness > 0.5 * self.specimen.thickness)


def compose(seed: int, shape: tuple[int, int], specimen: Specimen, microscope: Microscope) -> Scene:
    """Lay out a specimen for an image of `shape` and image it without noise."""
    rng = np.random.default_rng([seed, 1])
    height, width = microscope.pixels
    canvas = (
        scipy.fft.next_fast_len(shape[0] + 2 * MARGIN),
        scipy.fft.next_fast_len(shape[1] + 2 * MARGIN),
    )
    thickness = _slab(canvas, specimen, microscope.pixels, rng)
    solid = thickness > 0.5 * specimen.thickness
    step = max(1, round(COARSE / microscope.pixel))
    coarse = solid[step // 2 :: step, step // 2 :: step]
    grains = tuple(place(specimen, coarse, (step * height, step * width), rng))
    relative, grain_map = render(seed, thickness, grains, specimen, microscope)
    return Scene(seed, specimen, microscope, grains, relative, grain_map, thickness)


def render(
    seed: int,
    thickness: np.ndarray,
    grains: Sequence[Grain],
    specimen: Specimen,
    microscope: Microscope,
) -> tuple[np.ndarray, np.ndarray]:
    """Image a slab `thickness`[y, x] (nm) with grains in it: relative intensity and grain map.

    The atoms of the matrix depend on `seed` alone: with other grains they stay where they are.
    """
    phase = np.zeros(thickness.shape, np.float32)
    matrix, grain_map = thickness.copy(), np.zeros(thickness.shape, np.int16)
    for grain in grains:
        part = window(grain, thickness.shape, microscope.pixels)
        inside = plateau(grain, depth(grain, part.y, part.x))
        room = np.maximum(thickness[part.box] - specimen.film, 0)
        own = np.minimum(np.float32(grain.thickness) * inside, room)
        matrix[part.box] -= own
        phase[part.box] += _fringes(grain, own, part, microscope)
        grain_map[part.box][own > EDGE * grain.thickness] = grain.number
    phase += _amorphous(matrix, specimen, microscope, np.random.default_rng([seed, 2]))
    return intensity(phase, microscope), grain_map


def _slab(
    shape: tuple[int, int],
    specimen: Specimen,
    pixels: tuple[float, float],
    rng: np.random.Generator,
) -> np.ndarray:
    """Give the thickness[y, x] in nm: full, falling to 0 at a wavy edge on one of four sides."""
    side = int(rng.integers(4))
    rows, columns = shape if side % 2 == 0 else shape[::-1]
    along, across = pixels if side % 2 == 0 else pixels[::-1]
    y, x = np.arange(rows) * along, np.arange(columns) * across
    edge = np.full(rows, (MARGIN + (1 - specimen.vacuum) * (columns - 2 * MARGIN)) * across)
    for period in rng.uniform(4, 25, 4):
        edge += 0.02 * period * np.sin(2 * np.pi * (y / period + rng.random()))
    if specimen.vacuum <= 0:
        edge[:] = np.inf
    slope = np.clip((edge[:, None] - x[None, :]) / EDGE_WIDTH + 0.5, 0, 1).astype(np.float32)
    slab = np.float32(specimen.thickness) * slope * slope * (3 - 2 * slope)
    return np.ascontiguousarray(np.rot90(slab, side))


def _fringes(grain: Grain, own: np.ndarray, part: Window, microscope: Microscope) -> np.ndarray:
    """Give the projected phase[y, x] of a crystal of thickness `own`[y, x], kinematic.

    Each reflection's t sinc(s t) is expanded in even powers of s t, so that its sum over all
    reflections is a few matrix products of waves along y and waves along x.
    """
    table, seen = reflections(grain.phase), visible(grain, microscope)
    phase = np.float32(table.mean) * own
    if len(seen.index):
        turns = 2j * np.pi
        down = np.exp(turns * seen.g[:, 1] * (part.y - grain.centre[0]))
        along = np.exp(turns * seen.g[:, 0] * (part.x.T - grain.centre[1]))
        left = np.hstack([down.real, -down.imag]).astype(np.float32)
        squared, power = own * own, own.copy()
        for order, weight in enumerate(SINC):
            waves = along * (weight * table.potential[seen.index] * seen.error ** (2 * order))
            phase += power * (left @ np.hstack([waves.real, waves.imag]).astype(np.float32).T)
            power *= squared
    return np.asarray(np.float32(microscope.coupling) * phase)


def _amorphous(
    matrix: np.ndarray, specimen: Specimen, microscope: Microscope, rng: np.random.Generator
) -> np.ndarray:
    """Give the phase[y, x] of an amorphous matrix of thickness `matrix`[y, x] in nm.

    Atoms at random, with the short-range order of a glass: they keep their distance (less power
    at low frequency) and have a first shell (a broad ring).
    """
    height, width = microscope.pixels
    coupling = np.float32(microscope.coupling)
    noise = rng.standard_normal(matrix.shape, np.float32)
    noise *= np.sqrt(matrix * np.float32(specimen.density / (height * width)))
    ky = np.fft.fftfreq(matrix.shape[0], height).astype(np.float32)[:, None]
    kx = np.fft.rfftfreq(matrix.shape[1], width).astype(np.float32)[None, :]
    waves = scipy.fft.rfft2(noise, overwrite_x=True)
    k = np.arange(0, np.hypot(abs(ky).max(), kx.max()) + 0.1, 0.02)
    order = 1 - 0.6 * np.exp(-((k / 2.6) ** 4)) + 0.15 * np.exp(-(((k - SHELL) / 0.9) ** 2))
    curve = (scattering(MATRIX, k) * np.sqrt(order)).astype(np.float32)
    waves *= np.interp(np.hypot(ky, kx), k, curve).astype(np.float32)
    phase = scipy.fft.irfft2(waves, matrix.shape, overwrite_x=True)
    phase += np.float32(specimen.density * scattering(MATRIX, np.zeros(1))[0]) * matrix
    phase *= coupling
    return np.asarray(phase)
