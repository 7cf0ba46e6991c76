"""Counts: how much light each frame holds; the thinnest analysis there is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xarray as xr

from .operators import Calibration


@dataclass(frozen=True)
class Counts:
    """Sum, mean and extremes of each image."""

    offset: float = 0.0
    """Dark level subtracted from every pixel, in counts."""

    def __call__(self, images: np.ndarray, calibration: Calibration) -> xr.Dataset:
        """Sum `images[n, y, x]`; the same for every calibration."""
        del calibration
        pixels = images.shape[1] * images.shape[2]
        total = images.sum(axis=(1, 2), dtype=np.float64) - self.offset * pixels
        variables = {
            "total": (total, "counts", "sum of all pixels"),
            "mean": (total / pixels, "counts", "mean of all pixels"),
            "minimum": (images.min(axis=(1, 2)) - self.offset, "counts", "darkest pixel"),
            "maximum": (images.max(axis=(1, 2)) - self.offset, "counts", "brightest pixel"),
        }
        return xr.Dataset(
            {
                name: (
                    "frame",
                    np.asarray(values, np.float64),
                    {"units": units, "long_name": words},
                )
                for name, (values, units, words) in variables.items()
            }
        )
