"""What cameras and scans do to an image besides counting."""

from __future__ import annotations

import numpy as np


def disturb(rng: np.random.Generator, image: np.ndarray) -> np.ndarray:
    """Add some of: uneven light, hot pixels, lines of the scan, 8 bits; float32 [y, x]."""
    height, width = image.shape
    if rng.random() < 0.5:
        slope = rng.uniform(-4, 4, 2).astype(np.float32)
        y, x = np.linspace(-1, 1, height), np.linspace(-1, 1, width)
        image = image + (slope[0] * y[:, None] + slope[1] * x[None, :]).astype(np.float32)
    if rng.random() < 0.15:
        many = int(rng.integers(1, 6))
        image[rng.integers(0, height, many), rng.integers(0, width, many)] += rng.uniform(5, 30)
    if rng.random() < 0.12:
        lines = rng.uniform(0.05, 0.6) * rng.standard_normal((height, 1))
        image = image + lines.astype(np.float32)
    if rng.random() < 0.1:
        shift = np.rint(rng.normal(0, rng.uniform(0.2, 0.8), height)).astype(int)
        columns = (np.arange(width)[None, :] + shift[:, None]) % width
        image = np.take_along_axis(image, columns, axis=1)
    if rng.random() < 0.15:
        low, high = float(image.min()), float(image.max())
        step = (high - low + 1e-6) / 255
        image = np.rint((image - low) / step) * step
    return np.asarray(image, np.float32)
