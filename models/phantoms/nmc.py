"""Tomographic slices of NMC cathodes with known particles, made fast and with much at random.

    slice_ = nmc_slice(np.random.default_rng(1), (256, 256))
    slice_.image, slice_.labels

Not a simulation of a beamline: what makes real slices hard, each drawn apart: touching and
faceted particles, cracks, pores, binder, uneven grey, phase-contrast fringes, rings, blur, noise,
gradients, the curved edge of the sample, saturation, either sign of contrast.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.fft

from .damage import damage
from .packing import Packing, pack

GENERATOR = "nmc slices 1"
MARGIN = 16
"""Pixels around the field that are made and cut off, so that filters do not wrap into it."""
DIAMETER = 36.0
"""Pixels of a particle that the network likes best: the middle of what is generated."""
DIAMETERS = (12.0, 76.0)


@dataclass(frozen=True, slots=True)
class Slice:
    """One slice and its particles."""

    image: np.ndarray
    """float32 [y, x], arbitrary grey"""
    labels: np.ndarray
    """int32 [y, x], from 1 without gaps; 0 is background; cracks belong to their particle"""
    diameter: float
    """Pixels, of the particles about which sizes scatter"""


def nmc_slice(
    rng: np.random.Generator,
    shape: tuple[int, int] = (256, 256),
    diameter: float | None = None,
    fill: float | None = None,
) -> Slice:
    """Make one slice of `shape` (y, x); what is not given is drawn."""
    if min(shape) < 1:
        raise ValueError(f"a slice has at least one pixel, not {shape}")
    if diameter is None:
        low, high = np.log(DIAMETERS)
        diameter = float(np.exp(rng.triangular(low, np.log(DIAMETER), high)))
    if fill is None:
        fill = float(
            rng.choice([0.0, rng.uniform(0.02, 0.25), rng.uniform(0.25, 0.9)], p=[0.04, 0.16, 0.8])
        )
    size = (shape[0] + 2 * MARGIN, shape[1] + 2 * MARGIN)
    packing = pack(rng, size, diameter, fill, rng.uniform(0.72, 1.05))
    outside = _outside(rng, size)
    packing.labels[outside > 0.5] = 0
    image = _grey(rng, packing, outside)
    image = _optics(rng, image)
    image = _detector(rng, image)
    cut = (slice(MARGIN, -MARGIN), slice(MARGIN, -MARGIN))
    return Slice(np.ascontiguousarray(image[cut]), _sequential(packing.labels[cut]), diameter)


def smooth_noise(rng: np.random.Generator, shape: tuple[int, int], length: float) -> np.ndarray:
    """Gaussian noise of unit variance that is alike over about `length` pixels, float32 [y, x]."""
    power = np.exp(-(2 * np.pi**2 * length**2) * _squared(shape) / 2)
    waves = scipy.fft.rfft2(rng.standard_normal(shape, np.float32), overwrite_x=True)
    noise = scipy.fft.irfft2(waves * power.astype(np.float32), shape, overwrite_x=True)
    return np.asarray(noise / max(float(noise.std()), 1e-9), np.float32)


def _squared(shape: tuple[int, int]) -> np.ndarray:
    ky = np.fft.fftfreq(shape[0])[:, None]
    kx = np.fft.rfftfreq(shape[1])[None, :]
    return np.asarray((ky * ky + kx * kx).astype(np.float32))


def _outside(rng: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    """1 beyond the curved edge of the sample, float32 [y, x]; mostly there is none in sight."""
    if rng.random() > 0.2:
        return np.zeros(shape, np.float32)
    turn, far = rng.uniform(0, 2 * np.pi), float(np.exp(rng.uniform(np.log(200), np.log(3000))))
    inward = rng.uniform(-0.1, 0.45) * max(shape)
    y = np.arange(shape[0], dtype=np.float32)[:, None] - shape[0] / 2
    x = np.arange(shape[1], dtype=np.float32)[None, :] - shape[1] / 2
    cy, cx = (inward - far) * np.sin(turn), (inward - far) * np.cos(turn)
    beyond = np.hypot(y - np.float32(cy), x - np.float32(cx)) - far
    return np.asarray(np.clip(beyond + 0.5, 0, 1), np.float32)


def _grey(rng: np.random.Generator, packing: Packing, outside: np.ndarray) -> np.ndarray:
    """Particles about 1, pores about 0, binder between; float32 [y, x]."""
    shape, many = packing.labels.shape, len(packing.radii)
    length = float(np.exp(rng.uniform(np.log(1.5), np.log(12))))
    texture = smooth_noise(rng, shape, length)
    binder = rng.uniform(0, 0.55) * (texture > rng.uniform(-1.5, 1.5))
    back = binder + rng.uniform(0, 0.08) * texture
    level = np.concatenate([[0], 1 + rng.uniform(0, 0.16) * rng.standard_normal(many)])
    inside = level.astype(np.float32)[packing.labels]
    depth = np.minimum(packing.depth, 1)
    inside += rng.uniform(-0.2, 0.2) * depth * depth + rng.uniform(0, 0.08) * texture[::-1, ::-1]
    gap = np.float32(rng.uniform(0.1, 0.9)) * _seams(packing.labels)
    missing = np.maximum(damage(rng, packing), gap)
    empty = rng.uniform(-0.05, 0.3)
    inside = inside * (1 - missing) + empty * missing
    image = np.where(packing.labels > 0, inside, back)
    image = image * (1 - outside) + np.float32(rng.uniform(-0.4, 0.5)) * outside
    return np.asarray(image, np.float32)


def _seams(labels: np.ndarray) -> np.ndarray:
    """1 on one side of the line between two particles that touch."""
    seam = np.zeros(labels.shape, np.float32)
    down = (labels[1:] != labels[:-1]) & (labels[1:] > 0) & (labels[:-1] > 0)
    right = (labels[:, 1:] != labels[:, :-1]) & (labels[:, 1:] > 0) & (labels[:, :-1] > 0)
    seam[1:][down] = 1
    seam[:, 1:][right] = 1
    return seam


def _optics(rng: np.random.Generator, image: np.ndarray) -> np.ndarray:
    """Blur, and what phase contrast does: fringes (a transfer function over k^2), halos."""
    squared = _squared(image.shape)
    blur = rng.uniform(0.3, 1.9)
    transfer = np.exp(-(2 * np.pi**2 * blur**2) * squared)
    if rng.random() < 0.6:
        reach = float(np.exp(rng.uniform(np.log(2), np.log(60))))
        damp = np.exp(-squared * reach * rng.uniform(0.5, 3))
        transfer = transfer * (1 + rng.uniform(0, 4) * np.sin(np.pi * reach * squared) * damp)
    if rng.random() < 0.3:  # halo and shade-off, as a phase plate makes them
        length = float(np.exp(rng.uniform(np.log(6), np.log(40))))
        lost = np.exp(-(2 * np.pi**2 * length**2) * squared)
        transfer = transfer * (1 - rng.uniform(0, 0.8) * lost)
    waves = scipy.fft.rfft2(image) * transfer.astype(np.float32)
    return np.asarray(scipy.fft.irfft2(waves, image.shape), np.float32)


def _detector(rng: np.random.Generator, image: np.ndarray) -> np.ndarray:
    """Rings, gradients, noise, sign, gamma, saturation, whole numbers."""
    shape = image.shape
    if rng.random() < 0.3:
        image = image + rng.uniform(0, 0.25) * _rings(rng, shape)
    if rng.random() < 0.6:
        y = np.linspace(-1, 1, shape[0], dtype=np.float32)[:, None]
        x = np.linspace(-1, 1, shape[1], dtype=np.float32)[None, :]
        a, b, c, d = rng.normal(0, rng.uniform(0, 0.2), 4).astype(np.float32)
        image = image + a * y + b * x + c * (y * y + x * x) + d * x * y
    strength = float(np.exp(rng.uniform(np.log(0.01), np.log(0.35))))
    noise = rng.standard_normal(shape, np.float32)
    if rng.random() < 0.5:
        noise = smooth_noise(rng, shape, rng.uniform(0.3, 1.2))
    image = image + np.float32(strength) * noise
    if rng.random() < 0.25:
        image = -image
    low, high = np.percentile(image[::4, ::4], [0.5, 99.5])
    image = np.clip((image - low) / max(high - low, 1e-6), -0.3, 1.4)
    image = np.sign(image) * np.abs(image) ** np.float32(np.exp(rng.uniform(-0.4, 0.4)))
    if rng.random() < 0.2:
        image = np.clip(image, rng.uniform(-0.1, 0.15), rng.uniform(0.7, 1.1))
    if rng.random() < 0.5:
        image = np.rint(image * 200) / 200
    return np.asarray(image, np.float32)


def _rings(rng: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    """Concentric rings about a point that may lie outside."""
    cy, cx = rng.uniform(-1, 2) * shape[0], rng.uniform(-1, 2) * shape[1]
    y = np.arange(shape[0], dtype=np.float32)[:, None] - np.float32(cy)
    x = np.arange(shape[1], dtype=np.float32)[None, :] - np.float32(cx)
    far = np.sqrt(y * y + x * x).astype(np.int32)
    profile = rng.standard_normal(int(far.max()) + 4).astype(np.float32)
    profile *= rng.random(len(profile)) < rng.uniform(0.03, 0.5)
    profile = np.convolve(profile, [0.25, 0.5, 0.25], "same").astype(np.float32)
    return np.asarray(profile[far])


def _sequential(labels: np.ndarray) -> np.ndarray:
    """Number what is in sight from 1 without gaps, int32."""
    seen = np.bincount(labels.ravel()) > 0
    seen[0] = False
    number = np.cumsum(seen).astype(np.int32) * seen
    return np.asarray(number[labels], np.int32)
