"""Patches of plane waves with soft edges: what a crystal adds to a small field."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

HIGHEST = 0.485
"""Cycles per pixel, of the reflections drawn."""
LOWEST = 0.06
SPECIAL = (60.0, 90.0, 54.7, 70.5, 45.0)
"""Angles in degrees that lattices like."""
COUNTS = (0.12, 0.28, 0.25, 0.2, 0.15)
"""Chances of 0, 1, 2, ... crystals in a field."""


class Noise(Protocol):
    """What is known of the noise under the fringes."""

    def transfer(self, ky: np.ndarray, kx: np.ndarray) -> np.ndarray:
        """Contrast that the lens leaves at frequencies."""
        ...

    def film_power(self, ky: np.ndarray, kx: np.ndarray) -> np.ndarray:
        """Power of the film at frequencies."""
        ...

    def shot(self, ky: np.ndarray, kx: np.ndarray) -> np.ndarray:
        """Power of the counting at frequencies."""
        ...


@dataclass(frozen=True, slots=True)
class Fringes:
    """The reflections of a field, one row each, and the crystals that they belong to."""

    k: np.ndarray
    """float64 [n, (ky, kx)], cycles per pixel."""
    amplitude: np.ndarray
    """float64 [n], of the fringes where the crystal is thickest."""
    phase: np.ndarray
    """float64 [n]"""
    crystal: np.ndarray
    """int [n], row of `masks`."""
    masks: np.ndarray
    """float32 [crystal, y, x], 0 to 1."""

    def __len__(self) -> int:
        return len(self.k)


def draw_fringes(rng: np.random.Generator, size: int, noise: Noise, solid: np.ndarray) -> Fringes:
    """Draw some crystals for a field of `size` pixels whose film is `solid` [y, x]."""
    rows, masks = [], []
    for number in range(int(rng.choice(len(COUNTS), p=COUNTS))):
        mask = _mask(rng, size) * np.maximum(solid, 0.3)
        k = _lattice(rng)
        area = min(float(mask.sum()), 0.45 * (size / 2) ** 2) + 1
        snr = np.exp(rng.uniform(np.log(15), np.log(3000))) * _fall(rng, k, noise)
        power = noise.film_power(k[:, 0], k[:, 1]) + noise.shot(k[:, 0], k[:, 1])
        rows.append((k, 2 * np.sqrt(snr * power / area), np.full(len(k), number)))
        masks.append(mask)
    if not rows:
        nothing = np.zeros(0)
        blank = np.zeros((0, size, size), np.float32)
        return Fringes(np.zeros((0, 2)), nothing, nothing, np.zeros(0, np.intp), blank)
    k, amplitude, crystal = (np.concatenate(column) for column in zip(*rows, strict=True))
    phase = rng.uniform(0, 2 * np.pi, len(k))
    return Fringes(k, amplitude, phase, crystal, np.stack(masks).astype(np.float32))


def wave_sum(fringes: Fringes, size: int) -> np.ndarray:
    """All fringes of all crystals, float32 [y, x]."""
    total = np.zeros((size, size), np.float32)
    place = np.arange(size) - size / 2
    for number, mask in enumerate(fringes.masks):
        of = fringes.crystal == number
        y = 2 * np.pi * fringes.k[of, 0] * place[:, None] + fringes.phase[of]
        x = 2 * np.pi * fringes.k[of, 1] * place[:, None]
        height = fringes.amplitude[of]
        left = np.concatenate([np.cos(y) * height, -np.sin(y) * height], axis=1)
        right = np.concatenate([np.cos(x), np.sin(x)], axis=1)
        total += mask * (left.astype(np.float32) @ right.astype(np.float32).T)
    return total


def _lattice(rng: np.random.Generator) -> np.ndarray:
    """Reflections of one zone, or of one row of it, in one half plane: [n, (ky, kx)]."""
    turn, length = rng.uniform(0, 2 * np.pi), rng.uniform(0.08, 0.42)
    ratio = 1.0 if rng.random() < 0.3 else rng.uniform(0.6, 1.8)
    angle = np.deg2rad(rng.choice(SPECIAL) if rng.random() < 0.5 else rng.uniform(35, 90))
    one = length * np.exp(1j * turn)
    two = ratio * length * np.exp(1j * (turn + angle))
    h, k = np.meshgrid(np.arange(0, 4), np.arange(-3, 4), indexing="ij")
    half = ((h > 0) | (k > 0)).ravel()
    if rng.random() < 0.3:
        half &= (k == 0).ravel()
    every = (h.ravel() * one + k.ravel() * two)[half]
    every = every[rng.random(len(every)) < rng.uniform(0.5, 1)]
    every = every[(np.abs(every) < HIGHEST) & (np.abs(every) > LOWEST)]
    return np.stack([every.real, every.imag], axis=1)


def _fall(rng: np.random.Generator, k: np.ndarray, noise: Noise) -> np.ndarray:
    """Power of each reflection relative to the strongest."""
    if not len(k):
        return np.zeros(0)
    squared = (k**2).sum(axis=1)
    power = np.exp(-squared * rng.uniform(0, 30)) * rng.lognormal(0, 1.2, len(k))
    if rng.random() < 0.6:
        power *= noise.transfer(k[:, 0], k[:, 1]) ** 2 + 0.003
    return np.asarray(power / power.max())


def _mask(rng: np.random.Generator, size: int) -> np.ndarray:
    """A soft ellipse somewhere, flat or thinning out to its edge."""
    centre = rng.uniform(-0.05, 1.05, 2) * size
    radius = 0.5 * size * float(np.exp(rng.uniform(np.log(0.2), np.log(1.3))))
    aspect, turn = rng.uniform(0.4, 1) ** 0.5, rng.uniform(0, np.pi)
    y = (np.arange(size) - centre[0]).astype(np.float32)[:, None]
    x = (np.arange(size) - centre[1]).astype(np.float32)[None, :]
    c, s = float(np.cos(turn)) / radius, float(np.sin(turn)) / radius
    far = np.square((y * c + x * s) / aspect) + np.square((x * c - y * s) * aspect)
    if rng.random() < 0.4:
        return np.asarray(np.sqrt(np.clip(1 - far, 0, 1)))
    far = np.sqrt(far)
    soft = rng.uniform(0.5, 12) / radius
    return np.asarray(1 / (1 + np.exp(np.clip((far - 1) / soft, -30, 30))))
